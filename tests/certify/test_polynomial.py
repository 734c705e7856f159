"""Signs of polynomials are exact: no grid is fine enough to replace them."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.polynomial import bernstein, polynomial_chart
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.symbols import X

KNOWN = Knowledge(read_assumptions([]))
THIRD = sp.Rational(1, 3)
ALPHA, BETA, G_MINUS, G_PLUS = (
    KNOWN.assumptions.domains[n].symbol(n) for n in ("alpha", "beta", "g_minus", "g_plus")
)


def test_a_dip_narrower_than_any_grid_is_found() -> None:
    dip = (X - THIRD) ** 2 - sp.Rational(1, 10**30)
    chart = polynomial_chart(dip, X, sp.S.Zero, sp.S.One, KNOWN)
    assert chart.signs == ("+", "-", "+")
    assert chart.overall is None
    lifted = (X - THIRD) ** 2 + sp.Rational(1, 10**30)
    assert polynomial_chart(lifted, X, sp.S.Zero, sp.S.One, KNOWN).overall == "+"
    touching = (X - THIRD) ** 2
    assert polynomial_chart(touching, X, sp.S.Zero, sp.S.One, KNOWN).overall == ">="


def test_roots_at_the_ends_do_not_count() -> None:
    chart = polynomial_chart(X * (1 - X), X, sp.S.Zero, sp.S.One, KNOWN)
    assert (chart.roots, chart.signs) == ((), ("+",))
    chart = polynomial_chart(X**2 - 2, X, -sp.sqrt(2), sp.sqrt(2), KNOWN)
    assert (chart.roots, chart.signs) == ((), ("-",))


def test_parameters_in_the_ends_and_in_the_coefficients() -> None:
    ramp = (X + BETA) / (2 * BETA)
    assert polynomial_chart(ramp, X, -BETA, BETA, KNOWN).overall == "+"
    between = G_MINUS + (X + ALPHA) * (G_PLUS - G_MINUS) / (ALPHA + BETA)
    with pytest.raises(UndecidedError):
        polynomial_chart(between, X, -ALPHA, BETA, KNOWN)
    positive = Knowledge(read_assumptions(["g_minus >= 0", "g_plus > 0"]))
    names = {n: positive.assumptions.domains[n].symbol(n) for n in ("g_minus", "g_plus")}
    same = between.subs({G_MINUS: names["g_minus"], G_PLUS: names["g_plus"]})
    assert polynomial_chart(same, X, -ALPHA, BETA, positive).overall == "+"
    parabola = X**2 - BETA**2
    assert polynomial_chart(parabola, X, -2 * BETA, 2 * BETA, KNOWN).signs == ("+", "-", "+")
    assert polynomial_chart(X**3 + BETA, X, sp.S.Zero, sp.S.Infinity, KNOWN).overall == "+"


def test_division_by_what_may_vanish_is_undecided() -> None:
    with pytest.raises(UndecidedError):
        polynomial_chart(X / G_PLUS, X, sp.S.Zero, sp.S.One, KNOWN)
    with pytest.raises(UndecidedError):
        polynomial_chart(G_PLUS * X + 1, X, sp.S.Zero, sp.S.One, KNOWN)


def test_bernstein_coefficients_end_at_the_end_values() -> None:
    powers = [sp.Integer(c) for c in (2, -3, 5)]
    for degree in (2, 4, 8):
        coefficients = bernstein(powers, degree)
        assert (coefficients[0], coefficients[-1]) == (2, 4)


rationals = st.fractions(min_value=-3, max_value=3, max_denominator=6)


@settings(max_examples=120, deadline=None)
@given(st.lists(rationals, min_size=1, max_size=7), rationals, rationals)
def test_the_chart_agrees_with_exact_evaluation(
    coefficients: list[Fraction], a: Fraction, b: Fraction
) -> None:
    low, high = sp.Rational(str(min(a, b))), sp.Rational(str(max(a, b) + 1))
    expr = sum((sp.Rational(str(c)) * X**i for i, c in enumerate(coefficients)), sp.S.Zero)
    chart = polynomial_chart(expr, X, low, high, KNOWN)
    ends = [low, *chart.roots, high]
    for k in range(1, 60):
        place = low + (high - low) * sp.Rational(k, 60)
        value = expr.subs(X, place)
        cell = sum(1 for r in chart.roots if bool(r < place))
        if any(bool(sp.Eq(r, place)) for r in ends):
            continue
        assert {"+": value > 0, "-": value < 0, "0": value == 0}[chart.signs[cell]]
