"""No claim about a random function is contradicted: five hundred functions, all claims of each.

A proof falls if an enclosure at one of some hundred points of a piece, at a joint, or as far out as
10⁴⁰ excludes it; a value also if a search stays away from it; a refutation if its witness does not
violate the claim. ``benchmarks/honesty.py`` does the same with twenty thousand.
"""

from __future__ import annotations

from random import Random

import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rescu_cli.certify import Certificate, Claim, Verdict, certify
from rescu_cli.core.symbols import X
from tests.theorems.honest_cases import Case, make, tile
from tests.theorems.honest_oracle import fallen, lies

PROVED, REFUTED, UNDECIDED = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED
POLYNOMIAL = (
    "continuous", "smooth", "gradient_matches", "monotone", "convex", "gradient_range",
    "gradient_lipschitz", "left_asymptote", "right_asymptote", "homogeneous", "rescu",
)  # fmt: skip


def cases(kind: str) -> st.SearchStrategy[Case]:
    """Functions of a kind, from the generator that the campaign uses."""
    return st.randoms(use_true_random=False).map(lambda rng: make(rng, (kind,)))


def counted(number: int) -> settings:
    return settings(
        max_examples=number, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a failing case is small; to shrink it takes minutes
    )  # fmt: skip


def contradictions(case: Case) -> list[str]:
    found = certify(case.activation, engines=case.engines)
    return [str(lie) for lie in lies(case.activation, found, Random(0))]


@counted(110)
@given(cases("knots"))
def test_gradients_through_rational_knots(case: Case) -> None:
    """Everything about them is decided, too: they are piecewise polynomial and C¹."""
    found = certify(case.activation, engines=case.engines)
    assert not [str(lie) for lie in lies(case.activation, found, Random(0))]
    assert not [c for c in found if c.claim in POLYNOMIAL and c.status is UNDECIDED]
    assert found["continuous"].status is PROVED
    assert found["smooth"].value != "0"


@counted(280)
@given(cases("polynomial"))
def test_polynomial_pieces_that_may_miss_each_other_by_a_hair(case: Case) -> None:
    assert not contradictions(case)


@counted(40)
@given(cases("named"))
def test_named_shapes_with_random_widths_and_leaks(case: Case) -> None:
    assert not contradictions(case)


@pytest.mark.slow
@counted(30)
@given(cases("family"))
def test_families_of_polynomials_at_random_members(case: Case) -> None:
    assert not contradictions(case)


@pytest.mark.slow
@counted(10)
@given(cases("rational"))
def test_rational_pieces(case: Case) -> None:
    assert not contradictions(case)


@pytest.mark.slow
@counted(30)
@given(cases("mixed"))
def test_transcendental_pieces(case: Case) -> None:
    assert not contradictions(case)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["knots", "polynomial", "named", "family"])
def test_evidence_of_random_functions_replays(kind: str) -> None:
    """Written to JSON and read back, every claim of a certificate still stands."""
    for seed in range(5):
        assert not fallen(make(Random(f"evidence:{seed}"), (kind,)).activation)


# -- the oracle itself -----------------------------------------------------------------------

BOWL = tile([X**2, X**3 / 3], [sp.S.Zero])
"""Convex right of 0 and falling left of it; f″ jumps at 0 from 2 to 0."""
FALSE_PROOFS = [
    Claim("smooth", PROVED, "2", method="exact"),
    Claim("smooth", PROVED, "0", method="exact"),
    Claim("monotone", PROVED, method="exact"),
    Claim("bounded_below", PROVED, "1/1000000000", method="exact"),
    Claim("bounded_below", PROVED, "-1", method="exact"),
    Claim("gradient_range", PROVED, ("-1000", "inf"), method="exact"),
    Claim("gradient_range", PROVED, ("-inf", "1000"), method="exact"),
    Claim("gradient_lipschitz", PROVED, "3", method="exact"),
    Claim("right_asymptote", PROVED, {"slope": "1", "intercept": "0"}, method="exact"),
    Claim("homogeneous", PROVED, method="exact", reason="f(c*x) = c*f(x) for all c > 0"),
    Claim("rescu", PROVED, ("-inf", "0"), method="exact"),
]
FALSE_REFUTATIONS = [
    Claim("continuous", REFUTED, method="exact", witness={"x": "0", "jump of f": "1"}),
    Claim("continuous", REFUTED, method="exact", witness={"x": "1", "jump of f": "1"}),
    Claim("continuous", REFUTED, method="exact", reason="because"),
    Claim("convex", REFUTED, method="exact", witness={"x": "1", "f''": "-1"}),
    Claim("monotone", REFUTED, method="exact", witness={"x": "1", "f'": "-1"}),
    Claim("monotone", REFUTED, method="exact", witness={"x": "-1", "f'": "-3"}),
    Claim("bounded_below", REFUTED, method="exact", witness={"x": "inf"}),
    Claim("gradient_matches", REFUTED, method="exact", witness={"x": "1", "f' - gradient": "1"}),
]


def stated(claim: Claim) -> Certificate:
    return Certificate("random", "random", BOWL.digest, None, {"exact": "0"}, (claim,))


@pytest.mark.parametrize("claim", [*FALSE_PROOFS, *FALSE_REFUTATIONS], ids=lambda c: c.claim)
def test_a_false_verdict_is_seen_as_a_lie(claim: Claim) -> None:
    assert lies(BOWL, stated(claim), Random(0))


def test_a_true_certificate_has_no_lies() -> None:
    assert not lies(BOWL, certify(BOWL), Random(0))


def test_the_campaign_repeats_itself() -> None:
    one, two = (make(Random("1:17")) for _ in range(2))
    assert one.activation.digest == two.activation.digest
    assert one.engines == two.engines
