"""What was seen of one quantity over a range of keys; ranges that touch can be put together."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Spot:
    """Something seen at one float: the key, what was found there and in which way.

    Args:
        key: Of the input.
        found: ``repr`` of the result.
        way: Function of the artifact.
        size: How far off, in ulps; 0 where that is not the point.
    """

    key: int
    found: str
    way: str
    size: float = 0.0


@dataclass(frozen=True)
class Count:
    """How often something was seen, and where it was worst."""

    n: int = 0
    spot: Spot | None = None

    def __add__(self, other: Count) -> Count:
        """Both; the worse spot stays, of equals the left one."""
        ours, theirs = self.spot, other.spot
        spot = ours if theirs is None or (ours and ours.size >= theirs.size) else theirs
        return Count(self.n + other.n, spot)


@dataclass(frozen=True)
class Tally:
    """One quantity over the keys of a range.

    Args:
        distance: ``n`` inputs; the spot is the largest distance from the truth, in ulps, where
            neither underflow nor an excuse is at work.
        excused: Beyond the bound where rounding x alone moves the result as far.
        beyond: Beyond the bound: disagreements.
        underflow: Beyond the bound among results that are too small for full precision.
        spurious_nan: NaN for a number.
        lost_nan: A number for NaN.
        spurious_inf: An infinity where the truth is far from one.
        drops: Neighbours in the wrong order where the function is monotone; size in ulps.
        sign: Results on the wrong side of 0.
        zero: 0 where the truth is not, or not 0 where it is.
        unknown: Inputs at which even the reference finds no truth; they are not judged.
    """

    distance: Count = Count()
    excused: Count = Count()
    beyond: Count = Count()
    underflow: Count = Count()
    spurious_nan: Count = Count()
    lost_nan: Count = Count()
    spurious_inf: Count = Count()
    drops: Count = Count()
    sign: Count = Count()
    zero: Count = Count()
    unknown: Count = Count()

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def seen(self, what: str, count: Count) -> Tally:
        """With one more count."""
        return replace(self, **{what: getattr(self, what) + count})

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the state of an interrupted run."""
        return {
            f.name: [c.n, c.spot and list(vars(c.spot).values())]
            for f in fields(self)
            if (c := getattr(self, f.name)).n
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Tally:
        """Inverse of :meth:`to_dict`."""
        return cls(**{k: Count(n, spot and Spot(*spot)) for k, (n, spot) in data.items()})
