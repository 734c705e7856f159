"""`Polynomial`: exact coefficients, its values on balls, and its other bases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import flint

from rescu_cli.core import balls
from rescu_cli.errors import UsageError

MAX_DEGREE = 100
_DIGITS = (17, 25, 34, 50, 80, 120, 200, 400)
_KEEPS = 1e-4
"""Rounded coefficients may move P by this part of the error that is bounded."""


@dataclass(frozen=True)
class Polynomial:
    """P(x) = Σ c_k·x^k with rational c_k.

    Args:
        coefficients: c_0, c_1, …; trailing zeros are kept, so that the degree asked for shows.

    Raises:
        UsageError: If there is no coefficient, or a higher degree than `MAX_DEGREE`.

    Example:
        >>> p = Polynomial((Fraction(1, 2), Fraction(1)))
        >>> p.floats
        (0.5, 1.0)
    """

    coefficients: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.coefficients) <= MAX_DEGREE + 1:
            raise UsageError(
                f"A polynomial has degree 0 to {MAX_DEGREE}; found {len(self.coefficients) - 1}."
            )

    @property
    def degree(self) -> int:
        """As asked for; the leading coefficient may be 0."""
        return len(self.coefficients) - 1

    @property
    def floats(self) -> tuple[float, ...]:
        """Each coefficient rounded to float64."""
        return tuple(float(c) for c in self.coefficients)

    @property
    def in_float64(self) -> bool:
        """Whether every coefficient is a float64."""
        return all(math.isfinite(f) and Fraction(f) == c
                   for f, c in zip(self.floats, self.coefficients, strict=True))  # fmt: skip

    def decimals(self) -> tuple[str, ...]:
        """Coefficients as text that gives them exactly: the shortest for a float64."""
        return tuple(_decimal(c) for c in self.coefficients)

    # -- on balls ------------------------------------------------------------------------------

    def at(self, x: balls.Ball) -> tuple[balls.Ball, balls.Ball]:
        """P and P′ at a point, at the current precision."""
        bits = balls.current_precision()
        return _ball_polynomial(self, 0, bits)(x), _ball_polynomial(self, 1, bits)(x)

    def taylor(
        self, middle: balls.Ball, width: balls.Ball, length: int
    ) -> tuple[list[balls.Ball], balls.Ball]:
        """P(middle + u) = Σ_{j<length} p_j·u^j + r·u^length: the p_j, and r for all |u| ≤ width."""
        terms = self.shifted(middle)
        terms += [flint.arb(0)] * (length + 1 - len(terms))
        spread = sum((abs(c) * width**k for k, c in enumerate(terms[length + 1 :], 1)),
                     flint.arb(0))  # fmt: skip
        return terms[:length], terms[length] + spread * flint.arb(0, 1)

    def shifted(self, x: balls.Ball) -> list[balls.Ball]:
        """All Taylor coefficients on the ball x."""
        own = _ball_polynomial(self, 0, balls.current_precision())
        return list(own(flint.arb_poly([x, flint.arb(1)])).coeffs())

    # -- other bases -----------------------------------------------------------------------------

    def chebyshev(self, low: Fraction, high: Fraction) -> tuple[float, ...]:
        """Coefficients of T_k((2x − low − high)/(high − low)), rounded to float64."""
        middle, half = (low + high) / 2, (high - low) / 2
        rest = list(to_flint(self.coefficients)(flint.fmpq_poly([fq(middle), fq(half)])).coeffs())
        rest += [flint.fmpq(0)] * (len(self.coefficients) - len(rest))
        found = [flint.fmpq(0)] * len(rest)
        for k in range(len(rest) - 1, -1, -1):
            basis = chebyshev_basis(k)
            top = rest[k] / basis[k]
            found[k] = top
            for i, c in enumerate(basis.coeffs()):
                rest[i] -= top * c
        return tuple(float(fraction(c)) for c in found)


def fq(value: Fraction) -> flint.fmpq:
    """A fraction in FLINT."""
    return flint.fmpq(value.numerator, value.denominator)


def fraction(value: flint.fmpq) -> Fraction:
    """A FLINT rational as a fraction."""
    return Fraction(int(value.p), int(value.q))


def to_flint(coefficients: Sequence[Fraction]) -> flint.fmpq_poly:
    """Ascending coefficients as a polynomial of FLINT."""
    return flint.fmpq_poly([fq(c) for c in coefficients])


@lru_cache(maxsize=4 * MAX_DEGREE)
def chebyshev_basis(k: int) -> flint.fmpq_poly:
    """T_k."""
    if k < 2:
        return flint.fmpq_poly([0] * k + [1])
    return flint.fmpq_poly([0, 2]) * chebyshev_basis(k - 1) - chebyshev_basis(k - 2)


@lru_cache(maxsize=256)
def _ball_polynomial(polynomial: Polynomial, order: int, bits: int) -> flint.arb_poly:
    found = to_flint(polynomial.coefficients)
    for _ in range(order):
        found = found.derivative()
    return flint.arb_poly(found)


def expand(
    coefficients: Sequence[balls.Ball],
    basis: Sequence[flint.fmpq_poly],
    middle: Fraction,
    scale: Fraction,
) -> tuple[Fraction, ...]:
    """Σ a_k·B_k((x − middle)/scale) in powers of x, exactly, from the middles of the a_k."""
    total = flint.fmpq_poly([0])
    for a, b in zip(coefficients, basis, strict=True):
        exact = balls.rational(a.mid())
        total += b * flint.fmpq(int(exact.p), int(exact.q))
    inner = flint.fmpq_poly([fq(-middle / scale), fq(1 / scale)])
    found = [fraction(c) for c in total(inner).coeffs()]
    return tuple(found + [Fraction(0)] * (len(basis) - len(found)))


def settled(
    exact: Sequence[Fraction], reach: Fraction, error: float, noise: float
) -> tuple[Polynomial, str | None]:
    """The polynomial that is reported: float64 coefficients where these are good enough.

    Args:
        exact: Coefficients at high precision.
        reach: Largest |x| of the range.
        error: Size of sup|P − f|, which rounding must not change noticeably.
        noise: What the coefficients are uncertain by, times powers of ``reach``.

    Returns:
        The polynomial, and None or the sentence that says why float64 does not suffice.
    """
    reach = max(reach, Fraction(1, 10**6))
    allowed = max(_KEEPS * error, noise)
    powers = [reach**k for k in range(len(exact))]
    clean = [c if abs(c) * p > noise else Fraction(0) for c, p in zip(exact, powers, strict=True)]
    doubles = Polynomial(tuple(Fraction(_finite(c)) for c in clean))
    moved = _moved(clean, doubles.coefficients, powers)
    if moved <= allowed:
        return doubles, None
    reason = (
        f"Rounding the coefficients to float64 moves P by up to {float(moved):.2g} on the range, "
        f"against an error of {error:.2g}"
    )
    for digits in _DIGITS:
        longer = Polynomial(tuple(_rounded(c, digits) for c in clean))
        if _moved(clean, longer.coefficients, powers) <= allowed:
            return longer, f"{reason}; they are given to {digits} digits."
    return Polynomial(tuple(clean)), f"{reason}; they are given exactly."


def horner_loss(polynomial: Polynomial, reach: Fraction) -> float:
    """Bound on the rounding error of Horner's scheme in float64 for |x| ≤ reach: 2d·u·Σ|c_k|r^k."""
    size = sum((abs(c) * reach**k for k, c in enumerate(polynomial.coefficients)), Fraction(0))
    return float(2 * max(polynomial.degree, 1) * size) * 2.0**-53


