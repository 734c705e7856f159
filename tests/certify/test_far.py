"""Far forms enclose what they stand for on a whole tail, and give up rather than guess."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.certify.enclosure.far import far
from rescu_cli.certify.enclosure.form import Far
from rescu_cli.certify.enclosure.growth import FarError, Growth, compare
from rescu_cli.core import balls
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

BITS = 128
STRETCH = (1, "1.0001", "1.37", 3, 20)
"""Multiples of R at which a tail is looked at."""
EXPRESSIONS = [
    sp.exp(-X) * (X**3 - 7),
    X / (1 + sp.exp(-X)),
    1 - sp.tanh(X) ** 2,
    sp.tanh(sp.exp(-X)),
    X * sp.tanh(sp.log(1 + sp.exp(X))) - X,
    sp.sqrt(1 + X**2) - X,
    sp.log(1 + sp.exp(2 * X)) / 2 - X,
    sp.erfc(X / sp.sqrt(2)) / 2,
    sp.erf(X) - 1 + sp.exp(-(X**2)) / (sp.sqrt(sp.pi) * X),
    sp.atan(X) - sp.pi / 2 + 1 / X,
    sp.asinh(sp.exp(X)) - X - sp.log(2),
    sigmoid(3 * X) - sigmoid(2 * X),
    Phi(X) - sigmoid(X),
    log1p(sp.exp(-X)) - sp.exp(-X),
    expm1(-X) + 1 - sp.exp(-2 * X),
    sp.cosh(X) * sp.exp(-X) - sp.Rational(1, 2),
    (X**2 + 1) / (X**2 - 1) - 1,
    sp.exp(-sp.exp(X)),
    sp.sin(1 / X) - 1 / X,
]


def spelled(expr: sp.Expr) -> sp.Expr:
    plain = expr.replace(sigmoid, lambda u: 1 / (1 + sp.exp(-u)))
    plain = plain.replace(Phi, lambda u: sp.erfc(-u / sp.sqrt(2)) / 2)
    return plain.replace(log1p, lambda u: sp.log(1 + u)).replace(expm1, lambda u: sp.exp(u) - 1)


def evaluated(expr: sp.Expr, x: mpmath.mpf) -> mpmath.mpf:
    return sp.lambdify(X, spelled(expr), "mpmath")(x)


def limit(expr: sp.Expr) -> sp.Expr:
    """By SymPy, which knows nothing of this package's functions."""
    return sp.limit(spelled(expr), X, sp.oo)


def first(expr: sp.Expr, side: int = 1) -> tuple[int, Far, int]:
    for start in (4, 8, 16, 32, 64):
        try:
            form = far(expr, start, side)
            return start, form, form.sign()
        except FarError:
            continue
    pytest.fail(f"no far form of {expr}")


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("side", [1, -1])
def test_the_sign_holds_all_along_the_tail(expr: sp.Expr, side: int) -> None:
    mirrored = expr.subs(X, -X) if side < 0 else expr
    with balls.precision(BITS), mpmath.workdps(3000):
        start, _, sign = first(mirrored, side)
        for stretch in STRETCH:
            value = evaluated(expr, start * mpmath.mpf(stretch))
            assert mpmath.sign(value) == sign, stretch


@pytest.mark.parametrize("expr", [e for e in EXPRESSIONS if limit(e).is_finite], ids=str)
def test_the_range_holds_all_along_the_tail_and_the_limit_is_exact(expr: sp.Expr) -> None:
    with balls.precision(BITS), mpmath.workdps(400):
        start, form, _ = first(expr)
        low, high = balls.rational_bounds(form.range())
        for stretch in STRETCH:
            value = evaluated(expr, start * mpmath.mpf(stretch))
            assert mpmath.mpf(low.p) / low.q <= value <= mpmath.mpf(high.p) / high.q
        assert form.limit() == limit(expr)


@pytest.mark.parametrize("name", catalogue.names())
def test_every_catalogue_piece_has_a_far_form(name: str) -> None:
    activation = catalogue.get(name).with_defaults()
    for piece, side in ((activation.pieces[0], -1), (activation.pieces[-1], 1)):
        for expr in (piece.value, piece.gradient):
            with balls.precision(BITS):
                start, _, sign = first(expr, side)
            with mpmath.workdps(300):
                at = mpmath.mpf(side * start) * 2
                assert mpmath.sign(evaluated(sp.sympify(expr), at)) == sign


def test_what_has_not_set_in_is_not_claimed() -> None:
    """x³e^(−x) still rises at 2: its bound starts at 3."""
    decay = X**3 * sp.exp(-X)
    with balls.precision(BITS):
        with pytest.raises(FarError, match="has not set in"):
            far(decay, 2).range()
        assert far(decay, 4).range().upper() < 1.18  # 64/e^4 = 1.1722


@pytest.mark.parametrize(
    "expr", [sp.sin(X), sp.exp(sp.exp(X)), sp.log(X), sp.exp(sp.sqrt(X)), sp.log(-X - 1)], ids=str
)
def test_what_has_no_far_form_says_so(expr: sp.Expr) -> None:
    with balls.precision(BITS), pytest.raises(FarError):
        far(expr, 8).sign()


def test_a_remainder_that_may_outweigh_the_leading_term_is_refused() -> None:
    """1 − 100/x changes sign at 100; before that no lemma may apply."""
    with balls.precision(BITS):
        for start in (4, 8, 16, 32, 64):
            with pytest.raises(FarError, match="outweigh"):
                far(1 - 100 / X, start).sign()
        assert far(1 - 100 / X, 128).sign() == 1


def test_growths_are_ordered_by_exponent_first() -> None:
    ladder = [
        (-(X**2), 5),
        (-X, 9),
        (0, -1),
        (0, 0),
        (0, 2),
        (X, -50),
        (sp.sqrt(2) * X, 0),
        (X**2, 0),
    ]
    growths = [Growth(sp.sympify(e), sp.Rational(p)) for e, p in ladder]
    for i, a in enumerate(growths):
        for j, b in enumerate(growths):
            assert compare(a, b) == (i > j) - (i < j)
