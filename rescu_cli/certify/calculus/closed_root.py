"""Roots that have a closed form: 0, and what undoing one function after the other gives.

Only candidates are made here; whether one is a root is decided by exact arithmetic. A root that is
not found is no error: what needs it stays undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.tail import end_value
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.symbols import X, expm1, log1p, sigmoid

_INVERSES: dict[type[sp.Function], Callable[[sp.Expr], sp.Expr]] = {
    sp.exp: sp.log,
    sp.log: sp.exp,
    expm1: lambda v: sp.log(1 + v),
    log1p: lambda v: sp.exp(v) - 1,
    sp.sinh: sp.asinh,
    sp.asinh: sp.sinh,
    sp.tanh: lambda v: sp.log((1 + v) / (1 - v)) / 2,
    sigmoid: lambda v: sp.log(v / (1 - v)),
    sp.atan: sp.tan,
}


def closed_root(expr: sp.Expr, span: Span) -> sp.Expr | None:
    """A place inside the span where ``expr``, continuous there, is proved to vanish.

    Example:
        >>> from rescu_cli.certify.calculus.knowledge import Knowledge
        >>> from rescu_cli.core.assumptions import Assumptions
        >>> line = Span(-sp.oo, sp.oo, Knowledge(Assumptions({}, ())))
        >>> closed_root(2*sp.atan(X) - 1, line), closed_root(X - sp.cos(X), line)
        (tan(1/2), None)
    """
    for point in _candidates(expr):
        if not span.contains(point):
            continue
        try:
            value = end_value(expr, point, span.knowledge)
        except UndecidedError:
            continue
        if span.knowledge.vanishes(value):
            return point
    return None


def _candidates(expr: sp.Expr) -> Iterator[sp.Expr]:
    yield sp.S.Zero
    for point in _undone(expr, sp.S.Zero):
        if not point.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
            yield point


def _undone(expr: sp.Expr, value: sp.Expr) -> Iterator[sp.Expr]:
    """What x could be where ``expr`` has the value, if x occurs in one place only."""
    if expr == X:
        yield value
    elif expr.is_Add or expr.is_Mul:
        rest, moving = expr.as_independent(X)
        if moving.func is not expr.func:
            yield from _undone(moving, value - rest if expr.is_Add else value / rest)
    elif expr.is_Pow and not expr.exp.has(X):
        root = value ** (1 / expr.exp)
        yield from _undone(expr.base, root)
        yield from _undone(expr.base, -((-value) ** (1 / expr.exp)))
        yield from _undone(expr.base, -root)
    elif expr.func in _INVERSES:
        yield from _undone(expr.args[0], _INVERSES[expr.func](value))
