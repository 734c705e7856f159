"""Coefficients in fixed point: whole multiples of 2^−F in B bits, two's complement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from rescu_cli.approximate.polynomial import Polynomial
from rescu_cli.errors import UsageError

_MOST_BITS = 256
_MOST_FRACTION = 512


@dataclass(frozen=True)
class FixedPoint:
    """A fixed-point format.

    Args:
        bits: B, the sign included.
        fraction: F; None for as many as the coefficients leave room for.

    Raises:
        UsageError: If there is no such format.
    """

    bits: int
    fraction: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= _MOST_BITS:
            raise UsageError(
                f"Fixed point needs 2 to {_MOST_BITS} bits; found {self.bits}. Write e.g. 16.12: "
                "16 bits, of which 12 after the point."
            )
        if self.fraction is not None and not 0 <= self.fraction <= _MOST_FRACTION:
            raise UsageError(
                f"Bits after the point must be 0 to {_MOST_FRACTION}; found {self.fraction}."
            )

    def quantised(self, polynomial: Polynomial) -> tuple[Polynomial, tuple[int, ...], int]:
        """The polynomial with rounded coefficients, their integers, and F.

        Ties go to the even integer.

        Raises:
            UsageError: If a coefficient does not fit.
        """
        largest = 2 ** (self.bits - 1)
        fraction = self.fraction
        if fraction is None:
            fraction = next(
                (f for f in range(_MOST_FRACTION, -1, -1) if _fits(polynomial, f, largest)), 0
            )
        integers = tuple(round(c * 2**fraction) for c in polynomial.coefficients)
        over = [k for k, n in enumerate(integers) if not -largest <= n < largest]
        if over:
            worst = max(over, key=lambda k: abs(integers[k]))
            room = next((f for f in range(fraction, -1, -1) if _fits(polynomial, f, largest)), None)
            whole = max(abs(round(c)) for c in polynomial.coefficients)
            right = (
                f"{whole.bit_length() + 1} bits do" if room is None else f"{self.bits}.{room} does"
            )
            raise UsageError(
                f"The coefficient {float(polynomial.coefficients[worst]):.6g} of x^{worst} does "
                f"not fit {self.bits} bits with {fraction} after the point; {right}."
            )
        rounded = Polynomial(tuple(Fraction(n, 2**fraction) for n in integers))
        return rounded, integers, fraction


def _fits(polynomial: Polynomial, fraction: int, largest: int) -> bool:
    return all(-largest <= round(c * 2**fraction) < largest for c in polynomial.coefficients)


def parse_fixed_point(text: str) -> FixedPoint:
    """Read ``BITS`` or ``BITS.FRACTION``.

    Raises:
        UsageError: If it is neither.

    Example:
        >>> parse_fixed_point("16.12")
        FixedPoint(bits=16, fraction=12)
    """
    found = re.fullmatch(r"(\d{1,4})(?:\.(\d{1,4}))?", text.strip())
    if found is None:
        raise UsageError(
            f"Cannot read the fixed-point format {text[:20]!r}; write BITS or BITS.FRACTION, e.g. "
            "16 or 16.12."
        )
    return FixedPoint(int(found[1]), None if found[2] is None else int(found[2]))
