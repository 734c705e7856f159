"""Where functions change sign: exact points, refusals, and random formulas against arithmetic."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable

import pytest
import sympy as sp

from rescu_cli import derive
from rescu_cli.certify.calculus.closed_root import closed_root
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.switches import sign_changes
from rescu_cli.core.activation import Activation
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.split import split
from rescu_cli.core.symbols import POSITIVE, X
from rescu_cli.errors import DerivationError, UsageError

NONE = Assumptions({})
HALF = sp.Rational(1, 2)
BETA = POSITIVE.symbol("beta")


@pytest.mark.parametrize(
    ("expr", "points", "signs"),
    [
        (X - sp.sin(X), (0,), ("<=", ">=")),
        (sp.sinh(X) - sp.tanh(X), (0,), ("-", "+")),
        (HALF - sp.atan(X), (sp.tan(HALF),), ("+", "-")),
        (sp.log(1 + sp.exp(X)) - HALF, (sp.log(sp.exp(HALF) - 1),), ("-", "+")),
        (sp.asinh(X - 1) + 2, (1 - sp.sinh(2),), ("-", "+")),
        (sp.exp(-(X**2)) - HALF, (-sp.sqrt(sp.log(2)), 0, sp.sqrt(sp.log(2))), "-++-"),
        (sp.cosh(X) - 1 / (1 + sp.exp(-X)), (), ("+",)),
    ],
)
def test_points_are_exact(expr: sp.Expr, points: tuple[sp.Expr, ...], signs: str) -> None:
    assert sign_changes(expr, -sp.oo, sp.oo, NONE, strict=False) == (points, tuple(signs))


def test_parameters_are_kept() -> None:
    known = Assumptions({"beta": POSITIVE})
    found = sign_changes(sp.atan(X / BETA) - HALF, -sp.oo, sp.oo, known, strict=True)
    assert found == ((BETA * sp.tan(HALF),), ("-", "+"))


@pytest.mark.parametrize(
    "expr",
    [
        X - sp.cos(X),  # one root, no closed form
        sp.erf(X) - HALF,
        sp.sin(X),  # infinitely many
        X * sp.exp(X) - BETA,
        sp.sin(X) / X,  # has no value at 0
        sp.log(X),  # is not real on the left
    ],
)
def test_what_is_not_decided_is_not_guessed(expr: sp.Expr) -> None:
    known = Assumptions({"beta": POSITIVE})
    assert sign_changes(expr, -sp.oo, sp.oo, known, strict=False) is None


def test_a_touched_zero_counts_where_it_matters() -> None:
    """1 for x > sin x: x - sin x is only known to be ≥ 0 on the right."""
    assert sign_changes(X - sp.sin(X), -sp.oo, sp.oo, NONE, strict=True) is None
    assert len(split(sp.Max(X, sp.sin(X)), NONE, sign_changes)[0]) == 2
    with pytest.raises(DerivationError, match="Cannot locate"):
        split(sp.sign(X - sp.sin(X)), NONE, sign_changes)


def test_a_candidate_is_not_taken_for_a_root() -> None:
    line = Span(-sp.oo, sp.oo, Knowledge(NONE))
    tiny = sp.Rational(1, 10**40)
    assert closed_root(sp.sinh(X) + X, line) == 0
    assert closed_root(sp.sinh(X) + X + tiny, line) is None
    assert closed_root(sp.exp(X) + 1, line) is None  # ln(-1) is no place
    assert closed_root(sp.atan(X) - 2, line) is None  # tan 2 is, but atan(tan 2) is not 2
    assert closed_root(sp.exp(X) - 2, Span(sp.S.One, sp.oo, line.knowledge)) is None  # outside


@pytest.mark.parametrize(
    ("gradient", "smooth", "right"),
    [
        ("min(1, max(0, tanh(x) + 1/2))", "1", "slope 1, intercept 0"),
        ("max(0, min(1, 1/2 + atan(x/beta)))", "1", "slope 1, intercept 0"),
        ("min(1, max(0, sinh(x/beta) + 1/2))", "1", "slope 1, intercept 0"),
        ("max(0, min(1, 1/2 + asinh(x/beta)))", "1", "slope 1, intercept 0"),
        ("max(0, min(1, exp(x) - 1))", "1", "slope 1, intercept 1 - 2*log(2)"),
    ],
)
def test_gradients_that_switch_at_transcendental_places_are_derived_and_proved(
    gradient: str, smooth: str, right: str
) -> None:
    claims = {c.claim: c for c in derive(gradient).certificate.claims}
    assert all(claims[n].proved for n in ("continuous", "monotone", "convex", "rescu"))
    assert claims["smooth"].value == smooth
    assert claims["gradient_range"].value == ("0", "1")
    found = claims["right_asymptote"].to_dict()["value"]
    assert ", ".join(f"{k} {v}" for k, v in found.items()) == right


def test_max_of_x_and_its_sine_is_smooth_to_the_order_at_which_they_part() -> None:
    """The gradient is sin x below 0 and x above: x - sin x = x³/6 + …, so f⁗ jumps."""
    claims = {c.claim: c for c in derive("max(x, sin(x))").certificate.claims}
    assert claims["smooth"].value == "3"
    assert claims["monotone"].status.value == "refuted"


@pytest.mark.parametrize(("relation", "owner"), [("<", "right"), ("<=", "left")])
def test_ties_follow_the_text_at_located_joints_too(relation: str, owner: str) -> None:
    activation = derive(f"0 if exp(x) {relation} 2 else 1").activation
    assert activation.breakpoints == (sp.log(2),)
    assert activation.owners == (owner,)


def test_a_point_of_a_chart_need_not_be_a_zero() -> None:
    """x − cosh x < 0 has the point 0 in its chart, where it is −1, and another condition's joint."""
    assert sign_changes(X - sp.cosh(X), -sp.oo, sp.oo, NONE, strict=True) == ((0,), ("-", "-"))
    other = "(0 if x - cosh(x) < 0 else 1)"
    assert derive(f"{other} + (0 if x < 0 else 1)").activation.owners == ("right",)
    assert derive(f"{other} + (0 if x <= 0 else 1)").activation.owners == ("left",)


