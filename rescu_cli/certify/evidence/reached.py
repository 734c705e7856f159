"""That a bound is sharp: places where an extremum is reached, or limits that approach it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.extrema import cells_of
from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.calculus.knowledge import cancelled_arguments
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.tail import limit
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.enclosure.boxes import TooManyBoxesError
from rescu_cli.certify.enclosure.cover import BITS, least_start
from rescu_cli.certify.enclosure.maximum import TOLERANCE, maximum
from rescu_cli.certify.evidence.case import NOT_FINITE, Case
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.values import Bounds
from rescu_cli.core import balls
from rescu_cli.core.symbols import X

_MAX_PLACES = 6
_REACHES = (8, 32, 128)
"""How far out an extremum is looked for; the farther, the more digits cancel on the way."""
Part = tuple[sp.Expr, sp.Expr, sp.Expr]
"""A function and the two ends of its interval."""


def reach(
    case: Case, key: str, bound: Bounds, order: int, direction: int,
    parts: Sequence[Part] | None = None,
) -> None:  # fmt: skip
    """Add the obligation that the value is reached (or approached).

    Args:
        case: The claim.
        key: Name of the choice.
        bound: The value.
        order: Which derivative, where ``parts`` is not given.
        direction: 1 for a supremum, −1 for an infimum, 0 for the supremum of the absolute value.
        parts: The functions and their intervals.

    Raises:
        UndecidedError: If no such place is found.
    """
    if parts is None:
        parts = [
            (case.facts.derivative(i, order), b.span.lower, b.span.upper)
            for i, b in enumerate(case.facts.branches)
        ]
    place = case.choose(key, lambda: _find(case, bound, direction, parts))
    if "any" in place:
        _one_of(case, place["any"], bound, direction, parts)
        return
    part = parts[case.index(place["piece"], len(parts))]
    expr, sign = part[0], case.one_of(place["sign"], _signs(direction))
    if "side" in place:
        side = case.one_of(place["side"], (1, -1))
        if not part[2 if side > 0 else 1].is_infinite:
            raise case.unknown("the piece does not reach to infinity on that side")
        case.limit(expr, side, sign * bound.high)
        return
    at = _point(case, place["x"], part)
    if bound.exact:
        case.vanishes(sign * _at(expr, at) - bound.high)
    elif direction < 0:
        case.at("nonnegative_at", bound.high - expr, {X: at})
    else:
        case.at("nonnegative_at", sign * expr - bound.low, {X: at})


def _signs(direction: int) -> tuple[int, ...]:
    """Whether f counts, or |f|: −f at a place is another function's value."""
    return (1, -1) if direction == 0 else (1,)


def _point(case: Case, text: Any, part: Part) -> sp.Expr:
    """A kept place as a real point of the closed interval, for all parameters."""
    at = case.number(str(text))
    if at.has(*NOT_FINITE):
        raise case.unknown(f"{at} is no point")
    if at.free_symbols:  # a number is real, or it is not read
        case.add(Obligation("continuous", at))
    case.hints.append(at)
    inside(case, at, part)
    return at


def _one_of(case: Case, places: Any, bound: Bounds, direction: int, parts: Sequence[Part]) -> None:
    """At one of the places, which may depend on the parameters: the product of the gaps is 0."""
    gaps: list[sp.Expr] = []
    for place in places:
        part = parts[case.index(place["piece"], len(parts))]
        at = _point(case, place["x"], part)
        sign = case.one_of(place["sign"], _signs(direction))
        gap = sp.cancel(sign * _at(part[0], at)) - bound.high
        gaps.append(gap)
    case.vanishes(sp.Mul(*dict.fromkeys(gaps)))


def inside(case: Case, at: sp.Expr, part: Part) -> None:
    """The place lies in the closed interval."""
    if not part[1].is_infinite:
        case.nonnegative(at - part[1])
    if not part[2].is_infinite:
        case.nonnegative(part[2] - at)


