"""Zero is proved by a normal form, never guessed from samples."""

from __future__ import annotations

import pytest
import sympy as sp

from rescu_cli.certify.calculus.factors import factor_list
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.numbers import enclose_number
from rescu_cli.core import balls
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.symbols import POSITIVE, Phi, X, log1p, sigmoid

BETA = POSITIVE.symbol("beta")
A, B = POSITIVE.symbol("alpha"), POSITIVE.symbol("s")


@pytest.mark.parametrize(
    "zero",
    [
        sigmoid(X) - sp.exp(X) / (1 + sp.exp(X)),
        sp.tanh(X) - 2 * sigmoid(2 * X) + 1,
        sp.sin(X) ** 2 + sp.cos(X) ** 2 - 1,
        sp.sin(X - 1) + sp.sin(1 - X),
        sp.cosh(X) ** 2 - sp.sinh(X) ** 2 - 1,
        sp.exp(X / 2) ** 2 - sp.exp(X),
        sp.exp(X / 3) * sp.exp(X / 6) - sp.exp(X / 2),
        sp.diff(sp.sqrt(X**2 + BETA**2), X) - X / sp.sqrt(X**2 + BETA**2),
        sp.sqrt((BETA * X) ** 2 + BETA**4) - BETA * sp.sqrt(X**2 + BETA**2),
        Phi(X) - (1 + sp.erf(X / sp.sqrt(2))) / 2,
        sp.erfc(X) + sp.erf(X) - 1,
        log1p(sp.exp(X)) - sp.log(1 + sp.exp(X)),
        sp.tanh(sp.log(1 + sp.exp(X))) - 1 + 2 / ((1 + sp.exp(X)) ** 2 + 1),
        sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6),
        sp.sqrt(3 + 2 * sp.sqrt(2)) - 1 - sp.sqrt(2),
        sp.log(sp.sqrt(5) - 1) + sp.log(sp.sqrt(5) + 1) - 2 * sp.log(2),
        sp.log(sp.sqrt(3) - 1) / 2 + sp.log(sp.sqrt(3) + 1) / 2 - sp.log(2) / 2,
        sp.cosh(sp.S.Half) - sp.sqrt(1 + sp.sinh(sp.S.Half) ** 2),
    ],
)
def test_identities_are_proved(zero: sp.Expr) -> None:
    assert vanishes(zero)


@pytest.mark.parametrize(
    "other",
    [
        sp.exp(X) - sp.exp(-X),
        sp.tanh(X) - sigmoid(X),
        sp.Rational(1, 10**30),
        sp.exp(sp.Rational(1, 10**30)) - 1,
        X * sp.Rational(1, 10**40),
        sp.sqrt(X**2 + BETA**2) - X,
        sp.pi - sp.Rational(355, 113),
        sp.log(sp.sqrt(5) - 1) + sp.log(sp.sqrt(5) + 1) - 3 * sp.log(2),
        sp.log(10**40 + 1) - 40 * sp.log(10),
        sp.log(2) + sp.log(3) - sp.log(7) + sp.log(X),
        sp.cosh(sp.S.Half) + sp.sqrt(1 + sp.sinh(sp.S.Half) ** 2),
        sp.cosh(sp.S.Half) - sp.sqrt(1 + sp.Rational(1, 10**30) + sp.sinh(sp.S.Half) ** 2),
    ],
)
def test_nothing_else_is_called_zero(other: sp.Expr) -> None:
    assert not vanishes(other)


def test_signs_of_tiny_and_hidden_constants() -> None:
    known = Knowledge(read_assumptions([]))
    assert known.sign(sp.sqrt(2) - sp.Rational(14142135623730950488, 10**19)) == "+"
    assert known.sign(sp.exp(-1000) - sp.exp(-1001)) == "+"
    assert known.sign(sp.sqrt(2) * sp.sqrt(8) - 4) == "0"
    assert known.sign(sp.erf(1) - 1) == "-"
    assert known.sign(sp.nan) is None
    assert known.sign(sp.zoo) is None


def test_a_square_of_a_strict_sign_is_strict() -> None:
    known = Knowledge(read_assumptions(["0 <= a < 1"]))
    a = known.assumptions.domains["a"].symbol("a")
    assert known.sign((1 - a) ** 2) == "+"
    assert known.sign(sp.expand((1 - a) ** 2)) == "+"
    assert known.resolve(sp.sqrt(1 - 2 * a + a**2)) == 1 - a
    assert known.sign(a) == ">="
    assert known.sign(a - sp.Rational(1, 2)) is None


def test_extremes_without_a_winner_stay_open() -> None:
    known = Knowledge(read_assumptions([]))
    a, b = (known.assumptions.domains[n].symbol(n) for n in ("g_minus", "g_plus"))
    assert str(known.extreme([a, b], 1)) == "Max(g_minus, g_plus)"
    assert known.extreme([sp.Integer(1), sp.Integer(3), sp.Integer(2)], -1) == 1
    assert known.extreme([sp.S.NegativeInfinity, sp.Integer(2)], -1) is sp.S.NegativeInfinity


def test_real_roots_are_enclosed_in_sympys_order() -> None:
    z = sp.Symbol("z")
    quintic = z**5 - 5 * z + 1
    for i, low in enumerate((-2, 0, 1)):
        ball = enclose_number(sp.CRootOf(quintic, z, i), 256)
        assert ball is not None
        assert low < ball < low + 1
        with balls.precision(256):
            assert abs(ball**5 - 5 * ball + 1) < 2**-200


def test_factors_multiply_back() -> None:
    y = sp.Symbol("y")
    for expr in (
        (X + y) ** 2 * (X - 2 * y) * 3 / sp.Integer(7),
        sp.sqrt(2) * X**2 - sp.pi * X,
        -(X**4) + 10 * X**2 - 1,
    ):
        content, factors = factor_list(expr)
        assert sp.expand(content * sp.Mul(*[f**n for f, n in factors]) - expr) == 0
