"""Expansions at infinity agree with high-precision evaluation far out, or are refused."""

from __future__ import annotations

import mpmath
import pytest
import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.tail import LOG, limit, tail
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.symbols import Phi, X, log1p, plain, sigmoid

KNOWN = Knowledge(read_assumptions([]))
K = KNOWN.assumptions.domains["k"].symbol("k")

EXPRESSIONS = [
    sp.log(1 + sp.exp(X)),
    sp.log(1 + sp.exp(2 * X)) / 2 + X,
    log1p(sp.exp(-X)),
    X * sigmoid(X),
    X * sp.tanh(sp.log(1 + sp.exp(X))),
    X * sp.tanh(sp.exp(X)),
    X * Phi(X) + sp.exp(-(X**2) / 2),
    X * sp.erf(X - 3),
    (X + sp.sqrt(X**2 + 3)) / 2,
    X**2 / sp.sqrt(X**2 + 1) - X,
    X * sp.atan(X) + 1 / X,
    sp.atan(1 / (1 + X**2)),
    sp.tanh(X / (1 + X**2)) * X,
    (X**3 + 1) / (X**2 - 5),
    sp.exp(1 / (1 + X**2)) * X,
    sp.log(X**2 + 1) - 2 * sp.log(2 + X**2) + X,
    sp.exp(-X - 1 / (1 + X**2)) + X,
    sp.sinh(X) / sp.cosh(X),
    sp.exp(X) / (sp.exp(X) + X),
    (sp.exp(X) + X**5) / (sp.exp(X) - X),
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("side", [-1, 1])
def test_expansions_hold_far_out(expr: sp.Expr, side: int) -> None:
    found = tail(expr, side, KNOWN)
    function = sp.lambdify(X, plain(expr), "mpmath")
    with mpmath.workdps(800):
        for power in (3, 4):
            far = mpmath.mpf(10) ** power
            value = function(side * far)
            series = sum(
                (mpmath.mpf(str(sp.N(c.subs(LOG, sp.log(10) * power), 60))) * far**j
                 for j, c in found.coefficients),
                mpmath.mpf(0),
            )  # fmt: skip
            growth = sp.lambdify(X, found.exponent, "mpmath")(far)
            error = max(found.error, -60)  # −∞ stands for below every power
            assert abs(value / mpmath.exp(growth) - series) < 200 * far ** mpmath.mpf(error)


@pytest.mark.parametrize(
    ("expr", "left", "right"),
    [
        (sp.tanh(X), -1, 1),
        (sigmoid(K * X), 0, 1),
        (sp.atan(X), -sp.pi / 2, sp.pi / 2),
        (X * sp.exp(-K * X), -sp.oo, 0),
        (X**3 - X, -sp.oo, sp.oo),
        (sp.log(1 + X**2), sp.oo, sp.oo),
        (sp.log(1 + X**2) / (1 + X**2), 0, 0),
        (sp.exp(-sp.exp(X)), 1, 0),
    ],
)
def test_limits(expr: sp.Expr, left: sp.Expr, right: sp.Expr) -> None:
    assert sp.simplify(limit(expr, -1, KNOWN) - left) in (0, sp.nan)
    assert limit(expr, -1, KNOWN) == left
    assert limit(expr, 1, KNOWN) == right


@pytest.mark.parametrize(
    "expr",
    [
        sp.exp(X * sp.cos(X)),
        1 / sp.sin(X),
        sp.exp(sp.exp(X)),
        X ** sp.Rational(1, 3),
        sp.log(sp.log(X**2 + 2)),
        sp.exp(sp.log(X**2 + 1) * sp.sqrt(2)),
        sp.Integral(sp.exp(-(X**2)), (X, 0, X)),
    ],
)
def test_what_is_beyond_the_calculus_is_refused(expr: sp.Expr) -> None:
    with pytest.raises(UndecidedError):
        tail(expr, 1, KNOWN)


def test_an_unknown_sign_of_the_leading_term_is_refused() -> None:
    g = KNOWN.assumptions.domains["g_minus"].symbol("g_minus")
    for expr in (g * X, sp.exp(g * X), 1 / (1 + g * X), sp.tanh(g * X)):
        with pytest.raises(UndecidedError):
            limit(expr, 1, KNOWN)


def test_cancellation_of_the_leading_terms_is_not_overlooked() -> None:
    assert limit(sp.sqrt(X**2 + X + 1) - X, 1, KNOWN) == sp.Rational(1, 2)
    assert limit((1 - sp.tanh(X)) * X**9, 1, KNOWN) == 0
    with pytest.raises(UndecidedError):  # e^{-2x} is dropped beside 1, so nothing is left
        limit((1 - sp.tanh(X)) * sp.exp(3 * X), 1, KNOWN)


def test_waves_are_bounded_and_no_more_is_claimed() -> None:
    assert limit(X + 5 * sp.sin(X), 1, KNOWN) == sp.oo
    assert limit(sp.sin(X) * sp.exp(-X), 1, KNOWN) == 0
    assert limit(sp.cos(X**2) / X, -1, KNOWN) == 0
    for open_end in (sp.sin(X), X + 2 * X * sp.sin(X), sp.sin(X) - sp.sin(X + 1)):
        with pytest.raises(UndecidedError):
            limit(open_end, 1, KNOWN)
