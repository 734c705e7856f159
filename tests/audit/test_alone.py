"""Without a claim to compare with: what it computes, and what can be held against it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rescu_cli import api
from rescu_cli.errors import UnknownNameError
from tests.audit.conftest import Audit

Write = Callable[[str], str]
HEAD = "import numpy as np\ndef f(x):\n    return "


def test_it_is_recognised(audit: Audit) -> None:
    report = audit("gelu_plain:gelu")
    assert report.verdict is None
    assert report.recognised == ("gelu:k=1",)
    assert report.diagnosis[0].startswith("this is GELU with k = 1 (gelu:k=1), as far as floats")


@pytest.mark.parametrize(("body", "text"), [
    ("1.7159 * np.tanh(2 * x / 3)", "this is 1.7159*tanh(0.6666667*x)"),
    ("np.log1p(np.exp(-np.abs(3 * x))) / 3 + np.maximum(x, 0)", "softplus with k = 3"),
    ("0.5 * np.maximum(x, 0) - 2", "this is 0.5*relu(x) - 2"),
    ("0 * x + 3.5", "this is the constant 3.5"),
])  # fmt: skip
def test_fitted_and_moved_activations_are_recognised(written: Write, body: str, text: str) -> None:
    assert text in api.examine(f"{written(HEAD + body)}:f").diagnosis[0]


def test_a_stranger_is_not_forced_into_the_catalogue(written: Write) -> None:
    report = api.examine(f"{written(HEAD + 'np.sin(x)')}:f")
    assert report.recognised == ()
    assert report.diagnosis == ("it is none of the catalogue, nor one of it moved and scaled",)


def test_jumps_and_bends_are_located(written: Write) -> None:
    code = HEAD + "np.clip(x, 0, 6) + np.where(x > -1, 0.0833, 0.0)"
    said = api.examine(f"{written(code)}:f").diagnosis
    assert "jumps by 0.0833 at x = −1, from 0 to 0.0833" in said
    assert "bends at x = 0: slope 0 on the left, 1 on the right" in said
    assert "bends at x = 6: slope 1 on the left, 0 on the right" in said


REFUTED = [
    ("np.where(x > 0, 1.0, x * 0)", "continuous", {"x": 0.0, "next": 5e-324}),
    ("np.sin(x)", "monotone", None),
    ("np.minimum(x, 1)", "convex", {"x": 1.0}),
    ("np.maximum(x, 0)", "rescu", {"x": 0.0}),
    ("np.abs(x)", "gradient_lipschitz", {"x": 0.0}),
    ("1 / x", "continuous", {"x": 0.0}),
]


@pytest.mark.parametrize(
    ("body", "claim", "witness"), REFUTED, ids=[f"{r[1]} {r[0]}" for r in REFUTED]
)
def test_a_claim_is_refuted_by_floats(
    written: Write, body: str, claim: str, witness: dict[str, float] | None
) -> None:
    (found,) = api.examine(f"{written(HEAD + body)}:f", require=[claim]).claims
    assert found.status == "refuted"
    assert found.witness is not None
    assert witness is None or witness.items() <= found.witness.items()


def test_the_witness_against_monotone_is_a_decrease(written: Write) -> None:
    (found,) = api.examine(f"{written(HEAD + 'np.sin(x)')}:f", require=["monotone"]).claims
    assert found.witness is not None
    w = found.witness
    assert w["x"] < w["y"]
    assert w["f(x)"] > w["f(y)"]


TRUE = [
    ("np.maximum(x, 0)", ["continuous", "monotone", "convex"]),
    (
        "np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)",
        ["continuous", "monotone", "convex", "rescu", "smooth"],
    ),
    (
        "np.where(np.abs(x) < 1, (x + 1) ** 2 / 4, np.maximum(x, 0))",
        ["monotone", "convex", "rescu", "gradient_lipschitz"],
    ),
    ("x", ["homogeneous", "relu_gap", "bounded_below"]),
]


@pytest.mark.parametrize(("body", "claims"), TRUE, ids=[r[0] for r in TRUE])
def test_a_true_claim_stays_undecided(written: Write, body: str, claims: list[str]) -> None:
    """Floats never prove; and rounding is never taken for a counterexample."""
    report = api.examine(f"{written(HEAD + body)}:f", require=claims)
    assert [c.status for c in report.claims] == ["undecided"] * len(claims), report.claims
    assert all("a black box cannot be proved" in c.reason for c in report.claims)


def test_autograd_that_contradicts_the_values_refutes_gradient_matches(audit: Audit) -> None:
    report = audit("mish_backward:mish", require=["gradient_matches"])
    assert report.claims[0].status == "refuted"


def test_an_unknown_claim_is_refused_before_the_file_runs() -> None:
    with pytest.raises(UnknownNameError, match="No claim named 'monoton'"):
        api.examine("nowhere.py:f", require=["monoton"])
