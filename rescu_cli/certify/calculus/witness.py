"""Look for a point where a claim fails, and confirm it with a rigorous enclosure.

Sampling only proposes; a witness counts when the ball of the derivative at that exact point has the
wrong sign. Nothing is ever concluded from not finding one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import flint
import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.span import Span, rational_between
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core import balls
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError

_BITS = (64, 512)
_SHOWN_BITS = 40
"""Of a quantity at a witness ten digits are shown."""
_FINITE = tuple(sp.Rational(k, 16) for k in (8, 4, 12, 2, 14, 6, 10, 1, 15, 3, 13, 5, 11, 7, 9))
_POWERS = (0, 1, -1, 2, -2, 3, -3, 4, -4, -6, 6, -8, -11, -15)
_OFFSETS = tuple(sp.Rational(3, 2) * sp.Integer(2) ** e for e in _POWERS)
Point = Mapping[sp.Symbol, sp.Expr]


@dataclass(frozen=True)
class Witness:
    """An exact point, parameter values, and what the function does there.

    Args:
        x: The point, in the variable of the unit function.
        parameters: Values of the free parameters.
        ball: Enclosure of the quantity that has the wrong sign.
    """

    x: sp.Expr
    parameters: Point
    ball: flint.arb


def enclose(expr: sp.Expr, x: sp.Expr | None, parameters: Point, bits: int) -> flint.arb | None:
    """The ball of ``expr`` at a point, None if it has none."""
    with balls.precision(bits):
        try:
            env = {s: balls.evaluate(v, {}) for s, v in parameters.items()}
            if x is not None:
                env[X] = balls.evaluate(x, {})
            ball = balls.evaluate(expr, env)
        except (UnsupportedError, KeyError, ZeroDivisionError, ValueError):
            return None
    return ball if ball.is_finite() else None


def confirmed(expr: sp.Expr, x: sp.Expr | None, parameters: Point, sign: Sign) -> flint.arb | None:
    """The ball that proves ``expr`` to have the strict sign at the point, None if there is none."""
    for bits in _BITS:
        ball = enclose(expr, x, parameters, bits)
        if ball is None:
            return None
        if (sign == "-" and ball < 0) or (sign == "+" and ball > 0):
            return _sharp(ball, expr, x, parameters)
        if not ball.contains(0):
            return None
    return None


def nonzero(expr: sp.Expr, x: sp.Expr | None, parameters: Point) -> flint.arb | None:
    """The ball that proves ``expr`` ≠ 0 at the point, or None."""
    for bits in _BITS:
        ball = enclose(expr, x, parameters, bits)
        if ball is None:
            return None
        if not ball.contains(0):
            return _sharp(ball, expr, x, parameters)
    return None


def _sharp(ball: flint.arb, expr: sp.Expr, x: sp.Expr | None, parameters: Point) -> flint.arb:
    """The ball, or a narrower one if it does not have the digits that are shown of it."""
    if ball.rel_accuracy_bits() >= _SHOWN_BITS:
        return ball
    sharper = enclose(expr, x, parameters, _BITS[-1])
    return ball if sharper is None else sharper


def search(
    expr: sp.Expr,
    span: Span,
    sign: Sign,
    points: list[dict[sp.Symbol, sp.Expr]],
    places: Sequence[sp.Expr] = (),
) -> Witness | None:
    """A point of the span at which ``expr`` has the strict ``sign``; sampling with confirmation.

    Args:
        expr: What should have the sign.
        span: Where to look.
        sign: ``'+'`` or ``'-'``.
        points: Parameter values to try.
        places: Values of x to try before the usual ones, where they lie in the span.
    """
    for parameters in points:
        for x in (*_inside(places, span, parameters), *usual_places(span, parameters)):
            ball = confirmed(expr, x, parameters, sign)
            if ball is not None:
                return Witness(x, parameters, ball)
    return None


def in_cell(
    expr: sp.Expr,
    lower: sp.Expr,
    upper: sp.Expr,
    sign: Sign,
    points: list[dict[sp.Symbol, sp.Expr]],
    knowledge: Knowledge,
) -> Witness | None:
    """A confirmed point inside a cell of a chart."""
    for parameters in points:
        try:
            x = rational_between(lower.subs(parameters), upper.subs(parameters), knowledge)
        except UndecidedError:
            continue
        ball = confirmed(expr, x, parameters, sign)
        if ball is not None:
            return Witness(x, parameters, ball)
    return None


def at_parameters(
    expr: sp.Expr, sign: Sign | None, points: list[dict[sp.Symbol, sp.Expr]]
) -> tuple[dict[sp.Symbol, sp.Expr], flint.arb] | None:
    """Parameter values at which an expression without x has ``sign`` (any non-zero if None)."""
    for parameters in points:
        ball = (
            nonzero(expr, None, parameters)
            if sign is None
            else confirmed(expr, None, parameters, sign)
        )
        if ball is not None:
            return parameters, ball
    return None


def _inside(places: Sequence[sp.Expr], span: Span, parameters: Point) -> list[sp.Expr]:
    """The given points that lie strictly inside the span at these parameters."""
    if not places:
        return []
    here = span.part(span.lower.subs(parameters), span.upper.subs(parameters))
    return [x for x in places if here.contains(x)]


def usual_places(span: Span, parameters: Point) -> Iterator[sp.Expr]:
    """Interior points of a span: sixteenths of a bounded one, geometric steps into an open end."""
    lower, upper = span.lower.subs(parameters), span.upper.subs(parameters)
    if not (lower.is_infinite or upper.is_infinite):
        yield from (lower + (upper - lower) * k for k in _FINITE)
    elif not lower.is_infinite:
        yield from (lower + o for o in _OFFSETS)
    elif not upper.is_infinite:
        yield from (upper - o for o in _OFFSETS)
    else:
        yield sp.S.Zero
        for o in _OFFSETS:
            yield -o
            yield o


def decimal(ball: flint.arb, digits: int = 10) -> str:
    """The middle of a ball as a short decimal, for display."""
    return str(ball.mid().str(digits, radius=False))
