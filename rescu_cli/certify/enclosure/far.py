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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import flint
import sympy as sp

from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.numbers import enclose_number, number_sign
from rescu_cli.core import balls
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

_ORDER = 3
"""Exact terms of a Taylor expansion; more make long sums, fewer lose a cancellation."""
_MAX_EXACT = 12
_V = sp.Dummy("v", real=True)


class FarError(Exception):
    """No enclosure on this tail; a larger R may have one."""


class Growth(NamedTuple):
    """x^power·e^exponent."""

    exponent: sp.Expr
    power: sp.Rational


_ONE = Growth(sp.S.Zero, sp.S.Zero)


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
        return _exact(self.exact + other.exact)

    def __mul__(self, other: Coefficient) -> Coefficient:
        if self.exact is None or other.exact is None:
            return Coefficient(self.ball * other.ball, None, self.sign * other.sign)
        return _exact(self.exact * other.exact)


def _exact(value: sp.Expr) -> Coefficient:
    value = sp.expand(value) if value.is_Add else value
    ball = enclose_number(value, balls.current_precision())
    if ball is None:
        raise FarError(f"{value} has no enclosure")
    return Coefficient(ball, value)


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
            total = total + coefficient.ball * _bound(self.start, growth)
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
        order = compare(growth, _ONE)
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
        bracket = self.relative().small((1 + _V) ** exponent, sp.S.Zero)
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
            bound = balls.evaluate(last, {_V: centre_ball + spread})
        except (ZeroDivisionError, ValueError):
            raise FarError("the expansion is not analytic this far") from None
        if not bound.is_finite():
            raise FarError("the expansion is not analytic this far")
        result = constant(self.start, _taylor(function, 0).subs(_V, centre))
        power = constant(self.start, sp.S.One)
        for k in range(1, _ORDER):
            power = power * self
            result = result + power * constant(self.start, _taylor(function, k).subs(_V, centre))
        return result + power * self * Far(self.start, {_ONE: Coefficient(bound)})

    def finite(self) -> tuple[sp.Expr, Far] | None:
        """(c, δ) with self = c + δ, δ → 0; None if self is unbounded.

        Raises:
            FarError: If the limit is finite but not exact.
        """
        if self.terms and compare(self.leading[0], _ONE) > 0:
            return None
        limit = self.limit()
        return limit, Far(self.start, {g: c for g, c in self.terms.items() if g != _ONE})


def constant(start: int, value: sp.Expr) -> Far:
    """A constant as a far form."""
    return Far(start, {} if value == 0 else {_ONE: _exact(value)})


def _over(c: Coefficient, d: Coefficient) -> Coefficient:
    if c.exact is not None and d.exact is not None:
        return _exact(sp.cancel(c.exact / d.exact))
    return Coefficient(c.ball / d.ball)


def _raised(c: Coefficient, exponent: sp.Rational) -> Coefficient:
    if c.exact is not None:
        return _exact(c.exact**exponent)
    return Coefficient(balls.apply(_V**exponent, [c.ball, balls.exact_ball(exponent)]))


@lru_cache(maxsize=256)
def _taylor(function: sp.Expr, k: int) -> sp.Expr:
    return sp.diff(function, _V, k) / sp.factorial(k)


def compare(a: Growth, b: Growth) -> int:
    """1 if ``a`` outgrows ``b`` as x → ∞, −1 if it is outgrown, 0 if they are the same."""
    difference = sp.expand(a.exponent - b.exponent)
    if difference != 0 and not vanishes(difference):
        sign = number_sign(sp.Poly(difference, X).LC())
        if sign not in ("+", "-"):
            raise FarError(f"whether {a} outgrows {b} is not known")
        return 1 if sign == "+" else -1
    return int(sp.sign(a.power - b.power))


def _sorted(start: int, terms: Mapping[Growth, Coefficient]) -> dict[Growth, Coefficient]:
    """Dominant first, zeros dropped; what lies below the first inexact term is absorbed by it."""
    kept: list[tuple[Growth, Coefficient]] = []
    for growth, coefficient in terms.items():
        if coefficient.exact is not None and (
            coefficient.exact == 0 or (coefficient.ball.contains(0) and vanishes(coefficient.exact))
        ):
            continue
        place = 0
        while place < len(kept) and compare(kept[place][0], growth) > 0:
            place += 1
        kept.insert(place, (growth, coefficient))
    merged: list[tuple[Growth, Coefficient]] = []
    for growth, coefficient in kept:
        absorbs = merged and (merged[-1][1].exact is None or len(merged) >= _MAX_EXACT)
        if absorbs:
            head, held = merged[-1]
            gap = Growth(sp.expand(growth.exponent - head.exponent), growth.power - head.power)
            try:
                rest = coefficient.ball * _bound(start, gap)
            except FarError:
                merged.append((growth, coefficient))
                continue
            merged[-1] = (head, Coefficient(held.ball + rest))
        else:
            merged.append((growth, coefficient))
    return dict(merged)


