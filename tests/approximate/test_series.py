"""Taylor series with balls contain the derivatives."""

from __future__ import annotations

import flint
import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.approximate.series import taylor
from rescu_cli.core import balls, symbols
from rescu_cli.core.symbols import X

EXPRESSIONS = [
    sp.exp(X) * sp.sin(X),
    sp.tanh(X),
    sp.asinh(X),
    symbols.sigmoid(X) * X,
    symbols.log1p(X**2),
    symbols.expm1(X),
    symbols.Phi(X),
    sp.sqrt(1 + X**2),
    (2 + X) ** sp.Rational(1, 3),
    sp.cosh(X) - sp.sinh(X),
    sp.atan(X) / (1 + X**2),
    sp.Max(X, 2),
    sp.Abs(X - 5),
    sp.erf(X) + sp.erfc(X / 2),
    1 / (3 + X) ** 3,
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("at", [-0.75, 0.5])
def test_coefficients_at_a_point_are_derivatives_over_factorials(expr: sp.Expr, at: float) -> None:
    with balls.precision(192):
        found = taylor(expr, flint.arb(at), 8)
    assert found is not None
    plain = symbols.plain(expr)
    for k, ball in enumerate(found):
        true = sp.N((sp.diff(plain, X, k) / sp.factorial(k)).subs(X, sp.Rational(at)), 40)
        assert abs(float(ball.mid()) - float(true)) < 1e-14 * (1 + abs(float(true)))


@pytest.mark.parametrize("name", catalogue.names())
def test_coefficients_on_a_box_contain_those_of_every_point_of_it(name: str) -> None:
    activation = catalogue.get(name).with_defaults()
    for piece in activation.pieces:
        low = float(max(piece.lower, -2.0)) if piece.lower.is_finite else -2.0
        high = min(float(piece.upper), low + 0.25) if piece.upper.is_finite else low + 0.25
        if low > high:
            low = high - 0.25
        middle, width = (low + high) / 2, (high - low) / 2
        with balls.precision(192):
            box = taylor(piece.value, flint.arb(middle, width), 7)
            assert box is not None
            for t in (-1.0, -0.3, 0.0, 0.7, 1.0):
                point = taylor(piece.value, flint.arb(middle + t * width), 7)
                assert point is not None
                assert all(b.overlaps(p) for b, p in zip(box, point, strict=True))


def test_where_there_is_no_series_none_is_returned() -> None:
    with balls.precision(128):
        assert taylor(sp.Abs(X), flint.arb(0, 1), 4) is None
        assert taylor(sp.log(X), flint.arb(0, 1), 4) is None
        assert taylor(sp.Max(X, 0), flint.arb(0), 4) is None
        assert taylor(1 / X, flint.arb(0, 1), 4) is None


def test_an_integral_to_x_has_a_series() -> None:
    t = sp.Symbol("t", real=True)
    with balls.precision(128):
        found = taylor(sp.Integral(sp.exp(-(t**4)), (t, 0, X)), flint.arb(0.5), 4)
    assert found is not None
    with mpmath.workdps(30):
        value = mpmath.quad(lambda u: mpmath.exp(-(u**4)), [0, 0.5])
        assert abs(float(found[0].mid()) - value) < 1e-15
        assert abs(float(found[1].mid()) - mpmath.exp(-(mpmath.mpf(0.5) ** 4))) < 1e-15


SETTLED = [
    (sp.log(1 + sp.exp(1000 * X)), 1000 * X),
    (symbols.log1p(sp.exp(1000 * X)), 1000 * X),
    (symbols.sigmoid(1000 * X), sp.S.One),
    (sp.tanh(1000 * X), sp.S.One),
]


@pytest.mark.parametrize(("expr", "right"), SETTLED, ids=str)
def test_what_has_settled_to_a_line_is_enclosed_as_one(expr: sp.Expr, right: sp.Expr) -> None:
    """exp(1000x) ranges over 20 decades on the box; f and its line differ by 1e-200."""
    left = -sp.S.One if isinstance(expr, sp.tanh) else sp.S.Zero
    for middle, line in ((0.5, right), (-0.5, left)):
        with balls.precision(192):
            found = taylor(expr, flint.arb(middle, 0.02), 8)
        assert found is not None
        for k, ball in enumerate(found):
            wanted = sp.diff(line, X, k).subs(X, middle) if k else line.subs(X, middle)
            assert abs(float(ball.mid()) - float(wanted)) < 1e-6 * (1 + abs(float(wanted)))
            # The head ranges with the line; nothing else has room.
            assert float(ball.rad()) < (21 if k == 0 else 1e-50)
