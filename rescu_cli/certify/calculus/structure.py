"""Signs that can be read off the form of an expression: e^u > 0, u² ≥ 0, tanh u has the sign of u.

Every rule is one line of mathematics and holds for all real arguments; SymPy's own assumption
system is not asked about anything that depends on x.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.signs import flip, power_sign, product_sign, sum_sign
from rescu_cli.certify.calculus.span import Span
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

_POSITIVE = (sp.exp, sp.cosh, sp.erfc, sigmoid, Phi)
_ODD_INCREASING = (sp.tanh, sp.sinh, sp.asinh, sp.atan, sp.erf, expm1, log1p)
"""g(u) has the sign of u. For log1p this needs 1 + u > 0, which `regular` has checked."""
_BELOW_ONE = (sp.tanh, sp.erf, sp.sin, sp.cos, sigmoid, Phi)
"""|g(u)| ≤ 1, and < 1 except for sin and cos."""


def structural_sign(expr: sp.Expr, span: Span, *, closed: bool = False) -> Sign | None:
    """The sign of ``expr`` on the span as far as its form shows it, None otherwise.

    Args:
        expr: Real and finite on the span.
        span: The interval.
        closed: Whether the sign must also hold at the finite ends.
    """
    if not expr.has(X):
        return span.knowledge.sign(expr)
    if expr == X:
        return span.sign_of_x(closed)
    if expr.is_Add:
        return _of_sum(expr, span, closed)
    if expr.is_Mul:
        return product_sign(structural_sign(f, span, closed=closed) for f in expr.args)
    if isinstance(expr, _POSITIVE):
        return "+"
    if expr.is_Pow:
        if expr.exp.is_Rational:
            return power_sign(structural_sign(expr.base, span, closed=closed), expr.exp)
        positive = structural_sign(expr.base, span, closed=closed) == "+"
        return "+" if positive else None
    if isinstance(expr, _ODD_INCREASING):
        return structural_sign(expr.args[0], span, closed=closed)
    if isinstance(expr, sp.log):
        return structural_sign(expr.args[0] - 1, span, closed=closed)
    return None


def _of_sum(expr: sp.Add, span: Span, closed: bool) -> Sign | None:
    sign = sum_sign(structural_sign(t, span, closed=closed) for t in expr.args)
    if sign is not None:
        return sign
    affine = _affine_sign(expr, span, closed)
    return affine if affine is not None else _bounded_terms(expr, span)


def _affine_sign(expr: sp.Expr, span: Span, closed: bool) -> Sign | None:
    """a·x + b between its values at the ends of a bounded span."""
    if not span.bounded or not expr.is_polynomial(X) or sp.degree(expr, X) != 1:
        return None
    ends = [span.knowledge.sign(expr.subs(X, e)) for e in (span.lower, span.upper)]
    sign = sum_sign(ends)
    if not closed or sign is None:
        return sign
    strict = all(e in ("+", "-") for e in ends)
    weak: dict[Sign, Sign] = {"+": ">=", "-": "<="}
    return sign if strict else weak.get(sign, sign)


def _bounded_terms(expr: sp.Add, span: Span) -> Sign | None:
    """C + Σ aᵢ·gᵢ with |gᵢ| ≤ 1: one-signed where |c| ≥ Σ|aᵢ|."""
    constant, reach, strict = sp.S.Zero, sp.S.Zero, False
    for term in expr.args:
        if not term.has(X):
            constant += term
            continue
        factor, rest = term.as_independent(X, as_Add=False)
        if not isinstance(rest, _BELOW_ONE):
            return None
        sign = span.knowledge.sign(factor)
        if sign in ("+", ">="):
            reach += factor
        elif sign in ("-", "<="):
            reach -= factor
        else:
            return None
        strict |= sign in ("+", "-") and not isinstance(rest, sp.sin | sp.cos)
    for outcome, margin in (("+", constant - reach), ("-", -constant - reach)):
        sign = span.knowledge.sign(margin)
        if sign == "+" or (sign in (">=", "0") and strict):
            return "+" if outcome == "+" else "-"
        if sign in (">=", "0"):
            return ">=" if outcome == "+" else "<="
    return None


def interval_sign(expr: sp.Expr, span: Span, *, closed: bool = False) -> Sign | None:
    """`structural_sign`, tried on −expr too where a leading minus hides the form."""
    sign = structural_sign(expr, span, closed=closed)
    return sign if sign is not None else flip(structural_sign(-expr, span, closed=closed))
