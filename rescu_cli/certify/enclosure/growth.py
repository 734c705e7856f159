"""Growths x^j·e^E on a tail: their order, their bounds, and the coefficients in front of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import flint
import sympy as sp

from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.numbers import enclose_number, number_sign
from rescu_cli.core import balls
from rescu_cli.core.symbols import X


class FarError(Exception):
    """No enclosure on this tail; a larger R may have one."""


class Growth(NamedTuple):
    """x^power·e^exponent."""

    exponent: sp.Expr
    power: sp.Rational


ONE = Growth(sp.S.Zero, sp.S.Zero)
"""The growth of a constant."""


@dataclass(frozen=True)
class Coefficient:
    """A factor c(x).

    Args:
        ball: Encloses its values on the tail.
        exact: Its value if it is constant.
        known_sign: 1 or −1 where its strict sign is known although the ball reaches 0.
    """

    ball: balls.Ball
    exact: sp.Expr | None = None
    known_sign: int = 0

    @property
    def sign(self) -> int:
        """The strict sign on the whole tail, 0 if it is not known."""
        if self.ball > 0:
            return 1
        return -1 if self.ball < 0 else self.known_sign

    def __add__(self, other: Coefficient) -> Coefficient:
        if self.exact is None or other.exact is None:
            sign = self.sign if self.sign == other.sign else 0
            return Coefficient(self.ball + other.ball, None, sign)
        return exact(self.exact + other.exact)

    def __mul__(self, other: Coefficient) -> Coefficient:
        if self.exact is None or other.exact is None:
            return Coefficient(self.ball * other.ball, None, self.sign * other.sign)
        return exact(self.exact * other.exact)


def exact(value: sp.Expr) -> Coefficient:
    """An exact constant with its ball.

    Raises:
        FarError: If it has no enclosure.
    """
    value = sp.expand(value) if value.is_Add else value
    ball = enclose_number(value, balls.current_precision())
    if ball is None:
        raise FarError(f"{value} has no enclosure")
    return Coefficient(ball, value)


def compare(a: Growth, b: Growth) -> int:
    """1 if ``a`` outgrows ``b`` as x → ∞, −1 if it is outgrown, 0 if they are the same."""
    difference = sp.expand(a.exponent - b.exponent)
    if difference != 0 and not vanishes(difference):
        sign = number_sign(sp.Poly(difference, X).LC())
        if sign not in ("+", "-"):
            raise FarError(f"whether {a} outgrows {b} is not known")
        return 1 if sign == "+" else -1
    return int(sp.sign(a.power - b.power))


@lru_cache(maxsize=65536)
def _bound_cached(start: int, growth: Growth, bits: int) -> balls.Ball:
    exponent, power = growth
    if exponent == 0 and power == 0:
        return flint.arb(1)
    if compare(growth, ONE) > 0:
        raise FarError("the function is unbounded")
    if exponent == 0:  # a negative power of x
        top = balls.evaluate(sp.Integer(start) ** power, {})
        return flint.arb(0).union(top)
    slope = sp.Poly(sp.expand(X * sp.diff(exponent, X) + power), X)
    while not slope.is_zero:
        at_start = enclose_number(sp.expand(slope.eval(start)), bits)
        if at_start is None or not at_start <= 0:
            raise FarError("the decay has not set in")
        slope = slope.diff(X)
    top = balls.evaluate(X**power * sp.exp(exponent), {X: flint.arb(start)})
    return flint.arb(0).union(top)


def bound(start: int, growth: Growth) -> balls.Ball:
    """Lemma 1: a ball around x^j·e^E on [start, ∞)."""
    return _bound_cached(start, growth, balls.current_precision())
