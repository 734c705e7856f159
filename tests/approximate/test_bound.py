"""The proved bound on the error: never too small, never loose, and refutable."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp

from rescu_cli.approximate import Polynomial, Quotient, Target, judge_bound, sup_error
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.symbols import X, exact
from tests.approximate.subjects import JOINTS, ORACLE, target

THREE = sp.Integer(3)


def polynomial(*coefficients: float) -> Polynomial:
    return Polynomial(tuple(map(Fraction, coefficients)))


def dense(text: str, p: Polynomial, n: int = 4001) -> mpmath.mpf:
    """max |f − P| on a grid and beside every joint, at 40 digits, without any code under test."""
    with mpmath.workdps(40):
        points = [mpmath.mpf(6 * i) / (n - 1) - 3 for i in range(n)] + [
            mpmath.mpf(j) for j in (0, *JOINTS.get(text, ()))
        ]
        coefficients = [mpmath.mpf(c.numerator) / c.denominator for c in reversed(p.coefficients)]
        return max(abs(ORACLE[text](x) - mpmath.polyval(coefficients, x)) for x in points)


@pytest.mark.parametrize("text", list(ORACLE))
def test_the_bound_is_never_below_a_dense_evaluation_and_within_one_per_cent(text: str) -> None:
    rng = np.random.default_rng(7)
    x = np.linspace(-3, 3, 400)
    f = np.array([float(ORACLE[text](t)) for t in x.tolist()])
    for degree in (0, 2, 5, 11):
        fitted = np.polynomial.Polynomial.fit(x, f, degree).convert().coef
        p = polynomial(
            *np.pad(fitted, (0, degree + 1 - len(fitted))) + 1e-4 * rng.normal(size=degree + 1)
        )
        found = sup_error(target(text), p, -THREE, THREE)
        seen = dense(text, p, 1501)
        assert found.proved and found.reason is None
        assert found.value >= seen
        assert found.value <= seen * mpmath.mpf("1.01")
        assert found.lower <= found.value


def test_tiny_errors_are_bounded_as_sharply() -> None:
    """Where f and P agree to 1e−13, the difference of their balls must not drown."""
    from rescu_cli.approximate.remez import fit_minimax

    p = Polynomial(fit_minimax(target("tanh"), 31, Fraction(-1), Fraction(1), 192).coefficients)
    found = sup_error(target("tanh"), p, sp.Integer(-1), sp.Integer(1))
    assert found.proved and found.value < 1e-13
    assert found.value <= 1.001 * found.lower


def test_both_one_sided_limits_of_a_jump_count() -> None:
    zero = sp.S.Zero
    step = Activation(
        "steps",
        (),
        (Piece(-sp.oo, zero, zero, zero), Piece(zero, sp.oo, sp.S.One, zero)),
        ("left",),
    )
    found = sup_error(Target(step), polynomial(0.25), -THREE, THREE)
    assert found.proved and found.value == pytest.approx(0.75)


def test_a_piece_without_derivatives_is_still_bounded() -> None:
    """|x² − 1| in one piece: no Taylor series at ±1, but balls of its values."""
    bent = Activation("bent", (), (Piece(-sp.oo, sp.oo, sp.Abs(X**2 - 1), sp.S.Zero),))
    found = sup_error(Target(bent), polynomial(0.5), sp.Integer(-1), sp.Integer(1), tolerance=5e-3)
    assert found.proved and found.value == pytest.approx(0.5, rel=1e-2)


def test_an_integral_from_minus_infinity_is_sampled_and_says_so() -> None:
    t = sp.Symbol("t", real=True)
    slope = sp.exp(-(t**4))
    value = sp.Integral(slope, (t, -sp.oo, 0)) + sp.Integral(slope, (t, 0, X))
    subject = Target(Activation("tail", (), (Piece(-sp.oo, sp.oo, value, slope.subs(t, X)),)))
    assert not subject.closed_form
    error = sup_error(subject, polynomial(0.5, 0.5, 0.25), sp.Integer(-1), sp.Integer(1))
    assert not error.proved and "integral from -oo" in (error.reason or "")
    assert (
        judge_bound(subject, polynomial(0.5), sp.Integer(-1), sp.Integer(1), 9.0).verdict
        is Verdict.UNDECIDED
    )


def test_a_sharp_transition_inside_one_piece_is_seen() -> None:
    """SAU with s = 5e-5 turns within a ten-thousandth: sampling would miss what boxes do not."""
    subject = target("sau:alpha=0.15,s=0.00005")
    kinked = target("leaky_relu:alpha=0.15")
    p = polynomial(0.1, 0.575, 0.1)
    smooth, sharp = (sup_error(t, p, -THREE, THREE).value for t in (subject, kinked))
    assert smooth == pytest.approx(sharp, abs=2e-4)


def test_a_softplus_that_is_almost_a_kink_takes_few_boxes() -> None:
    one = exact(Fraction(1))
    kink = target("relu")
    smooth = target("softplus:k=1000000")
    p = polynomial(0.0625, 0.5, 0.5)
    found, sharp = (sup_error(t, p, -one, one) for t in (smooth, kink))
    assert found.proved and found.boxes < 200
    assert found.value == pytest.approx(sharp.value, rel=1e-3)


# -- controls: the judge -------------------------------------------------------------------------


def test_a_bound_that_holds_is_proved_and_one_too_small_is_refuted() -> None:
    p = polynomial(0.19947114020071635, 0.5, 0.19947114020071635)
    found = sup_error(target("relu"), p, -THREE, THREE)
    assert judge_bound(target("relu"), p, -THREE, THREE, found.value).verdict is Verdict.PROVED
    too_small = judge_bound(target("relu"), p, -THREE, THREE, found.value * 0.999)
    assert too_small.verdict is Verdict.REFUTED
    x = too_small.witness
    assert (
        x is not None
        and abs(max(x, 0) - (0.19947114020071635 * (1 + x * x) + x / 2)) > found.value * 0.999
    )


def test_the_judge_refutes_a_bound_that_fails_on_a_millionth_of_the_range() -> None:
    subject = target("gelu")
    p = polynomial(0.0, 0.5, 0.3)
    found = sup_error(subject, p, -THREE, THREE, tolerance=1e-12)
    assert (
        judge_bound(subject, p, -THREE, THREE, math.nextafter(found.lower, 0) * (1 - 1e-11)).verdict
        is Verdict.REFUTED
    )


def test_a_quotient_is_bounded_across_its_corner() -> None:
    q = Quotient(polynomial(0.05, 0.5, 0.4, 0.1), tuple(map(Fraction, (0.3, 0.2))), "A")
    found = sup_error(target("gelu"), q, -THREE, THREE, splits=(sp.S.Zero,))
    x = np.linspace(-3, 3, 20001)
    r = (0.05 + 0.5 * x + 0.4 * x**2 + 0.1 * x**3) / (1 + 0.3 * abs(x) + 0.2 * x**2)
    f = np.array([float(ORACLE["gelu"](t)) for t in x.tolist()])
    seen = float(np.max(np.abs(f - r)))
    assert found.proved and seen <= found.value <= seen * 1.01
