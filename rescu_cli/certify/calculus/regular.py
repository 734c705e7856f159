"""Where an expression is real and analytic, by its structure.

Compositions, sums and products of analytic functions are analytic; what can fail is a denominator,
a logarithm or a root, and each of those must be proved away from zero (positive) on the interval.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.chart import chart
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.structure import interval_sign
from rescu_cli.certify.calculus.tail import tail
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

_ENTIRE = (
    sp.exp, sp.sin, sp.cos, sp.tanh, sp.sinh, sp.cosh, sp.erf, sp.erfc, sp.atan, sp.asinh,
    sigmoid, Phi, expm1,
)  # fmt: skip
"""Analytic on the whole real line."""


def require_analytic(expr: sp.Expr, span: Span) -> None:
    """Check that ``expr`` is real and analytic on the span *and at its finite ends*.

    Raises:
        UndecidedError: If that does not follow; the text names the part.
    """
    _visit(expr, span, analytic=True)


def require_continuous(expr: sp.Expr, span: Span) -> None:
    """Check that ``expr`` is real and continuous on the span and at its finite ends.

    Weaker than analytic: √u needs u ≥ 0 only.

    Raises:
        UndecidedError: If that does not follow.
    """
    _visit(expr, span, analytic=False)


def _visit(expr: sp.Expr, span: Span, *, analytic: bool) -> None:
    if expr.is_Symbol or expr.is_Rational or expr in (sp.pi, sp.E):
        return
    if isinstance(expr, sp.CRootOf) and expr.is_real:
        return
    if isinstance(expr, sp.Integral):
        _integral(expr, span)
        return
    for arg in expr.args:
        _visit(arg, span, analytic=analytic)
    if expr.is_Add or expr.is_Mul or isinstance(expr, _ENTIRE):
        return
    if not expr.has(X) and isinstance(expr, sp.Abs | sp.Max | sp.Min):
        return
    if expr.is_Pow:
        _power(expr, span, analytic)
        return
    if isinstance(expr, sp.log):
        _need(expr.args[0], "+", span, expr)
        return
    if isinstance(expr, log1p):
        _need(1 + expr.args[0], "+", span, expr)
        return
    if isinstance(expr, sp.tan):
        _need(sp.cos(expr.args[0]), "nonzero", span, expr)
        return
    raise UndecidedError(f"{expr.func.__name__} in {expr} is not among the functions known here")


def _power(expr: sp.Pow, span: Span, analytic: bool) -> None:
    base, exponent = expr.args
    if exponent.is_Integer:
        if exponent < 0:
            _need(base, "nonzero", span, expr)
        return
    if exponent.is_Rational and exponent > 0 and not (analytic and base.has(X)):
        _need(base, ">=", span, expr)
        return
    _need(base, "+", span, expr)


def _need(expr: sp.Expr, wanted: str, span: Span, whole: sp.Expr) -> None:
    sign = closed_sign(expr, span)
    good = {
        "+": sign == "+",
        ">=": sign in ("+", ">=", "0"),
        "nonzero": sign in ("+", "-"),
    }[wanted]
    if not good:
        shown = {"+": "positive", ">=": "nonnegative", "nonzero": "without zero"}[wanted]
        raise UndecidedError(f"{expr} is not shown to be {shown} in {whole}")


def closed_sign(expr: sp.Expr, span: Span) -> Sign | None:
    """The sign on the span and at its finite ends; ``expr`` must be continuous there."""
    if not expr.has(X):
        return span.knowledge.sign(expr)
    sign = interval_sign(expr, span, closed=True)
    if sign in ("+", "-", "0"):
        return sign
    try:
        inside = chart(expr, span)
    except UndecidedError:
        return sign
    signs = list(inside.signs)
    for end in (span.lower, span.upper):
        if not end.is_infinite:
            at_end = span.knowledge.sign(expr.subs(X, end))
            if at_end is None:
                return sign
            signs.append(at_end)
    if inside.roots:
        signs.append("0")
    found = set(signs)
    if len(found) == 1:
        return signs[0]
    if found <= {"+", ">=", "0"}:
        return ">="
    return "<=" if found <= {"-", "<=", "0"} else sign


def _integral(expr: sp.Integral, span: Span) -> None:
    """∫ g is analytic in its upper end where g is; a tail ∫_{−∞} needs a proved decay."""
    if len(expr.limits) != 1 or len(expr.limits[0]) != 3:
        raise UndecidedError(f"{expr} is not a definite integral")
    variable, lower, upper = expr.limits[0]
    body = expr.function.subs(variable, X)
    if expr.function.has(X) or lower.has(X):
        raise UndecidedError(f"x in {expr} is not only an end of integration")
    if upper.has(X):
        if upper != X or lower.is_infinite:
            raise UndecidedError(f"the upper end of {expr} is not x")
        low, high = _hull(span, lower)
        _visit(body, span.part(low, high), analytic=True)
        return
    if lower is not sp.S.NegativeInfinity or upper.is_infinite:
        _visit(body, _ordered(lower, upper, span), analytic=True)
        return
    _visit(body, span.part(lower, upper), analytic=True)
    decay = tail(body, -1, span.knowledge)
    if decay.exponent != 0:
        if span.knowledge.sign(sp.Poly(decay.exponent, X).LC()) == "-":
            return
    elif decay.degree <= -2:
        return
    raise UndecidedError(f"the improper integral {expr} is not shown to converge")


def _hull(span: Span, point: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The smallest interval that holds the span and ``point``."""
    low, high = span.lower, span.upper
    if not low.is_infinite and span.knowledge.compare(point, low) not in ("+", "0", ">="):
        if span.knowledge.compare(point, low) not in ("-", "<="):
            raise UndecidedError(f"{point} cannot be placed against {low}")
        low = point
    if not high.is_infinite and span.knowledge.compare(high, point) not in ("+", "0", ">="):
        if span.knowledge.compare(high, point) not in ("-", "<="):
            raise UndecidedError(f"{point} cannot be placed against {high}")
        high = point
    return low, high


def _ordered(a: sp.Expr, b: sp.Expr, span: Span) -> Span:
    sign = span.knowledge.compare(b, a)
    if sign in ("+", ">=", "0"):
        return span.part(a, b)
    if sign in ("-", "<="):
        return span.part(b, a)
    raise UndecidedError(f"{a} and {b} cannot be ordered")
