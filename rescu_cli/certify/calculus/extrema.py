"""Suprema and infima on an interval, exactly: values at critical points, ends and limits."""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.chart import cells
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.tail import end_value
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.symbols import X


def extreme_candidates(expr: sp.Expr, slope: sp.Expr, span: Span) -> list[sp.Expr]:
    """Values whose smallest is inf and whose largest is sup of ``expr`` on the span.

    Between the zeros of its derivative the function is monotone, so its bounds there are its values
    (limits) at the two ends. Where those zeros have no closed form, an oracle may know both bounds.

    Args:
        expr: Analytic on the span and at its finite ends.
        slope: Its derivative.
        span: The interval.

    Raises:
        UndecidedError: If a critical point or a limit has no exact form here.
    """
    if not expr.has(X):
        return [expr]
    try:
        points = [span.lower, *cells(slope, span), span.upper]
        return [span.knowledge.tidy(end_value(expr, p, span.knowledge)) for p in points]
    except UndecidedError:
        found = span.knowledge.extremes(expr, span.lower, span.upper)
        if found is None:
            raise
        return found


def cells_of(expr: sp.Expr, span: Span) -> list[sp.Expr]:
    """The critical points of ``expr`` that have a closed form; none if they have not."""
    try:
        return list(cells(sp.diff(expr, X), span))
    except UndecidedError:
        return []
