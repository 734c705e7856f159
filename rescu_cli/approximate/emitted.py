"""An approximation as an `Activation`, so that export, plot, verify and compare take it.

The definition is the exact polynomial or quotient. Sums of powers cancel near their zeros, and x^n
overflows where a quotient is finite; generated code therefore uses other forms of it:

    polynomial   c·Π(x − r_i)·Π((x − p_j)² + q_j²), its real roots r_i and complex pairs p_j ± iq_j
    quotient     with M = max(1, |x|), u = 1/M, v = clip(x, −1, 1):
                 P(x)/Q(x) = M^(m − n)·(Σ a_j v^j u^(m − j))/(Σ q_i v^i u^(n − i)), P in roots too

Each factor is then accurate to a rounding of x, and no term of the quotient exceeds its
coefficient. Roots are written to 60 digits: what they add to the error is beyond every format.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint
import sympy as sp

from rescu_cli.approximate.polynomial import Polynomial, to_flint
from rescu_cli.approximate.quotient import Quotient
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation, Forms, Owner, Piece
from rescu_cli.core.symbols import X, exact

_ROOT_BITS = 200


def as_activation(
    found: Polynomial | Quotient, name: str, summary: str = "", remarks: Sequence[str] = ()
) -> Activation:
    """The approximation as an activation named ``name``.

    Raises:
        UsageError: If the name is not an identifier.
    """
    pieces, owners = _polynomial(found) if isinstance(found, Polynomial) else _quotient(found)
    return Activation(
        name=name,
        parameters=(),
        pieces=pieces,
        owners=owners,
        summary=summary,
        forms=_forms(found),
        remarks=tuple(remarks),
    )


def _polynomial(found: Polynomial) -> tuple[tuple[Piece, ...], tuple[Owner, ...]]:
    value = expression(found.coefficients)
    return (Piece(-sp.oo, sp.oo, value, sp.diff(value, X)),), ()


def _quotient(found: Quotient) -> tuple[tuple[Piece, ...], tuple[Owner, ...]]:
    top = expression(found.numerator.coefficients)

    def piece(low: sp.Expr, high: sp.Expr, below: Polynomial) -> Piece:
        q = expression(below.coefficients)
        slope = expression(_slope(found.numerator, below))
        return Piece(low, high, top / q, slope / q**2)

    left, right = found.sides
    if found.smooth:
        return (piece(-sp.oo, sp.oo, right),), ()
    return (piece(-sp.oo, sp.S.Zero, left), piece(sp.S.Zero, sp.oo, right)), ("left",)


def expression(coefficients: Sequence[Fraction]) -> sp.Expr:
    """Σ c_k·x^k."""
    return sp.Add(*(exact(c) * X**k for k, c in enumerate(coefficients)))


def _slope(top: Polynomial, below: Polynomial) -> list[Fraction]:
    """P′Q − PQ′."""
    p, q = to_flint(top.coefficients), to_flint(below.coefficients)
    found = p.derivative() * q - p * q.derivative()
    return [Fraction(int(c.p), int(c.q)) for c in found.coeffs()]


def _forms(found: Polynomial | Quotient) -> Forms | None:
    if isinstance(found, Polynomial):
        slope = [Fraction(k) * c for k, c in enumerate(found.coefficients)][1:]
        return Forms(_factored(found.coefficients, X, sp.S.One), _factored(slope, X, sp.S.One))
    left, right = found.sides
    top = found.numerator.coefficients
    slopes = [_slope(found.numerator, q) for q in (left, right)]
    if found.smooth:
        return Forms(_ratio(top, right, 1, X), _ratio(slopes[1], right, 2, X))
    # Each side on its own clamped variable: what is not taken stays finite, and times 0 is 0.
    low, high = sp.Min(X, 0), sp.Max(X, 0)
    passed = sp.Heaviside(X)
    return Forms(
        _ratio(top, left, 1, low) * (1 - passed) + _ratio(top, right, 1, high) * passed,
        _ratio(slopes[0], left, 2, low) * (1 - passed) + _ratio(slopes[1], right, 2, high) * passed,
    )


def _ratio(top: Sequence[Fraction], below: Polynomial, power: int, x: sp.Expr) -> sp.Expr:
    """Top/below^power without overflow: all in v and u, times a power of M."""
    large = sp.Max(1, sp.Abs(x))
    v, u = sp.Min(sp.Max(x, -1), 1), 1 / large
    n = max((k for k, c in enumerate(below.coefficients) if c), default=0)
    m = max((k for k, c in enumerate(top) if c), default=0)
    # Far out the denominator is then near 1, and a large M divided by it stays finite.
    lead = below.coefficients[n]
    monic = [c / lead for c in below.coefficients[: n + 1]]
    q = sp.Add(*(exact(c) * v**k * u ** (n - k) for k, c in enumerate(monic) if c))
    scaled = [c / lead**power for c in top]
    return _factored(scaled, v, u) / q**power * large ** (m - power * n)


def _factored(coefficients: Sequence[Fraction], x: sp.Expr, one: sp.Expr) -> sp.Expr:
    """Σ c_k·x^k·one^(d − k) as a product over its roots, the leading coefficient in a factor."""
    last = max((k for k, c in enumerate(coefficients) if c), default=0)
    if last == 0:
        return exact(coefficients[0]) if coefficients else sp.S.Zero
    lead = exact(coefficients[last])
    factors: list[sp.Expr] = []
    with balls.precision(_ROOT_BITS):
        for root, multiplicity in to_flint(coefficients[: last + 1]).numer().complex_roots():
            p, q = (_middle(part) for part in (root.real, root.imag))
            if q < 0 and not root.imag.contains(0):
                continue  # its conjugate stands for both
            if root.imag.contains(0):
                factors += [x - p * one] * multiplicity
            else:
                factors += [(x - p * one) ** 2 + (q * one) ** 2] * multiplicity
    # Into the first sum, where a number is multiplied out anyway when the text is read again.
    first, *rest = factors
    return sp.Mul(sp.Add(*(lead * t for t in sp.Add.make_args(first))), *rest)


def _middle(ball: flint.arb) -> sp.Rational:
    return balls.rational(ball.mid())
