"""How far from the truth generated code may be, in ulps."""

from __future__ import annotations

import sympy as sp

from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.symbols import X

SIXTEEN_BITS = 1.0
QUADRATIC = 2.0
TRANSCENDENTAL = 4.0


def bound(degree: int | None, kind: FloatFormat) -> float:
    """Ulps within which value and gradient agree with the truth.

    1 in 16 bits, which are rounded once from float32. In float32 and float64: 2 for pieces of
    degree at most 2, 4 for members with library functions, and d for polynomials of degree d > 2:
    in a product of d factors x + β, each rounded, d roundings of half an ulp meet d − 1 of the
    products themselves.

    Args:
        degree: As `degree` gives it.
        kind: Format of the results.
    """
    if kind.bits == 16:
        return SIXTEEN_BITS
    return TRANSCENDENTAL if degree is None else max(QUADRATIC, float(degree))


def degree(activation: Activation) -> int | None:
    """The highest degree among the pieces; None if one is not a polynomial in x."""
    degrees = []
    for piece in activation.pieces:
        for expr in (piece.value, piece.gradient):
            if not expr.is_polynomial(X):
                return None
            degrees.append(int(sp.degree(expr, X)) if expr.has(X) else 0)
    return max(degrees)
