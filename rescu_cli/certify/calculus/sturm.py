"""Count the real roots of a polynomial by Sturm's theorem, over the rationals."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import flint
import sympy as sp


class SturmChain:
    """The chain P, P′, −rem(P, P′), … of a polynomial P with rational coefficients, not 0.

    Sturm, 1829 (Basu, Pollack, Roy, *Algorithms in Real Algebraic Geometry*, theorem 2.50): the
    number of distinct real roots in (a, b] is the loss of sign variations from a to b, where
    neither a nor b is a multiple root. The square-free part is taken first, so that none is.

    Args:
        polynomial: P.
    """

    def __init__(self, polynomial: sp.Poly) -> None:
        coefficients = [_rational(c) for c in reversed(polynomial.all_coeffs())]
        self._polynomial = flint.fmpq_poly(coefficients)

    @cached_property
    def _chain(self) -> list[flint.fmpq_poly]:
        free = self._polynomial // self._polynomial.gcd(self._polynomial.derivative())
        chain = [free, free.derivative()]
        while chain[-1] != 0:
            # A positive factor changes no sign, and keeps the numbers small.
            rest = -(chain[-2] % chain[-1])
            content = abs(rest.leading_coefficient()) if rest != 0 else 1
            chain.append(rest / content)
        return chain[:-1]

    def sign(self, point: sp.Rational) -> int:
        """The sign of P there, also at ±∞."""
        return _sign_of(self._polynomial, point)

    def count(self, lower: sp.Expr, upper: sp.Expr) -> int:
        """The number of distinct roots in the open interval; its ends are rational or infinite."""
        if self._polynomial.degree() < 1 or not lower < upper:
            return 0
        within = self._variations(lower) - self._variations(upper)  # those in (lower, upper]
        return within - (upper.is_finite and self.sign(upper) == 0)

    def _variations(self, point: sp.Expr) -> int:
        signs = [s for p in self._chain if (s := _sign_of(p, point))]
        return sum(a != b for a, b in pairwise(signs))


def _sign_of(polynomial: flint.fmpq_poly, point: sp.Expr) -> int:
    if point.is_infinite:
        value = polynomial.leading_coefficient()
        if point is sp.S.NegativeInfinity and polynomial.degree() % 2:
            value = -value
    else:
        value = polynomial(_rational(point))
    return (value > 0) - (value < 0)


def _rational(number: sp.Rational) -> flint.fmpq:
    return flint.fmpq(int(number.p), int(number.q))