def _find(case: Case, bound: Bounds, direction: int, parts: Sequence[Part]) -> dict[str, Any]:
    signs = _signs(direction)
    for i, (expr, low, high) in enumerate(parts):
        for sign in signs:
            for side, end in ((-1, low), (1, high)):
                if end.is_infinite and _tends(case, expr, side, sign * bound.high):
                    return {"piece": i, "side": side, "sign": sign}
    if bound.low.is_infinite:
        raise UndecidedError("no end where the function is unbounded is found")
    for i, (expr, low, high) in enumerate(parts):
        for at in _places(case, expr, low, high):
            for sign in signs:
                if bound.exact and vanishes(sign * _at(expr, at) - bound.high):
                    return {"piece": i, "x": str(at), "sign": sign}
    if not bound.exact:
        return _numerically(bound, direction, parts)
    everywhere = [
        {"piece": i, "x": str(at), "sign": sign}
        for i, (expr, low, high) in enumerate(parts)
        for at in _ends(expr, low, high)
        for sign in signs
    ]
    if not _one_reaches(case, bound, parts, everywhere):
        raise UndecidedError(f"no place where {bound.high} is reached is found")
    return {"any": everywhere[:_MAX_PLACES]}


def _one_reaches(
    case: Case, bound: Bounds, parts: Sequence[Part], places: Sequence[dict[str, Any]]
) -> bool:
    """Whether it seems so for some parameter values; what is proved is the product."""
    for values in instances(case.activation.assumptions, 4):
        gaps = [
            p["sign"] * _at(parts[p["piece"]][0], case.number(p["x"])) - bound.high for p in places
        ]
        if not any(vanishes(g.subs(values)) for g in gaps):
            return False
    return bool(places)


def _at(expr: sp.Expr, at: sp.Expr) -> sp.Expr:
    return cancelled_arguments(expr.subs(X, at))


def _ends(expr: sp.Expr, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    """Finite ends; one of them, or 0, for a constant."""
    found = [e for e in (low, high) if not e.is_infinite]
    return found if expr.has(X) else (found[:1] or [sp.S.Zero])


def _tends(case: Case, expr: sp.Expr, side: int, value: sp.Expr) -> bool:
    try:
        found = limit(expr, side, case.facts.knowledge)
    except UndecidedError:
        return False
    return bool(found == value) or (
        not found.is_infinite and not value.is_infinite and vanishes(found - value)
    )


def _places(case: Case, expr: sp.Expr, low: sp.Expr, high: sp.Expr) -> list[sp.Expr]:
    """Ends, zero, and the exact critical points."""
    span = case.facts.branches[0].span.part(low, high)
    found = [e for e in (low, high) if not e.is_infinite]
    if span.contains(sp.S.Zero):
        found.append(sp.S.Zero)
    if expr.has(X):
        found += cells_of(expr, span)
    return found


def _numerically(bound: Bounds, direction: int, parts: Sequence[Part]) -> dict[str, Any]:
    """The best point of branch and bound on the middle part of each interval."""
    signs = {1: (1,), -1: (-1,), 0: (1, -1)}[direction]
    goal = -bound.high if direction < 0 else bound.low
    with balls.precision(BITS):
        for reach_to, (i, (expr, low, high)), sign in product(_REACHES, enumerate(parts), signs):
            if not expr.has(X) or expr.free_symbols - {X}:
                continue
            try:
                size = max(reach_to, least_start(low, high))
                left = sp.Integer(-size) if low.is_infinite else low
                right = sp.Integer(size) if high.is_infinite else high
                found = maximum(sign * expr, left, right, TOLERANCE / 1000)
            except TooManyBoxesError:
                continue
            if found.lower >= goal:
                return {"piece": i, "x": str(found.at), "sign": 1 if direction < 0 else sign}
    raise UndecidedError("no place where the enclosed value is reached is found")
