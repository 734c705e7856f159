"""A function on a whole tail [R, ∞): its dominant terms exactly, the rest enclosed.

A far form is  Σ_i c_i(x)·x^(j_i)·e^(E_i(x))  with rational j_i and polynomials E_i without constant
term; each c_i is an exact constant, or a function of which a ball on all of [R, ∞) is known.

Lemmas (docs/proofs/ball.md):

1. *Decay.* With q(x) = x·E′(x) + j, if q and all its derivatives are ≤ 0 at R then x^j·e^E is
   nonincreasing on [R, ∞), and lies in [0, R^j·e^(E(R))].
2. *Leading factor.* c·x^j·e^E·(1 + δ) has the sign of c on [R, ∞) if the ball of δ there lies
   above −1; a sum of terms of one sign has that sign.
3. *Taylor–Lagrange.* g(c + δ) = Σ_(k<n) g⁽ᵏ⁾(c)δᵏ/k! + g⁽ⁿ⁾(ξ)δⁿ/n! with ξ between c and c + δ.
4. tanh u = 1 − 2w/(1 + w) with w = e^(−2u), σ(u) = 1/(1 + e^(−u)), and
   erfc u = e^(−u²)/(u√π)·(1 − 1/(2u²) + θ·3/(4u⁴)), 0 ≤ θ ≤ 1, for u > 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import flint
import sympy as sp

from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.numbers import enclose_number
from rescu_cli.certify.enclosure.growth import (
    ONE,
    Coefficient,
    FarError,
    Growth,
    bound,
    compare,
    exact,
)
from rescu_cli.core import balls

_ORDER = 3
"""Exact terms of a Taylor expansion; more make long sums, fewer lose a cancellation."""
_MAX_EXACT = 12
V = sp.Dummy("v", real=True)
"""The variable of functions that are expanded."""


class Far:
    """A far form on [start, ∞); immutable.

    Args:
        start: R ≥ 1.
        terms: Coefficient of each growth.
    """

    def __init__(self, start: int, terms: Mapping[Growth, Coefficient]) -> None:
        self.start = start
        self.terms = _sorted(start, terms)

    # -- shape -------------------------------------------------------------------------------

    @property
    def leading(self) -> tuple[Growth, Coefficient]:
        """The dominant term.

        Raises:
            FarError: If the function is 0.
        """
        for growth, coefficient in self.terms.items():
            return growth, coefficient
        raise FarError("the function vanishes")

    def relative(self) -> Far:
        """δ in  c·x^j·e^E·(1 + δ), the leading term having an exact coefficient or a clear ball."""
        growth, coefficient = self.leading
        if not (coefficient.ball > 0 or coefficient.ball < 0):
            raise FarError("the leading coefficient may vanish")
        rest = {
            Growth(sp.expand(g.exponent - growth.exponent), g.power - growth.power): _over(
                c, coefficient
            )
            for g, c in self.terms.items()
            if g != growth
        }
        return Far(self.start, rest)

    def range(self) -> balls.Ball:
        """A ball around all values on the tail.

        Raises:
            FarError: If the function is not shown to be bounded.
        """
        total = flint.arb(0)
        for growth, coefficient in self.terms.items():
            total = total + coefficient.ball * bound(self.start, growth)
        return total

    def sign(self) -> int:
        """1 or −1, the strict sign on the whole tail; 0 if the function is identically 0.

        Raises:
            FarError: If the lemma does not apply from this R on.
        """
        if not self.terms:
            return 0
        signs = {c.sign for c in self.terms.values()}
        if signs in ({1}, {-1}):
            return signs.pop()
        if not 1 + self.relative().range() > 0:
            raise FarError("the remainder may outweigh the leading term")
        return self.leading[1].sign

    def limit(self) -> sp.Expr:
        """The exact limit at ∞, ±oo included.

        Raises:
            FarError: If it is not known exactly.
        """
        if not self.terms:
            return sp.S.Zero
        growth, coefficient = self.leading
        order = compare(growth, ONE)
        if order == 0 and growth != ONE:
            raise FarError("a constant is written as a growth")
        if order < 0:
            return sp.S.Zero
        if order > 0:
            if coefficient.ball.contains(0):  # it may fall faster than its factor grows
                raise FarError("whether the leading term grows is not known")
            return sp.oo if self.sign() > 0 else -sp.oo
        if coefficient.exact is None:
            raise FarError("the limit is only enclosed")
        return coefficient.exact

    # -- arithmetic --------------------------------------------------------------------------

    def __add__(self, other: Far) -> Far:
        terms = dict(self.terms)
        for growth, coefficient in other.terms.items():
            old = terms.get(growth)
            terms[growth] = coefficient if old is None else old + coefficient
        return Far(self.start, terms)

    def __mul__(self, other: Far) -> Far:
        terms: dict[Growth, Coefficient] = {}
        for g, c in self.terms.items():
            for h, d in other.terms.items():
                key = Growth(sp.expand(g.exponent + h.exponent), g.power + h.power)
                product = c * d
                terms[key] = terms[key] + product if key in terms else product
        return Far(self.start, terms)

    def __neg__(self) -> Far:
        return self * constant(self.start, sp.S.NegativeOne)

    def power(self, exponent: sp.Rational) -> Far:
        """self^exponent; a positive integer by multiplication, others by the leading term."""
        if exponent.is_Integer and exponent > 0:
            result = self
            for _ in range(int(exponent) - 1):
                result = result * self
            return result
        growth, coefficient = self.leading
        if not exponent.is_Integer and not coefficient.ball > 0:
            raise FarError("a root of what may be negative")
        head = Growth(sp.expand(growth.exponent * exponent), growth.power * exponent)
        factor = _raised(coefficient, exponent)
        bracket = self.relative().small((1 + V) ** exponent, sp.S.Zero)
        return Far(self.start, {head: factor}) * bracket

    def small(self, function: sp.Expr, centre: sp.Expr) -> Far:
        """g(centre + self) for a self that tends to 0, by Taylor–Lagrange.

        Args:
            function: g as an expression in the module's own variable.
            centre: Exact point at which g is analytic.
        """
        spread = self.range().union(flint.arb(0))
        centre_ball = enclose_number(centre, balls.current_precision())
        last = _taylor(function, _ORDER)
        try:
            bound = balls.evaluate(last, {V: centre_ball + spread})
        except (ZeroDivisionError, ValueError):
            raise FarError("the expansion is not analytic this far") from None
        if not bound.is_finite():
            raise FarError("the expansion is not analytic this far")
        result = constant(self.start, _taylor(function, 0).subs(V, centre))
        power = constant(self.start, sp.S.One)
        for k in range(1, _ORDER):
            power = power * self
            result = result + power * constant(self.start, _taylor(function, k).subs(V, centre))
        return result + power * self * Far(self.start, {ONE: Coefficient(bound)})

    def finite(self) -> tuple[sp.Expr, Far] | None:
        """(c, δ) with self = c + δ, δ → 0; None if self is unbounded.

        Raises:
            FarError: If the limit is finite but not exact.
        """
        if self.terms and compare(self.leading[0], ONE) > 0:
            return None
        limit = self.limit()
        return limit, Far(self.start, {g: c for g, c in self.terms.items() if g != ONE})


def constant(start: int, value: sp.Expr) -> Far:
    """A constant as a far form."""
    return Far(start, {} if value == 0 else {ONE: exact(value)})


def _over(c: Coefficient, d: Coefficient) -> Coefficient:
    if c.exact is not None and d.exact is not None:
        return exact(sp.cancel(c.exact / d.exact))
    return Coefficient(c.ball / d.ball)


def _raised(c: Coefficient, exponent: sp.Rational) -> Coefficient:
    if c.exact is not None:
        return exact(c.exact**exponent)
    return Coefficient(balls.apply(V**exponent, [c.ball, balls.exact_ball(exponent)]))


@lru_cache(maxsize=256)
def _taylor(function: sp.Expr, k: int) -> sp.Expr:
    return sp.diff(function, V, k) / sp.factorial(k)


def _sorted(start: int, terms: Mapping[Growth, Coefficient]) -> dict[Growth, Coefficient]:
    """Dominant first, zeros dropped; what lies below the first inexact term is absorbed by it."""
    kept: list[tuple[Growth, Coefficient]] = []
    for growth, coefficient in terms.items():
        if coefficient.exact is not None and (
            coefficient.exact == 0 or (coefficient.ball.contains(0) and vanishes(coefficient.exact))
        ):
            continue
        place = 0
        while place < len(kept) and (order := compare(kept[place][0], growth)) >= 0:
            if order == 0:  # tanh 1 and (e² − 1)/(e² + 1): neither of the two leads alone
                raise FarError("two terms grow alike under different names")
            place += 1
        kept.insert(place, (growth, coefficient))
    merged: list[tuple[Growth, Coefficient]] = []
    for growth, coefficient in kept:
        absorbs = merged and (merged[-1][1].exact is None or len(merged) >= _MAX_EXACT)
        if absorbs:
            head, held = merged[-1]
            gap = Growth(sp.expand(growth.exponent - head.exponent), growth.power - head.power)
            try:
                rest = coefficient.ball * bound(start, gap)
            except FarError:
                merged.append((growth, coefficient))
                continue
            merged[-1] = (head, Coefficient(held.ball + rest))
        else:
            merged.append((growth, coefficient))
    return dict(merged)
