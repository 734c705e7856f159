"""Suprema are enclosed tightly, exact where they can be, and agree with independent values."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify import certify
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.enclosure.supremum import supremum
from rescu_cli.core.balls import Enclosed
from rescu_cli.core.symbols import X

OO = sp.oo
SWISH = X / (1 + sp.exp(-X))


def peak(f: object, guess: float) -> mpmath.mpf:
    """The value of f where its derivative vanishes near a guess, by mpmath alone."""
    with mpmath.workdps(60):
        at = mpmath.findroot(lambda t: mpmath.diff(f, t), guess)
        return f(at)  # type: ignore[operator]


def test_swish_bottoms_out_at_minus_the_omega_like_constant() -> None:
    """Its minimum is −W(1/e): x = −1 − W(1/e) solves 1 + e^x + x·1 = 0."""
    found = -supremum(-SWISH, -OO, OO)
    assert isinstance(found, Enclosed)
    with mpmath.workdps(40):
        truth = -mpmath.lambertw(mpmath.exp(-1)).real
        low, high = (mpmath.mpf(e.p) / e.q for e in found.args)
        assert low <= truth <= high
        assert high - low < mpmath.mpf(10) ** -12
    assert found.decimal.startswith("-0.27846454276")


def sigma(t: mpmath.mpf) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-t))


CASES = {
    ("mish", "bounded_below", 0): (lambda t: t * mpmath.tanh(mpmath.log1p(mpmath.exp(t))), -1.19),
    ("mish", "gradient_range", 1): (
        lambda t: mpmath.diff(lambda u: u * mpmath.tanh(mpmath.log1p(mpmath.exp(u))), t), 1.49),
    ("mish", "gradient_range", 0): (
        lambda t: mpmath.diff(lambda u: u * mpmath.tanh(mpmath.log1p(mpmath.exp(u))), t), -2.26),
    ("tanhexp", "bounded_below", 0): (lambda t: t * mpmath.tanh(mpmath.exp(t)), -1.08),
    ("swish:k=1", "gradient_range", 1): (lambda t: sigma(t) * (1 + t * sigma(-t)), 2.4),
    ("swish:k=1", "gradient_range", 0): (lambda t: sigma(t) * (1 + t * sigma(-t)), -2.4),
    ("gelu:k=1", "bounded_below", 0): (lambda t: t * mpmath.ncdf(t), -0.75),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_enclosures_hold_the_literature_and_mpmath(case: tuple[str, str, int]) -> None:
    spec, name, which = case
    claim = certify(catalogue.resolve(spec), [name])[name]
    shown = claim.value[which] if isinstance(claim.value, tuple) else claim.value
    assert claim.error is not None
    error = mpmath.mpf(claim.error)
    assert error <= mpmath.mpf("5e-11"), "an enclosure no wider than 1e-10"
    f, guess = CASES[case]
    with mpmath.workdps(60):
        assert abs(peak(f, guess) - mpmath.mpf(str(shown))) <= error


def test_a_supremum_approached_slowly_is_exact() -> None:
    """(1 + x/√(1 + x²))/2 comes within 1e-13 of 1 only beyond a million."""
    assert supremum((1 + X / sp.sqrt(1 + X**2)) / 2, -OO, OO) == 1


def test_reached_candidates_make_it_exact() -> None:
    slope = sp.diff(SWISH, X, 2)
    assert supremum(slope, -OO, OO, [sp.S.Zero]) == sp.Rational(1, 2)


@pytest.mark.parametrize(
    ("expr", "answer"), [(X, OO), (sp.exp(-X), OO), (-sp.exp(-X), 0), (-(X**2), 0)], ids=str
)
def test_unbounded_and_limits(expr: sp.Expr, answer: sp.Expr) -> None:
    assert supremum(expr, -OO, OO, [sp.S.Zero]) == answer


def test_a_tail_that_falls_to_minus_infinity_may_rise_first() -> None:
    """−x − 5x·e^(8−x) is negative beyond 8 and −48 there, but about −13 at 12."""
    rising_first = -X - 5 * X * sp.exp(8 - X)
    found = supremum(rising_first, sp.Integer(7), OO)
    with mpmath.workdps(40):
        truth = peak(lambda t: -t - 5 * t * mpmath.exp(8 - t), 11.5)
        low, high = (mpmath.mpf(e.p) / e.q for e in found.args)
        assert low <= truth <= high


def test_no_supremum_is_claimed_without_a_tail() -> None:
    with pytest.raises(UndecidedError, match=r"only enclosed|towards"):
        supremum(sp.sin(X) + sp.sin(sp.sqrt(2) * X), -OO, OO)


def test_the_printed_decimal_is_as_good_as_its_error_says() -> None:
    number = Enclosed(sp.Rational(1, 3) - sp.Rational(1, 10**9), sp.Rational(1, 3))
    assert number.decimal == "0.33333333"
    assert abs(sp.Rational(number.decimal) - sp.Rational(1, 3)) <= number.error
    assert (-number).decimal == "-0.33333333"
    assert Enclosed(sp.Rational(-1, 10**14), sp.Rational(1, 10**14)).decimal == "0.000000000000"
