"""What one box can prove about a function, and branch and bound over a compact interval.

Every rule is a theorem about a function h that is analytic on a box B (docs/proofs/ball.md):

=========  ===============================================================================
value      the ball of h on B is ≥ 0
mean       h(m) + h′(B)·(B − m) ≥ 0, the mean value form with m the middle of B
rising     h′ ≥ 0 on B and h ≥ 0 at its left end
falling    h′ ≤ 0 on B and h ≥ 0 at its right end
concave    h″ ≤ 0 on B and h ≥ 0 at both ends
zero       h, h′, …, h⁽ᵐ⁻¹⁾ vanish exactly at a point z of B and h⁽ᵐ⁾ ≥ 0 on the part right of z,
           (−1)ᵐ h⁽ᵐ⁾ ≥ 0 on the part left of it (Taylor–Lagrange)
=========  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import sympy as sp

from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.enclosure.compiled import compiled, derivative
from rescu_cli.core import balls
from rescu_cli.core.symbols import X

MAX_BOXES = 20_000
_MIN_WIDTH = sp.Rational(1, 2**90)
_MAX_ORDER = 6
_LONG = 2**16


@dataclass(frozen=True)
class Box:
    """A closed interval with exact ends, and the rule that holds on it.

    Args:
        lower: Left end; a rational, or the exact end of a span.
        upper: Right end.
        rule: Name of the rule.
        zero: The exact zero of rule ``zero``.
        order: Its order m.
    """

    lower: sp.Expr
    upper: sp.Expr
    rule: str = ""
    zero: sp.Expr | None = None
    order: int = 0


class NotNonnegativeError(Exception):
    """h < 0 was confirmed at ``x``.

    Args:
        x: Exact point.
        ball: Enclosure of h there.
    """

    def __init__(self, x: sp.Expr, ball: balls.Ball) -> None:
        self.x, self.ball = x, ball
        super().__init__(f"h({x}) = {ball}")


class TooManyBoxesError(Exception):
    """Neither proved nor refuted within the limits."""


def hull(lower: sp.Expr, upper: sp.Expr) -> balls.Ball:
    """The ball that covers a closed interval with exact ends."""
    return balls.evaluate(lower, {}).union(balls.evaluate(upper, {}))


def point(at: sp.Expr) -> balls.Ball:
    """The ball of an exact point."""
    return balls.evaluate(at, {})


def middle(lower: sp.Expr, upper: sp.Expr) -> sp.Rational:
    """A rational inside: the arithmetic mean, or the geometric one where the ends differ much."""
    low, high = (_fraction(end) for end in (lower, upper))
    if low > 1 and high > 4 * low:
        return sp.Integer(2) ** ((_log2(low) + _log2(high)) // 2)
    if high < -1 and low < 4 * high:
        return -(sp.Integer(2) ** ((_log2(-low) + _log2(-high)) // 2))
    mean = (low + high) / 2
    scale = 1 << max(4, 8 - _log2((high - low) or Fraction(1)))
    rounded = Fraction(round(mean * scale), scale)
    return sp.Rational(rounded.numerator, rounded.denominator)


def _fraction(end: sp.Expr) -> Fraction:
    if end.is_Rational:
        return Fraction(int(end.p), int(end.q))
    with balls.precision(256):
        exact = balls.rational(balls.evaluate(end, {}).mid())
    return Fraction(int(exact.p), int(exact.q))


def _log2(value: Fraction) -> int:
    return value.numerator.bit_length() - value.denominator.bit_length()


# -- rules -----------------------------------------------------------------------------------


def holds(expr: sp.Expr, box: Box) -> bool:
    """Whether the box's rule proves expr ≥ 0 on the box, at the current precision."""
    check = _CHECKS.get(box.rule)
    return check is not None and check(expr, box)


def positive(expr: sp.Expr, box: Box) -> bool:
    """Whether expr > 0 on the box follows from its value or its mean value form."""
    whole, centre = hull(box.lower, box.upper), point(middle(box.lower, box.upper))
    if compiled(expr)(whole) > 0:
        return True
    slope = compiled(derivative(expr))(whole)
    return bool(compiled(expr)(centre) + slope * (whole - centre) > 0)


def _nonnegative(expr: sp.Expr, at: sp.Expr) -> bool:
    ball = compiled(expr)(point(at))
    return bool(ball >= 0) or (bool(ball.contains(0)) and _is_zero(expr, at))


@lru_cache(maxsize=4096)
def _is_zero(expr: sp.Expr, at: sp.Expr) -> bool:
    """Whether expr(at) = 0 exactly; not asked at the long fractions that bisection makes."""
    if at.is_Rational and at.q > _LONG:
        return False
    return vanishes(expr.subs(X, at))


def _value(expr: sp.Expr, box: Box) -> bool:
    return bool(compiled(expr)(hull(box.lower, box.upper)) >= 0)


def _mean(expr: sp.Expr, box: Box) -> bool:
    whole, centre = hull(box.lower, box.upper), middle(box.lower, box.upper)
    slope = compiled(derivative(expr))(whole)
    at = point(centre)
    return bool(compiled(expr)(at) + slope * (whole - at) >= 0)


