"""The z3 engine: what the exact engine leaves open in families, proved or refuted with a point."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import Claim, Verdict, certify
from rescu_cli.certify.crosscheck import MEMBERS, crosscheck, members
from rescu_cli.certify.engines.z3 import Z3Engine, in_field, investigate
from rescu_cli.certify.question import Question
from rescu_cli.certify.smt.replay import replay
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.derive import derive
from rescu_cli.core.expression import expression_shape
from rescu_cli.errors import UndefinedActivationError
from tests.certify.families import family

ROOT = Path(__file__).parents[2]
POSITIVE_PAIR = "a > 0, b > 0"
Q = "(a**2 - a*b + b**2)"
PROVED, REFUTED, UNDECIDED = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED


def exact(activation: Activation, name: str) -> Claim:
    return certify(activation, [name], engines=["exact"])[name]


def solved(activation: Activation, name: str) -> Claim:
    return certify(activation, [name], engines=["z3"])[name]


BEYOND_EXACT = [
    ("a sign of the slope", family([f"{Q}*x"], (), POSITIVE_PAIR), "monotone", None),
    ("a quartic slope", family(["x**5/5 + a*x**3/3 + b*x**2/2 + (1 + b**2)*x"], (), POSITIVE_PAIR), "monotone", None),
    ("a discriminant", family(["x**4/12 - a*x**3/6 + (a**2 - a*b + b**2)*x**2"], (), "b > a, a > 0"), "convex", None),
    ("a division", family([f"x/{Q}"], (), POSITIVE_PAIR), "monotone", None),
    ("a pole kept away", family([f"5*x + x/(x**2 + {Q})"], (), "a > 1, b > 1"), "continuous", None),
    ("asymptotes that meet", family(["0", f"x**2*{Q}", f"2*{Q}*x - {Q}"], ("0", "1"), POSITIVE_PAIR), "relu_gap", "a**2/4 - a*b/4 + b**2/4"),
    ("an infimum", family(["0", f"x**3 - {Q}*x"], ("0",), POSITIVE_PAIR), "bounded_below", f"-2*sqrt(3)*{Q}**(3/2)/9"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "activation", "name", "value"),
    BEYOND_EXACT,
    ids=lambda v: v if isinstance(v, str) and " " in v else "",
)
def test_families_beyond_the_exact_engine_are_proved(
    label: str, activation: Activation, name: str, value: str | None
) -> None:
    assert not exact(activation, name).complete
    found = solved(activation, name)
    assert found.status is PROVED, found
    assert found.complete
    assert found.method == "z3"
    assert found.for_all == activation.assumptions.describe()
    if value is not None:
        names = {s.name: s for p in activation.pieces for s in p.value.free_symbols}
        gap = sp.sympify(str(found.value), locals=names) - sp.sympify(value, locals=names)
        assert sp.simplify(gap) == 0
    used = investigate(Question(name, activation)).queries
    assert used
    for query in used:
        assert query.holds
        assert replay(query.smt2, other_than=query.strategy) == "unsat"


def dip(assume: str) -> Activation:
    """f′ = (x − b/2)² + 1 − b/100 is negative only for b > 100, and only around x = b/2."""
    return family(["x**3/3 - b*x**2/2 + (b**2/4 + 1 - b/100)*x"], (), assume)


def test_a_family_that_fails_only_beyond_100_is_refuted_with_a_point() -> None:
    assert exact(dip("b > 0"), "monotone").status is UNDECIDED
    found = solved(dip("b > 0"), "monotone")
    assert found.status is REFUTED
    assert found.witness is not None
    b, x = sp.Rational(found.witness["b"]), sp.Rational(found.witness["x"])
    assert b > 100
    assert (x - b / 2) ** 2 + 1 - b / 100 < 0
    assert solved(dip("0 < b <= 100"), "monotone").status is PROVED


def test_a_jump_beyond_100_is_found_too() -> None:
    curved = family(
        ["x", "x + (100 - b)*x**2/2", "(101 - b)*(x - 1) + 1 + (100 - b)/2"], ("0", "1"), "b > 0"
    )
    found = solved(curved, "convex")
    assert found.status is REFUTED
    assert found.witness is not None
    assert sp.Rational(found.witness["b"]) > 100
    torn = family(["0", "Max(b, 100) - 100 + x"], ("0",), "b > 0")
    found = solved(torn, "continuous")
    assert found.status is REFUTED
    assert found.witness is not None
    assert sp.Rational(found.witness["b"]) > 100


def test_ordered_slopes_give_a_rescu_and_unordered_ones_are_refuted() -> None:
    values = [
        "(g_minus**3 + g_minus)*x",
        "((g_plus**3 + g_plus) - (g_minus**3 + g_minus))*(x + beta)**2/(4*beta) + (g_minus**3 + g_minus)*x",
        "(g_plus**3 + g_plus)*x",
    ]
    ordered = family(values, ("-beta", "beta"), "0 <= g_minus <= g_plus")
    for name in ("continuous", "monotone", "convex", "rescu"):
        assert solved(ordered, name).status is PROVED
    loose = family(values, ("-beta", "beta"), "g_minus >= 0")
    assert solved(loose, "monotone").status is REFUTED
    assert solved(loose, "convex").status is REFUTED


def test_a_derived_family_is_decided_by_the_second_engine() -> None:
    known = read_assumptions([POSITIVE_PAIR])
    ramp = derive(expression_shape(f"0 if x < 0 else {Q}*x if x < 1 else {Q}", known))
    found = certify(ramp, ["monotone", "convex", "gradient_range", "relu_gap"])
    assert {c.status for c in found} == {PROVED}
    assert "z3" in {c.method for c in found}


@pytest.mark.parametrize("value", ["x/(a - b)", "x/(a - b)**2", "x/(a*b - 1)"])
def test_a_division_by_what_may_vanish_stays_undecided(value: str) -> None:
    loose = family([value], (), POSITIVE_PAIR)
    for name in ("continuous", "monotone", "convex", "gradient_range", "bounded_below"):
        assert solved(loose, name).status is not PROVED, name
    assert solved(loose, "continuous").status is UNDECIDED


@pytest.mark.parametrize("value", ["1/(x**2 + a - b)", "x*sqrt(a - b)"])
def test_what_is_undefined_for_some_parameters_is_refused_with_them(value: str) -> None:
    with pytest.raises(UndefinedActivationError, match=r"a = .*, b = "):
        certify(family([value], (), POSITIVE_PAIR), ["continuous"])


@pytest.mark.parametrize("name", [n for n in catalogue.names() if in_field(catalogue.get(n))])
def test_the_catalogue_is_decided_alike_by_both_engines(name: str) -> None:
    activation = catalogue.get(name)
    first = certify(activation, engines=["exact"])
    for claim in certify(activation, engines=["z3"]):
        assert (claim.status, claim.value) == (first[claim.claim].status, first[claim.claim].value)
        assert claim.method == (None if claim.status is UNDECIDED else "z3")


def test_what_has_no_parameters_or_is_not_rational_is_left_to_others() -> None:
    for name in ("relu", "softplus", "swish"):
        assert Z3Engine().decide(Question("monotone", catalogue.get(name))) is None
    assert not in_field(catalogue.get("smelu").bind(beta=1))
    assert in_field(catalogue.get("smelu"))


def test_members_are_admissible_spread_and_the_same_every_time() -> None:
    gsmelu = catalogue.get("gsmelu")
    drawn = members(gsmelu)
    assert len(drawn) == MEMBERS
    members.cache_clear()
    assert [p for p, _ in members(gsmelu)] == [p for p, _ in drawn]
    sizes = sorted(abs(v) for p, _ in drawn for v in p.values())
    assert sizes[0] < sp.Rational(1, 10)
    assert sizes[-1] > 100
    narrow = family(["g_minus*x", "g_plus*x"], ("0",), "0 <= g_minus <= g_plus <= 1")
    for point, member in members(narrow):
        low, high = (point[s] for s in sorted(point, key=str))
        assert 0 <= low <= high <= 1
        assert not member.free_parameters
    line = family(["g_minus*x", "g_plus*x"], ("0",), "g_minus <= g_plus, g_plus <= g_minus")
    assert len(members(line)) >= 5


def test_a_true_claim_passes_the_cross_check_also_without_the_exact_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smelu = catalogue.get("smelu")
    claims = list(certify(smelu, engines=["z3"]))

    def silent(self: object, question: Question) -> Claim:
        return Claim(question.claim, UNDECIDED, reason="silent")

    monkeypatch.setattr("rescu_cli.certify.engines.exact.ExactEngine.decide", silent)
    for claim in claims:
        assert crosscheck(claim, smelu) == MEMBERS


def test_bound_members_of_a_family_are_decided_alike() -> None:
    part = catalogue.get("gsmelu").bind(alpha=2, beta=1)
    assert part.free_parameters
    for name in ("homogeneous", "gradient_range", "relu_gap", "smooth"):
        first, second = exact(part, name), solved(part, name)
        assert (first.status, first.value) == (second.status, second.value)


def test_names_that_sympy_knows_survive_the_comparison_of_values() -> None:
    names = {"a": "S", "b": "N"}  # SymPy has other meanings for both
    plain = family(["0", f"{Q}*x**2/2"], ("0",), POSITIVE_PAIR)
    parameters = tuple(replace(p, name=names[p.name]) for p in plain.parameters)
    renamed = {p.symbol: q.symbol for p, q in zip(plain.parameters, parameters, strict=True)}
    pieces = tuple(
        Piece(p.lower, p.upper, p.value.subs(renamed), p.gradient.subs(renamed))
        for p in plain.pieces
    )
    found = solved(replace(plain, parameters=parameters, pieces=pieces), "gradient_lipschitz")
    assert found.status is PROVED
    assert "N" in str(found.value)


def test_z3_is_not_loaded_for_what_the_exact_engine_decides() -> None:
    code = (
        "import sys\nfrom rescu_cli import catalogue\nfrom rescu_cli.certify import certify\n"
        "certify(catalogue.get('smelu')); assert 'z3' not in sys.modules\n"
        "certify(catalogue.get('smelu'), ['smooth'], engines=['z3'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_engine_names_the_version_that_answered() -> None:
    assert Z3Engine().version.startswith("z3 ")
