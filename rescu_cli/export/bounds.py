"""How far from the truth generated code may be, in ulps."""

from __future__ import annotations

import sympy as sp

from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.symbols import X
from rescu_cli.export.program import Program

SIXTEEN_BITS = 1.0
QUADRATIC = 2.0
ROUNDED_SQUARE = 3.0
TRANSCENDENTAL = 4.0
EXCEPTIONS: dict[tuple[str, str], float] = {
    # Beside a minimum these are differences of terms of twice their size and more, each of several
    # roundings.
    ("mish", "gradient"): 8.0,
    ("smu", "gradient"): 8.0,
    ("smu_alpha_gradient", "alpha_gradient"): 6.0,
    # The phase is rounded twice before the sine, and its square doubles the relative error.
    ("rescu_cosine", "gradient"): 6.0,
}
"""Members of the catalogue whose best formula here is not within 4 ulps at every float."""


def bound(activation: Activation, kind: FloatFormat, what: str) -> float:
    """Ulps within which a result agrees with the truth.

    1 in 16 bits, which are rounded once from float32. In float32 and float64: 4 for members with
    library functions, with the `EXCEPTIONS`; 2 for pieces of degree at most 2 whose joints are
    powers of two. Elsewhere the sum x + β and the product 4β are rounded before they meet in a
    square or a quotient, which costs one ulp more: 3. For polynomials of degree d > 2 it is 3d/2:
    in a product of d factors x + β, each rounded, d roundings of half an ulp meet those of the
    quotients and of the products themselves (over all floats of float32, 5.54 ulp for d = 4).
    One without joints is computed as a product over its roots, whose coefficient is rounded too:
    3d/2 + 1. A quotient of polynomials is two such products: 3/2 of the sum of their degrees.
    Where both ends have a slope, their difference is rounded too: 4 in place of 3. The gradient of
    a parameter has one ulp more, for the quotient x/β in it.

    Args:
        activation: With every parameter bound; of the gradient of a parameter, that gradient as a
            function of x.
        kind: Format of the results.
        what: ``value``, ``gradient`` or the gradient of a parameter.
    """
    if kind.bits == 16:
        return SIXTEEN_BITS
    more = 0.0 if what in ("value", "gradient") else 1.0
    highest = degree(activation)
    if highest is None:
        quotient = 1.5 * quotient_degree(activation, what)
        return max(EXCEPTIONS.get((activation.name, what), TRANSCENDENTAL), quotient) + more
    if highest > 1 and not activation.breakpoints:
        return 1.5 * highest + 1 + more
    if highest > 2:
        return 1.5 * highest + more
    if all(_power_of_two(b) for b in activation.breakpoints):
        return QUADRATIC + more
    leaky = 0 not in (activation.pieces[0].gradient, activation.pieces[-1].gradient)
    return ROUNDED_SQUARE + leaky + more


def _power_of_two(number: sp.Expr) -> bool:
    """Whether ±2^k, or 0."""
    exact = sp.nsimplify(number) if number.is_Float else number
    if exact == 0:
        return True
    return bool(exact.is_Rational) and all(n & (n - 1) == 0 for n in (abs(exact.p), exact.q))


def degree(activation: Activation) -> int | None:
    """The highest degree among the pieces; None if one is not a polynomial in x."""
    degrees = []
    for piece in activation.pieces:
        for expr in (piece.value, piece.gradient):
            if not expr.is_polynomial(X):
                return None
            degrees.append(int(sp.degree(expr, X)) if expr.has(X) else 0)
    return max(degrees)


def quotient_degree(activation: Activation, what: str) -> int:
    """The largest sum of degrees among pieces that are quotients of polynomials; 0 if not all are.

    Only quotients that are written as one: a sum of them is computed differently.
    """
    largest = 0
    for piece in activation.pieces:
        top, below = sp.fraction(piece.gradient if what == "gradient" else piece.value)
        if not (top.is_polynomial(X) and below.is_polynomial(X)):
            return 0
        largest = max(largest, sum(int(sp.degree(e, X)) for e in (top, below) if e.has(X)))
    return largest


def in_double(activation: Activation, program: Program) -> bool:
    """Whether a target that can computes float32 results in float64, and rounds them once.

    It does for members with library functions, and where a constant does not fit float32.
    """
    if degree(activation) is None:
        return True
    numbers = [abs(float(sp.N(n.number, 30))) for n in program.nodes if n.number is not None]
    return any(n != 0 and not 2.0**-126 <= n <= (2 - 2.0**-23) * 2.0**127 for n in numbers)