def _rising(expr: sp.Expr, box: Box) -> bool:
    slope = compiled(derivative(expr))(hull(box.lower, box.upper))
    return bool(slope >= 0) and _nonnegative(expr, box.lower)


def _falling(expr: sp.Expr, box: Box) -> bool:
    slope = compiled(derivative(expr))(hull(box.lower, box.upper))
    return bool(slope <= 0) and _nonnegative(expr, box.upper)


def _concave(expr: sp.Expr, box: Box) -> bool:
    bend = compiled(derivative(expr, 2))(hull(box.lower, box.upper))
    return bool(bend <= 0) and _nonnegative(expr, box.lower) and _nonnegative(expr, box.upper)


def _zero(expr: sp.Expr, box: Box) -> bool:
    zero, order = box.zero, box.order
    if zero is None or not 1 <= order <= _MAX_ORDER:
        return False
    inside = not (point(zero) < point(box.lower)) and not (point(zero) > point(box.upper))
    if not inside or not all(vanishes(derivative(expr, k).subs(X, zero)) for k in range(order)):
        return False
    top = compiled(derivative(expr, order))
    right = zero == box.upper or top(hull(zero, box.upper)) >= 0
    if zero == box.lower:
        return bool(right)
    left = top(hull(box.lower, zero))
    return bool(right) and bool(left >= 0 if order % 2 == 0 else left <= 0)


_CHECKS = {
    "value": _value,
    "mean": _mean,
    "rising": _rising,
    "falling": _falling,
    "concave": _concave,
    "zero": _zero,
}


def cover_nonnegative(
    expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, zeros: Sequence[sp.Expr] = ()
) -> tuple[Box, ...]:
    """Boxes that tile [lower, upper], on each of which a rule proves expr ≥ 0.

    Args:
        expr: Analytic on the closed interval.
        lower: Exact left end.
        upper: Exact right end.
        zeros: Exact points at which expr may vanish; the ends and the simplest rational of
            a box are tried without being named.

    Raises:
        NotNonnegativeError: If expr < 0 somewhere, confirmed.
        TooManyBoxesError: If neither was found.
    """
    done: list[Box] = []
    stack = [(lower, upper)]
    while stack:
        low, high = stack.pop()
        if len(done) + len(stack) > MAX_BOXES:
            raise TooManyBoxesError(f"no proof with {MAX_BOXES} boxes")
        found = next((b for b in _attempts(expr, low, high, zeros) if holds(expr, b)), None)
        if found is not None:
            done.append(found)
            continue
        centre = _split_point(expr, low, high)
        at = compiled(expr)(point(centre))
        if at < 0:
            raise NotNonnegativeError(centre, at)
        if _width(low, high) < _MIN_WIDTH:
            raise TooManyBoxesError(f"open near x = {sp.N(low, 12)}")
        stack.append((centre, high))
        stack.append((low, centre))
    return tuple(done)


def _width(low: sp.Expr, high: sp.Expr) -> Fraction:
    return _fraction(high) - _fraction(low)


def _attempts(
    expr: sp.Expr, low: sp.Expr, high: sp.Expr, zeros: Sequence[sp.Expr]
) -> Iterator[Box]:
    for rule in ("value", "mean", "rising", "falling", "concave"):
        yield Box(low, high, rule)
    for zero in _zeros(expr, low, high, zeros):
        order = 0
        while order <= _MAX_ORDER and _is_zero(derivative(expr, order), zero):
            order += 1
        if 1 <= order <= _MAX_ORDER:
            yield Box(low, high, "zero", zero, order)


def _zeros(
    expr: sp.Expr, low: sp.Expr, high: sp.Expr, named: Sequence[sp.Expr]
) -> Iterator[sp.Expr]:
    """Points of the box at which h may vanish: named ones, its ends, the simplest rational."""
    for zero in named:
        at = point(zero)
        if at >= point(low) and at <= point(high) and zero not in (low, high):
            yield zero
    for end in (low, high):
        if compiled(expr)(point(end)).contains(0):
            yield end
    simple = _simplest(_fraction(low), _fraction(high))
    candidate = sp.Rational(simple.numerator, simple.denominator)
    if candidate not in (low, high) and compiled(expr)(point(candidate)).contains(0):
        yield candidate


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The rational with the smallest denominator in [low, high]."""
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -_simplest(-high, -low)
    whole = -(-low.numerator // low.denominator)  # the ceiling
    if whole <= high:
        return Fraction(whole)
    floor = low.numerator // low.denominator
    return floor + 1 / _simplest(1 / (high - floor), 1 / (low - floor))


def _split_point(expr: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """The middle; a point off it where h vanishes there, which would leave two bad halves."""
    centre = middle(low, high)
    if compiled(expr)(point(centre)).contains(0) and low.is_Rational and high.is_Rational:
        return low + (high - low) * sp.Rational(7, 16)
    return centre
