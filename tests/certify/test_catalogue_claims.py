"""The verdict of every claim about every catalogue activation, and that all of it stays fast."""

from __future__ import annotations

import time

import pytest

from rescu_cli import catalogue
from rescu_cli.certify import CLAIMS, certify

_YES, _NO = "proved", "refuted"
# Columns in the order of the table of claims:
# continuous smooth matches monotone convex bounded range lipschitz left right gap homogeneous rescu
EXPECTED = {
    "relu": "PPPPPPPPPPPPR",
    "leaky_relu": "PPPPRRPPPPPPR",  # alpha > 1 bends the other way
    "helu": "PPRPPPPPPPPPR",  # the stated gradient is meant to differ
    "smelu": "PPPPPPPPPPPPP",
    "gsmelu": "PPPRRRPPPPPPP",  # slopes of any sign and order
    "rescu_smoothstep": "PPPPPPPPPPPPP",
    "rescu_smootherstep": "PPPPPPPPPPPPP",
    "rescu_cosine": "PPPPPPPPPPPPP",
    "rescu_gaussian": "PPPPPPPPPPPPP",
    "rescu_laplace": "PPPPPPPPPPPPP",
    "softplus": "PPPPPPPPPPPPP",
    "squareplus": "PPPPPPPPPPPPP",
    "sau": "PPPPPRPPPPPPP",
    "smu": "PPPRRRPPPPPPR",
    "smu1": "PPPPPRPPPPPPP",
    "swish": "PPPRRPPPPPPPR",
    "hard_swish": "PPPRRPPPPPPRR",
    "gelu": "PPPRRPPPPPPPR",
    "gelu_tanh": "PPPRRPPPPPPRR",
    "mish": "PPPRRPPPPPPRR",
    "tanhexp": "PPPRRPPPPPPRR",
    "elu": "PPPPRPPPPPPRR",  # alpha > 1 bends the other way at 0
    "celu": "PPPPPPPPPPPPP",
    "selu": "PPPPRPPPPPPRR",
    "sigmoid": "PPPPRPPPPPRRR",
    "tanh": "PPPPRPPPPPRRR",
    "identity": "PPPPPRPPPPRPP",
}
_LETTER = {"P": _YES, "R": _NO}


def test_the_table_below_covers_the_catalogue() -> None:
    assert set(EXPECTED) == set(catalogue.names())
    assert {len(row) for row in EXPECTED.values()} == {len(CLAIMS)}


@pytest.mark.parametrize("name", EXPECTED)
def test_verdicts(name: str) -> None:
    certificate = certify(catalogue.get(name))
    found = {c.claim: str(c.status) for c in certificate}
    assert found == {
        claim: _LETTER[letter] for claim, letter in zip(CLAIMS, EXPECTED[name], strict=True)
    }
    for claim in certificate:
        assert claim.complete, claim
        assert claim.for_all == catalogue.get(name).assumptions.describe()


def test_no_claim_of_the_catalogue_comes_near_its_time_budget() -> None:
    """The budget makes verdicts depend on the machine; nothing shipped may need it."""
    for name in catalogue.names():
        for claim in certify(catalogue.get(name)):
            assert "not decided within" not in (claim.reason or "")


def test_bound_members_are_decided_like_their_family() -> None:
    for text in ("smelu:beta=0.5", "softplus:k=3", "gelu:k=2", "squareplus:c=0.1"):
        activation = catalogue.resolve(text)
        family = certify(catalogue.get(activation.name))
        for claim in certify(activation):
            assert claim.status == family[claim.claim].status, claim


@pytest.mark.slow
def test_the_three_columns_of_the_list_take_seconds_not_minutes() -> None:
    """A guard against a hang, ten times above what it takes on a slow machine."""
    start = time.process_time()
    for name in catalogue.names():
        certify(catalogue.get(name), ["smooth", "monotone", "convex"])
    assert time.process_time() - start < 30
