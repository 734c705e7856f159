"""h ≥ 0 on an interval that may reach to infinity: boxes in the middle, a lemma on each tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp

from rescu_cli.certify.enclosure.boxes import (
    Box,
    NotNonnegativeError,
    TooManyBoxesError,
    cover_nonnegative,
    holds,
    point,
    positive,
)
from rescu_cli.certify.enclosure.compiled import compiled
from rescu_cli.certify.enclosure.far import far
from rescu_cli.certify.enclosure.form import Far
from rescu_cli.certify.enclosure.growth import FarError
from rescu_cli.core import balls

BITS = 128
"""Working precision of proofs; replays take twice as much."""
STARTS = tuple(2**k for k in (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 64, 128, 256, 512, 1023))
"""Where a tail may begin: powers of two up to the largest of a double."""
FAR_LEMMA = "sign of the leading factor beyond |x| = R"


@dataclass(frozen=True)
class Cover:
    """A proof that h ≥ 0 on (lower, upper) and at its finite ends.

    Args:
        lower: Left end, −oo allowed.
        upper: Right end, oo allowed.
        left_start: R of the left tail; None if the left end is finite.
        right_start: R of the right tail; None if the right end is finite.
        boxes: Tile what is between.
    """

    lower: sp.Expr
    upper: sp.Expr
    left_start: int | None
    right_start: int | None
    boxes: tuple[Box, ...]


def tail_from(expr: sp.Expr, side: int, least: int, wanted: int | None = None) -> tuple[int, Far]:
    """The first R ≥ ``least`` from which the far form of ``expr`` has a proved sign.

    Args:
        expr: In x alone.
        side: 1 for +∞, −1 for −∞.
        least: Smallest R.
        wanted: Stop at this sign only (any if None).

    Raises:
        TooManyBoxesError: If there is none.
    """
    reason = "none tried"
    for start in STARTS:
        if start < least:
            continue
        try:
            found = far(expr, start, side)
            sign = found.sign()
        except FarError as error:
            reason = str(error)
            continue
        if wanted is None or sign in (0, wanted):
            return start, found
        raise NotNonnegativeError(*_confirmed(expr, sp.Integer(side * start)))
    raise TooManyBoxesError(f"the tail towards {'-' if side < 0 else ''}inf is open: {reason}")


def _confirmed(expr: sp.Expr, at: sp.Expr) -> tuple[sp.Expr, balls.Ball]:
    ball = compiled(expr)(point(at))
    if ball < 0:
        return at, ball
    raise TooManyBoxesError(f"the sign at x = {at} is not confirmed")


def least_start(*ends: sp.Expr) -> int:
    """The first allowed R beyond every finite end."""
    size = max((abs(float(sp.N(e))) for e in ends if not e.is_infinite), default=0.0)
    for start in STARTS:
        if start > size:
            return start
    raise TooManyBoxesError("a joint lies beyond the largest double")


def cover(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, zeros: Sequence[sp.Expr] = ()) -> Cover:
    """Prove expr ≥ 0 on an interval.

    Args:
        expr: In x alone, analytic on the interval and at its finite ends.
        lower: Left end.
        upper: Right end.
        zeros: Exact points at which expr may vanish.

    Raises:
        NotNonnegativeError: If expr < 0 somewhere, confirmed.
        TooManyBoxesError: If neither was found.
    """
    with balls.precision(BITS):
        least = least_start(lower, upper)
        left = tail_from(expr, -1, least, 1)[0] if lower.is_infinite else None
        right = tail_from(expr, 1, least, 1)[0] if upper.is_infinite else None
        low = lower if left is None else sp.Integer(-left)
        high = upper if right is None else sp.Integer(right)
        return Cover(lower, upper, left, right, cover_nonnegative(expr, low, high, zeros))


def strictly(expr: sp.Expr, found: Cover) -> bool:
    """Whether a cover that proves expr ≥ 0 proves expr > 0 too, the finite ends included."""
    with balls.precision(BITS):
        tails = ((found.left_start, -1), (found.right_start, 1))
        return all(positive(expr, b) for b in found.boxes) and all(
            start is None or far(expr, start, side).sign() > 0 for start, side in tails
        )


def covers(expr: sp.Expr, found: Cover, *, bits: int = 2 * BITS) -> str | None:
    """Replay a proof without searching.

    Returns:
        None if it stands, otherwise what is wrong with it.
    """
    low = found.lower if found.left_start is None else sp.Integer(-found.left_start)
    high = found.upper if found.right_start is None else sp.Integer(found.right_start)
    if low.is_infinite or high.is_infinite:
        return "an infinite end has no tail"
    ends = [b.lower for b in found.boxes] + [found.boxes[-1].upper] if found.boxes else []
    if not ends or ends[0] != low or ends[-1] != high:
        return f"the boxes do not reach from {low} to {high}"
    for left, right in pairwise(found.boxes):
        if left.upper != right.lower:
            return f"the boxes leave a gap between {left.upper} and {right.lower}"
    with balls.precision(bits):
        for box in found.boxes:
            if not point(box.lower) < point(box.upper):
                return f"the box from {box.lower} to {box.upper} is empty"
            if not holds(expr, box):
                return f"rule {box.rule} fails from {box.lower} to {box.upper}"
        for start, side in ((found.left_start, -1), (found.right_start, 1)):
            if start is None:
                continue
            try:
                if far(expr, start, side).sign() < 0:
                    return f"the leading factor is negative beyond {side * start}"
            except FarError as error:
                return f"the tail beyond {side * start} does not hold: {error}"
    return None
