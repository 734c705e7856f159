"""Whether the formulas of an activation are real where they are used; a search for the contrary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import flint
import sympy as sp

from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.witness import usual_places
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X
from rescu_cli.errors import UndefinedActivationError, UnsupportedError

_BITS = 128
_N_CHOICES = 3
_MAX_DEGREE = 12
_NO_BALL = (UnsupportedError, KeyError, ZeroDivisionError, ValueError, AttributeError, TypeError)
"""Of a formula off the real line; |u|, max and min have none there."""


def require_defined(activation: Activation) -> None:
    """Look for a point inside a piece at which its value or gradient is complex or divides by zero.

    Finding none proves nothing: that every piece is real is for the proofs to show.

    Raises:
        UndefinedActivationError: If there is one; a complex value is confirmed by a ball.
    """
    knowledge = Knowledge(activation.assumptions)
    for piece in activation.pieces:
        span = Span(piece.lower, piece.upper, knowledge)
        for parameters in instances(activation.assumptions, _N_CHOICES):
            for what, formula in (("value", piece.value), ("gradient", piece.gradient)):
                expr = formula
                for x in usual_places(span, parameters):
                    if _is_complex(expr, x, parameters):
                        raise _error(activation, what, "is complex", x, parameters)
                for x in _poles(expr.subs(parameters), span, parameters):
                    raise _error(activation, what, "divides by zero", x, parameters)


def _is_complex(expr: sp.Expr, x: sp.Expr, parameters: Mapping[sp.Symbol, sp.Expr]) -> bool:
    with balls.precision(_BITS):
        try:
            env = {s: flint.acb(balls.evaluate(v, {})) for s, v in parameters.items()}
            ball = balls.evaluate(expr, {**env, X: flint.acb(balls.evaluate(x, {}))})
        except _NO_BALL:
            return False
    # An expression without x stays a real ball.
    return isinstance(ball, flint.acb) and ball.is_finite() and not ball.imag.contains(0)


def _poles(expr: sp.Expr, span: Span, parameters: Mapping[sp.Symbol, sp.Expr]) -> Iterator[sp.Expr]:
    """Rational zeros of polynomial denominators, as they are written, inside the piece."""
    low, high = span.lower.subs(parameters), span.upper.subs(parameters)
    for power in expr.atoms(sp.Pow):
        base = power.base
        if not (power.exp.is_negative and base.is_polynomial(X) and base.has(X)):
            continue
        poly = sp.Poly(base, X)
        if poly.degree() > _MAX_DEGREE or not all(c.is_Rational for c in poly.all_coeffs()):
            continue
        for root in sp.roots(poly, filter="Q"):
            if span.part(low, high).contains(root):
                yield root


def _error(
    activation: Activation, what: str, fault: str, x: sp.Expr,
    parameters: Mapping[sp.Symbol, sp.Expr],
) -> UndefinedActivationError:  # fmt: skip
    at = ", ".join([f"x = {x}", *(f"{s} = {v}" for s, v in parameters.items())])
    return UndefinedActivationError(
        f"The {what} of {activation.name} {fault} at {at}. A formula must be real and finite "
        "inside its piece: give other joints, or a formula for that stretch."
    )
