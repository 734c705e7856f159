"""Where an expression changes sign on an interval, for cutting |u|, min and max into pieces."""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.chart import chart
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.regular import require_analytic
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.enclosure.oracle import BallOracle
from rescu_cli.core.assumptions import Assumptions, Sign
from rescu_cli.core.budget import OutOfTime, time_budget

SECONDS = 4.0
"""Of computing, for one expression; covers by balls may take longer, and are then left."""


def sign_changes(
    expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, assumptions: Assumptions, *, strict: bool
) -> tuple[tuple[sp.Expr, ...], tuple[Sign, ...]] | None:
    """Exact points, ascending, and the one sign between each two; None if that is not decided.

    Args:
        expr: A function of x.
        lower: End of the open interval, perhaps infinite.
        upper: The other.
        assumptions: On the free parameters.
        strict: Whether it must not vanish between the points; else ≥ and ≤ will do.

    Example:
        >>> from rescu_cli.core.symbols import X
        >>> none = Assumptions({}, ())
        >>> sign_changes(X - sp.sin(X), -sp.oo, sp.oo, none, strict=False)
        ((0,), ('<=', '>='))
    """
    span = Span(lower, upper, Knowledge(assumptions, BallOracle(assumptions)))
    try:
        with time_budget(SECONDS):
            require_analytic(expr, span)
            found = chart(expr, span)
    except (UndecidedError, OutOfTime):
        return None
    if strict and not all(sign in ("+", "-", "0") for sign in found.signs):
        return None
    return found.roots, found.signs