@lru_cache(maxsize=65536)
def _bound_cached(start: int, growth: Growth, bits: int) -> balls.Ball:
    exponent, power = growth
    if exponent == 0 and power == 0:
        return flint.arb(1)
    if compare(growth, _ONE) > 0:
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


def _bound(start: int, growth: Growth) -> balls.Ball:
    """Lemma 1: a ball around x^j·e^E on [start, ∞)."""
    return _bound_cached(start, growth, balls.current_precision())


# -- from expressions ------------------------------------------------------------------------


def far(expr: sp.Expr, start: int, side: int = 1) -> Far:
    """The far form of ``expr`` on [start, ∞), or of ``expr`` at −x for ``side`` −1.

    Args:
        expr: In x alone.
        start: R ≥ 1.
        side: 1 for x → ∞, −1 for x → −∞.

    Raises:
        FarError: If there is none from here on, or ever.
    """
    memo: dict[sp.Expr, Far] = {}
    return _visit(expr if side > 0 else expr.subs(X, -X), start, memo)


def _visit(expr: sp.Expr, start: int, memo: dict[sp.Expr, Far]) -> Far:
    if expr not in memo:
        memo[expr] = _build(expr, start, memo)
    return memo[expr]


def _build(expr: sp.Expr, start: int, memo: dict[sp.Expr, Far]) -> Far:
    if not expr.has(X):
        return constant(start, expr)
    if expr == X:
        return Far(start, {Growth(sp.S.Zero, sp.S.One): _exact(sp.S.One)})
    args = [_visit(a, start, memo) for a in expr.args]
    if expr.is_Add:
        total = args[0]
        for arg in args[1:]:
            total = total + arg
        return total
    if expr.is_Mul:
        product = args[0]
        for arg in args[1:]:
            product = product * arg
        return product
    if expr.is_Pow and expr.exp.is_Rational and not isinstance(expr, sp.exp):
        return args[0].power(expr.exp)
    rule = _RULES.get(type(expr))
    if rule is not None:
        return rule(args[-1] if isinstance(expr, sp.exp) else args[0])
    raise FarError(f"{expr.func.__name__} has no far form")


def _exp(u: Far) -> Far:
    """e^u: growing polynomial terms go to the exponent, the rest is small."""
    exponent, rest = sp.S.Zero, {}
    for growth, coefficient in u.terms.items():
        if compare(growth, _ONE) <= 0:
            rest[growth] = coefficient
        elif growth.exponent == 0 and growth.power.is_Integer and coefficient.exact is not None:
            exponent += coefficient.exact * X**growth.power
        else:
            return _beyond(u)
    small = Far(u.start, rest)
    head = Far(u.start, {Growth(sp.expand(exponent), sp.S.Zero): _exact(sp.S.One)})
    try:
        found = small.finite()
    except FarError:
        found = None
    if found is None:  # bounded, but without an exact limit
        return head * Far(u.start, {_ONE: Coefficient(small.range().exp())})
    limit, delta = found
    return head * delta.small(sp.exp(_V), sp.S.Zero) * constant(u.start, sp.exp(limit))


def _beyond(u: Far) -> Far:
    """e^u ∈ [0, 1]·e^(−x²) where u + x² ≤ 0 on the tail (u falls faster than every power)."""
    square = Far(u.start, {Growth(sp.S.Zero, sp.Integer(2)): _exact(sp.S.One)})
    if (u + square).sign() < 0:
        unit = Coefficient(flint.arb(0).union(flint.arb(1)), None, 1)
        return Far(u.start, {Growth(-(X**2), sp.S.Zero): unit})
    raise FarError("an exponential of an exponential grows")


def _log(u: Far) -> Far:
    growth, coefficient = u.leading
    if growth.power != 0 or not coefficient.ball > 0:
        raise FarError("a logarithm of x has no far form")
    exponent = Far(u.start, {})
    for (power,), value in sp.Poly(growth.exponent, X).terms():
        if value != 0:
            key = Growth(sp.S.Zero, sp.Integer(power))
            exponent = exponent + Far(u.start, {key: _exact(value)})
    if coefficient.exact is None:
        scale = Far(u.start, {_ONE: Coefficient(coefficient.ball.log())})
    else:
        scale = constant(u.start, sp.log(coefficient.exact))
    return exponent + scale + u.relative().small(sp.log(1 + _V), sp.S.Zero)


