"""sup h over an interval: a rigorous enclosure by best-first branch and bound, and its evidence."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import sympy as sp

from rescu_cli.certify.enclosure.boxes import (
    MAX_BOXES,
    TooManyBoxesError,
    hull,
    middle,
    point,
)
from rescu_cli.certify.enclosure.compiled import compiled, derivative
from rescu_cli.core import balls

TOLERANCE = sp.Rational(1, 10**13)
"""Width of the enclosures; ten times finer than what is promised a hundredfold."""


@dataclass(frozen=True)
class Maximum:
    """sup h over a compact interval.

    Args:
        lower: h(at) ≥ lower.
        upper: h ≤ upper on every box between consecutive cuts.
        at: Exact point where the lower bound is reached.
        cuts: Ascending, from the left end to the right end of the interval.
    """

    lower: sp.Rational
    upper: sp.Rational
    at: sp.Expr
    cuts: tuple[sp.Expr, ...]


def upper_bound(expr: sp.Expr, low: sp.Expr, high: sp.Expr) -> balls.Ball:
    """A number above h on [low, high]: by the value, the mean value form, or monotonicity."""
    whole = hull(low, high)
    bound = compiled(expr)(whole).upper()
    slope = compiled(derivative(expr))(whole)
    if slope >= 0:
        best = compiled(expr)(point(high)).upper()
    elif slope <= 0:
        best = compiled(expr)(point(low)).upper()
    else:
        centre = point(middle(low, high))
        best = (compiled(expr)(centre) + slope * (whole - centre)).upper()
    if not bound.is_finite():
        return best
    return best if best.is_finite() and best < bound else bound


def maximum(
    expr: sp.Expr, low: sp.Expr, high: sp.Expr, tolerance: sp.Rational = TOLERANCE
) -> Maximum:
    """Enclose sup h on [low, high] to within ``tolerance``, relative where it exceeds 1.

    Raises:
        TooManyBoxesError: If that takes too many boxes.
    """
    best, at = compiled(expr)(point(low)).lower(), low
    for candidate in (high, middle(low, high)):
        found = compiled(expr)(point(candidate)).lower()
        if found > best:
            best, at = found, candidate
    heap: list[tuple[float, int, balls.Ball, sp.Expr, sp.Expr]] = []
    count = 0

    def push(a: sp.Expr, b: sp.Expr) -> None:
        nonlocal count
        top = upper_bound(expr, a, b)
        count += 1
        key = float(top) if top.is_finite() else float("inf")
        heapq.heappush(heap, (-key, count, top, a, b))

    push(low, high)
    while True:
        _, _, top, a, b = heap[0]
        gap = balls.exact_ball(tolerance) * (1 + abs(best))
        # The heap is sorted by rounded keys: the true largest bound is taken from all boxes.
        if top.is_finite() and top - best <= gap:
            ceiling = max(balls.rational_bounds(entry[2])[1] for entry in heap)
            floor = balls.rational_bounds(best)[0]
            if ceiling - floor <= 2 * balls.rational_bounds(gap)[1]:
                cuts = sorted({e for entry in heap for e in entry[3:5]}, key=_place)
                return Maximum(floor, ceiling, at, tuple(cuts))
        heapq.heappop(heap)
        if count > MAX_BOXES:
            raise TooManyBoxesError(f"no enclosure of the extremum with {MAX_BOXES} boxes")
        centre = middle(a, b)
        found = compiled(expr)(point(centre)).lower()
        if found > best:
            best, at = found, centre
        push(a, centre)
        push(centre, b)


def _place(end: sp.Expr) -> sp.Rational:
    if end.is_Rational:
        return end
    return balls.rational_bounds(balls.evaluate(end, {}))[0]
