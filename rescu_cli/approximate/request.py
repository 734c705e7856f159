"""`Request`: what to approximate how, checked for contradictions before any work is done."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from rescu_cli.approximate.fixed import FixedPoint
from rescu_cli.approximate.polynomial import MAX_DEGREE
from rescu_cli.approximate.quotient import FORMS
from rescu_cli.approximate.spread import Spread
from rescu_cli.core.symbols import exact
from rescu_cli.errors import ParameterError, UnknownNameError, UsageError

METHODS = ("dapa", "least-squares", "minimax", "rational")
_MAX_RATIONAL = 12
"""Of numerator or denominator: the linear programs are solved in float64."""
_LARGEST = 10**6
_NARROWEST = Fraction(1, 10**6)


@dataclass(frozen=True)
class Request:
    """What is asked of `approximate`.

    Args:
        method: One of `METHODS`.
        degree: Of the polynomial, or of the numerator.
        denominator: Degree of the denominator, for rational only.
        mean: Of the distribution of x.
        std: Its standard deviation.
        low: Left end of the range in which the error is bounded; mean − 3·std if None.
        high: Right end; mean + 3·std if None.
        tolerance: Of the escape radius; the bound on the error over the range if None.
        fixed_point: Format of the coefficients; floating point if None.
        spread: The distribution whose escaping part is reported; N(mean, std²) if None.
        form: Of the denominator, for rational only.

    Raises:
        UsageError: If something is out of range, or contradicts something else.
    """

    method: str = "dapa"
    degree: int = 2
    denominator: int | None = None
    mean: Fraction = Fraction(0)
    std: Fraction = Fraction(1)
    low: Fraction | None = None
    high: Fraction | None = None
    tolerance: float | None = None
    fixed_point: FixedPoint | None = None
    spread: Spread | None = None
    form: str = "A"
    ends: tuple[Fraction, Fraction] = field(init=False)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UnknownNameError("method", self.method[:40], METHODS)
        self._check_degrees()
        if self.std <= 0:
            raise UsageError(f"The standard deviation must be positive; found {float(self.std):g}.")
        for name, value in (("mean", self.mean), ("standard deviation", self.std)):
            if abs(value) > _LARGEST:
                raise UsageError(
                    f"The {name} {float(value):g} is out of bounds; scale the input, so that it "
                    f"stays within ±{_LARGEST:g}."
                )
        if self.std < _NARROWEST:
            raise UsageError(
                f"The standard deviation {float(self.std):g} is below {float(_NARROWEST):g}; "
                "scale the input."
            )
        if (self.low is None) != (self.high is None):
            raise UsageError("A range has two ends, low and high; give both or none.")
        object.__setattr__(self, "ends", self._range())
        if self.tolerance is not None and not 0 < self.tolerance < float("inf"):
            raise UsageError(f"The tolerance must be positive; found {self.tolerance:g}.")
        if self.fixed_point is not None and self.method == "rational":
            raise UsageError(
                "Fixed point is for polynomials: the quotient of a rational function is not one. "
                "Use another method, or leave the coefficients in floating point."
            )

    def _check_degrees(self) -> None:
        if self.method == "rational":
            if self.denominator is None:
                raise UsageError(
                    f"A rational function has two degrees; write e.g. --degree "
                    f"{max(self.degree, 0)}/{max(self.degree - 1, 1)}."
                )
            if self.form not in FORMS:
                raise UsageError(
                    f"No rational form {self.form[:20]!r}; choose one of {', '.join(FORMS)}."
                )
            if not (0 <= self.degree <= _MAX_RATIONAL and 1 <= self.denominator <= _MAX_RATIONAL):
                raise UsageError(
                    f"Degrees of a rational function are 0 to {_MAX_RATIONAL} over 1 to "
                    f"{_MAX_RATIONAL}; found {self.degree}/{self.denominator}."
                )
            return
        if self.denominator is not None:
            raise UsageError(
                f"{self.method} makes polynomials, which have one degree; found "
                f"{self.degree}/{self.denominator}. For a quotient, use --method rational."
            )
        if not 0 <= self.degree <= MAX_DEGREE:
            raise UsageError(f"The degree must be 0 to {MAX_DEGREE}; found {self.degree}.")

    def _range(self) -> tuple[Fraction, Fraction]:
        low = self.mean - 3 * self.std if self.low is None else self.low
        high = self.mean + 3 * self.std if self.high is None else self.high
        shown = f"Range {float(low):g}:{float(high):g}"
        if not low < high:
            right = f" Did you mean {float(high):g}:{float(low):g}?" if low > high else ""
            raise UsageError(f"{shown} is empty; low must be below high.{right}")
        reach = max(abs(low), abs(high))
        if reach > 4 * _LARGEST or high - low < _NARROWEST * max(reach, _NARROWEST):
            raise UsageError(
                f"{shown} is out of bounds; stay within ±{4 * _LARGEST:g}, and make it wider than "
                f"{float(_NARROWEST):g} of its distance from 0."
            )
        return low, high

    @property
    def distribution(self) -> Spread:
        """What escapes is measured by this."""
        return self.spread or Spread("normal", float(self.mean), float(self.std))

    @property
    def center(self) -> Fraction:
        """Around which the escape radius is measured: the mean, or the middle of the range."""
        low, high = self.ends
        return self.mean if self.method == "dapa" and low <= self.mean <= high else (low + high) / 2


def parse_degree(text: str) -> tuple[int, int | None]:
    """Read ``d`` or ``m/n``.

    Raises:
        UsageError: If it is neither.

    Example:
        >>> parse_degree("5/4")
        (5, 4)
    """
    found = re.fullmatch(r"([+-]?\d{1,6})(?:/([+-]?\d{1,6}))?", text.strip())
    if found is None:
        raise UsageError(
            f"Cannot read the degree {text[:20]!r}; write a whole number such as 4, or 5/4 for a "
            "rational function."
        )
    return int(found[1]), None if found[2] is None else int(found[2])


def parse_interval(text: str) -> tuple[Fraction, Fraction]:
    """Read ``low:high`` exactly.

    Raises:
        UsageError: If there are not two finite numbers.

    Example:
        >>> parse_interval("-3:3")
        (Fraction(-3, 1), Fraction(3, 1))
    """
    parts = text.split(":")
    if len(parts) != 2:
        raise UsageError(
            f"Range {text[:40]!r} has {len(parts)} number{'s' * (len(parts) != 1)}; give two as "
            "low:high, e.g. -3:3."
        )
    low, high = (number(part, f"range {text[:40]!r}") for part in parts)
    return low, high


def number(value: str | float | Fraction, what: str) -> Fraction:
    """An exact rational number.

    Raises:
        UsageError: If it is not a finite number.
    """
    try:
        found = exact(value if isinstance(value, Fraction | int | float) else str(value))
    except ParameterError:
        raise UsageError(
            f"The {what} contains {str(value)[:20]!r}, which is not a finite number."
        ) from None
    return Fraction(int(found.p), int(found.q))
