"""Distributions of pre-activations, of which a part escapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rescu_cli.core.symbols import exact
from rescu_cli.errors import ParameterError, UsageError

FAMILIES = {
    "normal": ("MEAN,STD", "normal:0,1"),
    "laplace": ("MEAN,SCALE", "laplace:0,1"),
    "logistic": ("MEAN,SCALE", "logistic:0,1"),
    "uniform": ("LOW,HIGH", "uniform:-3,3"),
}


@dataclass(frozen=True)
class Spread:
    """A distribution on the line.

    Args:
        family: One of `FAMILIES`.
        first: Mean, or the low end of a uniform one.
        second: Standard deviation or scale, or the high end.

    Raises:
        UsageError: If the family is unknown, a scale is not positive or a range is empty.
    """

    family: str
    first: float
    second: float

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UsageError(
                f"No distribution named {self.family[:30]!r}; choose one of "
                f"{', '.join(FAMILIES)}, e.g. {FAMILIES['normal'][1]}."
            )
        if self.family == "uniform" and not self.first < self.second:
            raise UsageError(
                f"The range of {self} is empty; give LOW below HIGH, e.g. uniform:-3,3."
            )
        if self.family != "uniform" and not self.second > 0:
            raise UsageError(f"The scale of {self} must be positive; found {self.second:g}.")

    def __str__(self) -> str:
        return f"{self.family}:{self.first:g},{self.second:g}"

    def below(self, x: float) -> float:
        """P(X < x), without cancellation in the left tail."""
        if self.family == "uniform":
            return min(max((x - self.first) / (self.second - self.first), 0.0), 1.0)
        z = (x - self.first) / self.second
        if self.family == "normal":
            return math.erfc(-z / math.sqrt(2)) / 2
        if self.family == "laplace":
            return math.exp(z) / 2 if z < 0 else 1 - math.exp(-z) / 2
        return 1 / (1 + math.exp(-z)) if z > -700 else math.exp(z)

    def above(self, x: float) -> float:
        """P(X > x), without cancellation in the right tail."""
        if self.family == "uniform":
            return 1 - self.below(x)
        return self.below(2 * self.first - x)

    def outside(self, low: float | None, high: float | None) -> float:
        """P(X < low) + P(X > high); None is infinitely far."""
        return (0.0 if low is None else self.below(low)) + (
            0.0 if high is None else self.above(high)
        )


def parse_spread(text: str) -> Spread:
    """Read ``family:first,second``.

    Raises:
        UsageError: If it is not such a text.

    Example:
        >>> parse_spread("normal:0,2").outside(-2.0, 2.0).__round__(6)
        0.317311
    """
    family, colon, rest = text.partition(":")
    parts = rest.split(",")
    usage = ", ".join(example for _, example in FAMILIES.values())
    if not colon or len(parts) != 2:
        raise UsageError(f"Cannot read the distribution {text[:40]!r}; write e.g. {usage}.")
    try:
        first, second = (float(exact(p)) for p in parts)
    except ParameterError:
        raise UsageError(
            f"Cannot read the numbers of the distribution {text[:40]!r}; write e.g. {usage}."
        ) from None
    return Spread(family.strip(), first, second)
