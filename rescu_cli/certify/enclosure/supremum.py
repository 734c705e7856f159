"""sup h on an interval that may be infinite: exact where it can be, otherwise enclosed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.enclosure.boxes import NotNonnegativeError, TooManyBoxesError, point
from rescu_cli.certify.enclosure.compiled import compiled
from rescu_cli.certify.enclosure.cover import BITS, STARTS, cover, least_start
from rescu_cli.certify.enclosure.far import far
from rescu_cli.certify.enclosure.form import Far, constant
from rescu_cli.certify.enclosure.growth import FarError
from rescu_cli.certify.enclosure.maximum import TOLERANCE, maximum
from rescu_cli.core import balls
from rescu_cli.core.symbols import X


@dataclass(frozen=True)
class Tail:
    """What is known of h beyond ±start.

    Args:
        start: R.
        upper: h ≤ upper there; −oo if h → −∞ and stays below a value that it reaches elsewhere.
        limit: Its exact limit at infinity.
    """

    start: int
    upper: sp.Expr
    limit: sp.Expr


def supremum(
    expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, places: Sequence[sp.Expr] = ()
) -> sp.Expr:
    """sup of ``expr`` on an interval.

    Args:
        expr: In x alone, analytic on the interval and at its finite ends.
        lower: Left end, −oo allowed.
        upper: Right end, oo allowed.
        places: Exact points of the interval at which the supremum may be reached.

    Returns:
        An exact number, oo, or an `Enclosed` one of width at most about 1e-13·(1 + |sup|).

    Raises:
        UndecidedError: If it is not found.
    """
    try:
        with balls.precision(BITS):
            return _supremum(expr, lower, upper, places)
    except (TooManyBoxesError, FarError) as reason:
        raise UndecidedError(str(reason)) from None


def _supremum(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, places: Sequence[sp.Expr]) -> sp.Expr:
    values = [expr.subs(X, p) for p in places]
    least = least_start(lower, upper)
    reached = balls.rational_bounds(compiled(expr)(point(_inside(lower, upper))))[0]
    left = _tail(expr, -1, least, reached) if lower.is_infinite else None
    right = _tail(expr, 1, least, reached) if upper.is_infinite else None
    tails = [t for t in (left, right) if t is not None]
    if any(t.limit is sp.oo for t in tails):
        return sp.oo
    exact = [c for c in (*(t.limit for t in tails), *values) if c.is_finite]
    largest = max(exact, key=_floor, default=None)
    if largest is not None and _never_above(expr, largest, lower, upper, places):
        return largest
    low = lower if left is None else sp.Integer(-left.start)
    high = upper if right is None else sp.Integer(right.start)
    inside = maximum(expr, low, high)
    floor = inside.lower if largest is None else max(inside.lower, _floor(largest))
    tops = [balls.rational_bounds(point(t.upper))[1] for t in tails if t.upper.is_finite]
    ceiling = max([inside.upper, *tops])
    if ceiling - floor > 4 * TOLERANCE * (1 + abs(ceiling)):
        raise UndecidedError(f"the supremum is only known to lie in [{floor}, {ceiling}]")
    return balls.Enclosed(floor, ceiling)


def _floor(exact: sp.Expr) -> sp.Rational:
    return balls.rational_bounds(point(exact))[0]


def _inside(lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    """A point of the interval."""
    if not lower.is_infinite:
        return lower
    return sp.S.Zero if upper.is_infinite else upper


def _tail(expr: sp.Expr, side: int, least: int, reached: sp.Rational) -> Tail:
    """The first tail that cannot hold more than the rest, or is as close to its limit as asked for.

    Args:
        expr: h.
        side: 1 for +∞, −1 for −∞.
        least: Smallest R.
        reached: h is at least this somewhere. A tail on which h → −∞ has to stay below it: h may
            still rise at first.
    """
    reason = ""
    for start in STARTS:
        if start < least:
            continue
        try:
            form = far(expr, start, side)
            limit = form.limit()
            roof = reached if limit is -sp.oo else limit
            if limit is sp.oo or _stays_below(form, roof):
                return Tail(start, limit, limit)
            if limit is -sp.oo:
                reason = f"it may still rise beyond {start}"
                continue
            top = balls.rational_bounds(form.range())[1]
        except FarError as error:
            reason = str(error)
            continue
        if top - _floor(limit) <= TOLERANCE:
            return Tail(start, top, limit)
        reason = f"the bound beyond {start} is not sharp"
    raise TooManyBoxesError(f"the tail towards {'-' if side < 0 else ''}inf is open: {reason}")


def _stays_below(form: Far, limit: sp.Expr) -> bool:
    try:
        return (constant(form.start, limit) + -form).sign() >= 0
    except FarError:
        return False


def _never_above(
    expr: sp.Expr, exact: sp.Expr, lower: sp.Expr, upper: sp.Expr, places: Sequence[sp.Expr]
) -> bool:
    try:
        cover(exact - expr, lower, upper, places)
    except (NotNonnegativeError, TooManyBoxesError, FarError):
        return False
    return True
