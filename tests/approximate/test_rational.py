"""Quotients without poles, and their near-minimax fits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.approximate import Polynomial, Quotient, sup_error
from rescu_cli.approximate.pade import fit_rational
from rescu_cli.errors import UsageError
from tests.approximate.subjects import target

WEIGHT = st.fractions(min_value=-4, max_value=4, max_denominator=64)


def q_of(form: str, weights: list[float], x: np.ndarray) -> np.ndarray:
    """The three forms, written from their definitions."""
    terms = np.array([b * x**i for i, b in enumerate(weights, 1)])
    if form == "A":
        return 1 + np.abs(terms).sum(axis=0)
    return {"B": 1.0, "C": 0.1}[form] + np.abs(terms.sum(axis=0))


@given(st.lists(WEIGHT, min_size=1, max_size=5), st.sampled_from("ABC"))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_sides_are_the_form_and_never_fall_below_its_constant(
    weights: list[Fraction], form: str
) -> None:
    try:
        found = Quotient(Polynomial((Fraction(1),)), tuple(weights), form)
    except UsageError as error:
        assert form != "A" and "changes its sign away from x = 0" in str(error)
        s = sp.Poly([*map(sp.Rational, map(str, reversed(weights))), 0], sp.Symbol("t"))
        assert any(r != 0 for r in s.real_roots())
        return
    x = np.linspace(-5, 5, 201)
    expected = q_of(form, [float(b) for b in weights], x)
    left, right = (
        np.polynomial.Polynomial([float(c) for c in p.coefficients]) for p in found.sides
    )
    assert np.where(x < 0, left(x), right(x)) == pytest.approx(expected, rel=1e-12)
    assert expected.min() >= float(found.floor)
    assert found.statement()["proved"] is True


@pytest.mark.parametrize("form", ["A", "B", "C"])
@pytest.mark.parametrize(
    ("text", "worst"), [("gelu", 1.3e-3), ("swish", 4.6e-7), ("tanh", 1.4e-6), ("relu", 0.018)]
)
def test_five_over_four_comes_near(text: str, worst: float, form: str) -> None:
    found = fit_rational(target(text), 5, 4, Fraction(-3), Fraction(3), form)
    error = sup_error(target(text), found, sp.Integer(-3), sp.Integer(3), splits=(sp.S.Zero,))
    assert error.proved and error.value <= worst
    assert found.form == form and len(found.weights) == 4


def test_it_beats_the_best_polynomial_with_as_many_coefficients_on_a_kink() -> None:
    from rescu_cli.approximate.remez import fit_minimax

    found = fit_rational(target("relu"), 5, 4, Fraction(-3), Fraction(3), "A")
    error = sup_error(target("relu"), found, sp.Integer(-3), sp.Integer(3), splits=(sp.S.Zero,))
    best = fit_minimax(target("relu"), 9, Fraction(-3), Fraction(3), 192)
    assert error.value < best.level / 3


def test_no_neighbour_in_the_family_is_better() -> None:
    """Near-minimax: moving any coefficient by a thousandth makes the largest error larger."""
    found = fit_rational(target("swish"), 4, 2, Fraction(-3), Fraction(3), "A")
    x = np.linspace(-3, 3, 4001)
    f = x / (1 + np.exp(-x))

    def error(a: list[float], b: list[float]) -> float:
        return float(np.max(np.abs(f - np.polynomial.Polynomial(a)(x) / q_of("A", b, x))))

    a, b = list(found.numerator.floats), [float(w) for w in found.weights]
    least = error(a, b)
    for k in range(len(a) + len(b)):
        for step in (1e-3, -1e-3):
            moved = [c + step * (i == k) for i, c in enumerate(a + b)]
            if all(w >= 0 for w in moved[len(a) :]):
                assert error(moved[: len(a)], moved[len(a) :]) > least * (1 - 1e-3)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UsageError, match="No rational form 'D'; choose one of A, B, C"):
        Quotient(Polynomial((Fraction(1),)), (Fraction(1),), "D")