def _moved(a: Sequence[Fraction], b: Sequence[Fraction], powers: Sequence[Fraction]) -> Fraction:
    return sum((abs(u - v) * p for u, v, p in zip(a, b, powers, strict=True)), Fraction(0))


def _finite(c: Fraction) -> float:
    try:
        return float(c)
    except OverflowError:
        raise UsageError(
            "A coefficient exceeds the largest double; choose a lower degree or a wider range."
        ) from None


def _rounded(c: Fraction, digits: int) -> Fraction:
    if c == 0:
        return c
    size = len(str(abs(c.numerator))) - len(str(c.denominator))
    unit = Fraction(10) ** (size - digits)
    return round(c / unit) * unit


def _decimal(c: Fraction) -> str:
    """Shortest text of a float64; otherwise the exact decimal, or the fraction if there is none."""
    try:
        if Fraction(float(c)) == c:
            return repr(float(c))
    except OverflowError:
        pass
    twos = (c.denominator & -c.denominator).bit_length() - 1
    rest, fives = c.denominator >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return str(c)
    places = max(twos, fives)
    digits = abs(c.numerator) * 2 ** (places - twos) * 5 ** (places - fives)
    text = str(digits).rstrip("0")
    exponent = len(str(digits)) - 1 - places
    sign = "-" if c < 0 else ""
    return f"{sign}{text[0]}.{text[1:] or '0'}e{exponent}"