def _bounded(function: Callable[[Far], Far], odd: sp.Function) -> Callable[[Far], Far]:
    """A rule for a function with limits at ±∞: ``function`` for +∞, Taylor at a finite limit."""

    def rule(u: Far) -> Far:
        found = u.finite()
        if found is not None:
            return found[1].small(odd(_V), found[0])
        return function(u) if u.sign() > 0 else _mirrored(odd, function, u)

    return rule


def _mirrored(odd: sp.Function, function: Callable[[Far], Far], u: Far) -> Far:
    """g(u) for u → −∞ from g(−u): g odd, or 1 − g(−u) for σ and Φ, 2 − g(−u) for erfc."""
    shift = {sigmoid: sp.S.One, Phi: sp.S.One, sp.erfc: sp.Integer(2)}.get(odd, sp.S.Zero)
    if odd is sigmoid:  # without the cancellation
        w = _exp(u)
        return w * (constant(u.start, sp.S.One) + w).power(sp.S.NegativeOne)
    if odd is Phi:
        return _erfc(-u * constant(u.start, sp.sqrt(2) / 2)) * constant(u.start, sp.Rational(1, 2))
    return constant(u.start, shift) + -function(-u)


def _tanh(u: Far) -> Far:
    w = _exp(u * constant(u.start, sp.Integer(-2)))
    one = constant(u.start, sp.S.One)
    return one + -(w * constant(u.start, sp.Integer(2)) * (one + w).power(sp.S.NegativeOne))


def _sigmoid(u: Far) -> Far:
    return (constant(u.start, sp.S.One) + _exp(-u)).power(sp.S.NegativeOne)


def _erfc(u: Far) -> Far:
    if not u.sign() > 0:
        raise FarError("erfc is expanded at +inf only")
    inverse = u.power(sp.S.NegativeOne)
    square = inverse * inverse
    theta = Coefficient(flint.arb(0).union(flint.arb(1)) * flint.arb(3) / 4)
    bracket = (
        constant(u.start, sp.S.One)
        + square * constant(u.start, sp.Rational(-1, 2))
        + square * square * Far(u.start, {_ONE: theta})
    )
    return _exp(-(u * u)) * inverse * bracket * constant(u.start, 1 / sp.sqrt(sp.pi))


def _erf(u: Far) -> Far:
    return constant(u.start, sp.S.One) + -_erfc(u)


def _phi(u: Far) -> Far:
    half = _erfc(u * constant(u.start, sp.sqrt(2) / 2)) * constant(u.start, sp.Rational(1, 2))
    return constant(u.start, sp.S.One) + -half


def _atan(u: Far) -> Far:
    return constant(u.start, sp.pi / 2) + -u.power(sp.S.NegativeOne).small(sp.atan(_V), sp.S.Zero)


def _asinh(u: Far) -> Far:
    one = constant(u.start, sp.S.One)
    return _log(u + (u * u + one).power(sp.Rational(1, 2)))


def _sinh(u: Far, sign: int = -1) -> Far:
    half = constant(u.start, sp.Rational(1, 2))
    return (_exp(u) + _exp(-u) * constant(u.start, sp.Integer(sign))) * half


def _finite_only(function: sp.Function) -> Callable[[Far], Far]:
    def rule(u: Far) -> Far:
        found = u.finite()
        if found is None:
            raise FarError(f"{function.__name__} has no limit at infinity")
        return found[1].small(function(_V), found[0])

    return rule


def _wave(function: sp.Function) -> Callable[[Far], Far]:
    """Taylor at a finite limit, else all that is known: |sin u| ≤ 1."""

    def rule(u: Far) -> Far:
        found = u.finite()
        if found is None:
            return Far(u.start, {_ONE: Coefficient(flint.arb(0, 1))})
        return found[1].small(function(_V), found[0])

    return rule


_RULES: dict[type, Callable[[Far], Far]] = {
    sp.exp: _exp,
    sp.log: _log,
    log1p: lambda u: _log(constant(u.start, sp.S.One) + u),
    expm1: lambda u: _exp(u) + constant(u.start, sp.S.NegativeOne),
    sp.tanh: _bounded(_tanh, sp.tanh),
    sigmoid: _bounded(_sigmoid, sigmoid),
    sp.erf: _bounded(_erf, sp.erf),
    sp.erfc: _bounded(_erfc, sp.erfc),
    Phi: _bounded(_phi, Phi),
    sp.atan: _bounded(_atan, sp.atan),
    sp.asinh: _bounded(_asinh, sp.asinh),
    sp.sinh: _sinh,
    sp.cosh: lambda u: _sinh(u, 1),
    sp.sin: _wave(sp.sin),
    sp.cos: _wave(sp.cos),
    sp.tan: _finite_only(sp.tan),
}