def test_a_derived_file_has_the_same_joints() -> None:
    activation = derive("max(0, min(1, 1/2 + atan(x/beta)))").activation
    again = Activation.from_dict(activation.to_dict())
    assert (
        again.breakpoints == activation.breakpoints == (-BETA * sp.tan(HALF), BETA * sp.tan(HALF))
    )
    assert again.digest == activation.digest


@pytest.mark.parametrize(
    ("gradient", "joint"),
    [
        ("min(1, max(0, x**5 - x - 1))", "CRootOf(x**5 - x - 1, 0)"),
        ("min(1, max(0, sinh(x) - 1/(1 + exp(-x))))", "log(CRootOf(z**3 - z**2 - z - 1, 0))"),
    ],
)
def test_roots_of_polynomials_are_joints_like_others(gradient: str, joint: str) -> None:
    """SymPy has no radicals for them; they are enclosed, written and read back all the same."""
    derived = derive(gradient)
    activation, claims = derived.activation, {c.claim: c for c in derived.certificate.claims}
    assert str(activation.breakpoints[0]) == joint
    assert claims["rescu"].proved and claims["smooth"].value == "1"
    assert claims["right_asymptote"].proved
    assert Activation.from_dict(activation.to_dict()).digest == activation.digest


@pytest.mark.parametrize(
    "bad",
    ["x**5 - x - 1, 3", "x**5 - x - 1, 9", "x**5 - x - 1, -1", "x**5 - x - 1, 0.5", "x*z - 1, 0",
     "x**65 - x - 1, 0", "exp(x) - 2, 0", "x**5 - pi*x - 1, 0", "3, 0", "x**5 - x - 1"],
)  # fmt: skip
def test_what_is_no_root_is_refused_in_a_file(bad: str) -> None:
    data = json.dumps(derive("max(0, x**5 - x - 1)").activation.to_dict())
    with pytest.raises(UsageError, match="CRootOf"):
        Activation.from_dict(json.loads(data.replace("x**5 - x - 1, 0", bad)))
    with pytest.raises(UsageError, match="Unknown function"):  # nobody types it
        derive(f"max(0, x - CRootOf({bad}))")


# -- random formulas -----------------------------------------------------------------------------

_WORDS: tuple[Callable[[sp.Expr], sp.Expr], ...] = (
    sp.sin, sp.cos, sp.tanh, sp.exp, sp.atan, sp.asinh, sp.sinh, sp.cosh, sp.erf, sp.Abs,
    lambda u: sp.log(1 + sp.exp(u)), lambda u: 1 / (1 + sp.exp(-u)), lambda u: u, lambda u: u**2,
    lambda u: u**3, lambda u: sp.exp(-(u**2)), lambda u: sp.Max(u, 0), lambda u: sp.sqrt(sp.Abs(u)),
)  # fmt: skip


def _term(draw: random.Random) -> sp.Expr:
    inside = X * draw.choice([1, 1, 2, -1, HALF]) + draw.choice([0, 0, HALF, -1])
    term = draw.choice(_WORDS)(inside)
    return term + draw.choice(_WORDS)(X) / 2 if draw.random() < 0.25 else term


def _switching(draw: random.Random) -> sp.Expr:
    a = _term(draw)
    b = draw.choice([_term(draw), sp.Rational(draw.randint(-6, 6), draw.choice([1, 2, 3]))])
    return draw.choice([
        lambda: sp.Max(a, b), lambda: sp.Min(a, b), lambda: sp.Abs(a - b),
        lambda: sp.Max(0, sp.Min(1, a)), lambda: sp.sign(a - b),
        lambda: sp.Piecewise((a, a > b), (b, True)),
    ])()  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_random_formulas_have_their_values(seed: int) -> None:
    draw = random.Random(seed)
    n_cut = 0
    for _ in range(25):
        expr = _switching(draw)
        try:
            stretches, _ = split(expr, NONE, sign_changes)
        except DerivationError:
            continue
        n_cut += len(stretches) > 1
        for number in range(-57, 58):
            x = number / 9 + 0.001
            (mine,) = [s for s in stretches if float(s.lower) < x < float(s.upper)]
            want, found = (float(sp.N(e.subs(X, sp.Float(x, 30)), 15)) for e in (expr, mine.expr))
            assert math.isclose(want, found, rel_tol=1e-9, abs_tol=1e-9), (expr, mine, x)
    assert n_cut >= 5
