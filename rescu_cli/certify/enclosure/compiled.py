"""An expression in x, prepared for many evaluations with balls.

Branch and bound asks for the same expression on thousands of boxes; walking the SymPy tree each
time would cost ten times what the arithmetic does. Common subexpressions are evaluated once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.symbols import X

Step = Callable[[list[balls.Ball]], balls.Ball]


class Compiled:
    """A straight-line program over balls for one expression in x.

    Args:
        expr: In x alone; every parameter is bound.

    Raises:
        UnsupportedError: If some function has no enclosure.
    """

    def __init__(self, expr: sp.Expr) -> None:
        self.expr = expr
        self._steps: list[tuple[sp.Expr, tuple[int, ...]]] = []
        self._places: dict[sp.Expr, int] = {}
        self._result = self._add(expr)

    def _add(self, expr: sp.Expr) -> int:
        if expr not in self._places:
            # What has no x in it is one constant, whatever it is made of; an integral has a
            # variable of its own and is evaluated as a whole.
            whole = not expr.has(X) or isinstance(expr, sp.Integral)
            args = () if whole else expr.args
            operands = tuple(self._add(a) for a in args)
            self._steps.append((expr, operands))
            self._places[expr] = len(self._steps) - 1
        return self._places[expr]

    def __call__(self, x: balls.Ball) -> balls.Ball:
        """The ball of the expression on the ball ``x``, at the current precision."""
        values: list[balls.Ball] = []
        for expr, operands in self._steps:
            if expr == X:
                values.append(x)
            elif operands:
                values.append(balls.apply(expr, [values[i] for i in operands]))
            elif isinstance(expr, sp.Integral):
                values.append(balls.evaluate(expr, {X: x}))
            else:
                values.append(_constant(expr, balls.current_precision()))
        return values[self._result]


@lru_cache(maxsize=4096)
def _constant(expr: sp.Expr, bits: int) -> balls.Ball:
    return balls.evaluate(expr, {})


@lru_cache(maxsize=512)
def compiled(expr: sp.Expr) -> Compiled:
    """The program of an expression, kept for the next call."""
    return Compiled(expr)


@lru_cache(maxsize=512)
def derivative(expr: sp.Expr, order: int = 1) -> sp.Expr:
    """d^order/dx^order of an expression, kept for the next call."""
    return sp.diff(expr, X, order) if order else expr
