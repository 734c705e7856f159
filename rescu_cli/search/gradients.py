"""The space of gradient shapes: monotone curves through knots, from a leak on the left to 1.

A candidate is K knots on a lattice. Its gradient is the monotone interpolant through them, so that
every candidate is a RESCU activation before anything is trained: continuous gradient, rising from
g₋ to 1, therefore convex; `derive` integrates it and the proofs of the package hold for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np

from rescu_cli.core.activation import Activation
from rescu_cli.core.derive import derive
from rescu_cli.core.knots import knots_shape
from rescu_cli.errors import UsageError

PLACE, HEIGHT = 8, 32
"""Knots lie at multiples of 1/8, gradients at multiples of 1/32: short numbers, exact in floats."""
FARTHEST = 4 * PLACE
LEAKS = (0, 0, 1, 2, 4)
"""Gradients far left that are drawn, in 1/32; 0 twice, since most rectifiers have none."""


@dataclass(frozen=True, order=True)
class Curve:
    """A gradient through knots.

    Args:
        places: Of the knots, in 1/8, ascending.
        heights: Of the gradient there, in 1/32, not falling, from the leak to 32.
        interpolation: ``linear`` (f is C¹) or ``pchip`` (f is C²).

    Raises:
        UsageError: If it is not such a curve.
    """

    places: tuple[int, ...]
    heights: tuple[int, ...]
    interpolation: str = "pchip"

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in pairwise(self.places))
        monotone = all(a <= b for a, b in pairwise(self.heights))
        whole = len(self.places) == len(self.heights) >= 2
        if not (rising and monotone and whole and self.heights[-1] == HEIGHT > self.heights[0]):
            raise UsageError(
                f"Not a rising gradient: places {self.places}, heights {self.heights}."
            )

    @property
    def knots(self) -> str:
        """As ``derive --knots`` takes them."""
        return ", ".join(
            f"{Fraction(x, PLACE)}:{Fraction(g, HEIGHT)}"
            for x, g in zip(self.places, self.heights, strict=True)
        )

    @property
    def name(self) -> str:
        """An identifier that says where the knots are."""
        marks = [f"{'m' if x < 0 else 'p'}{abs(x)}_{g}"
                 for x, g in zip(self.places, self.heights, strict=True)]  # fmt: skip
        return f"gradient_{self.interpolation}_" + "_".join(marks)

    def activation(self) -> Activation:
        """The activation: f′ is the curve, and f(x) − g₋·x → 0 far left."""
        return _integrated(self)


@lru_cache(maxsize=4096)
def _integrated(curve: Curve) -> Activation:
    return derive(knots_shape(curve.knots, curve.interpolation), anchor="left", name=curve.name)


class Curves:
    """Curves of K knots.

    Args:
        n_knots: K, 2 to 8.
        interpolation: ``linear`` or ``pchip``.

    Raises:
        UsageError: If K is out of range.
    """

    def __init__(self, n_knots: int = 4, interpolation: str = "pchip") -> None:
        if not 2 <= n_knots <= 8:
            raise UsageError(f"{n_knots} knots asked; possible are 2 to 8.")
        self.n_knots, self.interpolation = n_knots, interpolation

    def sample(self, rng: np.random.Generator) -> Curve:
        spread = range(-FARTHEST, FARTHEST + 1)
        places = np.sort(rng.choice(spread, size=self.n_knots, replace=False))
        return self._curve(places.tolist(), self._leak(rng), rng)

    def mutate(self, candidate: Curve, rng: np.random.Generator) -> Curve:
        places, heights = list(candidate.places), list(candidate.heights)
        choice = int(rng.integers(4))
        if choice == 0:  # one knot moves sideways
            i = int(rng.integers(self.n_knots))
            free = sorted(set(range(-FARTHEST, FARTHEST + 1)) - set(places))
            near = [x for x in free if abs(x - places[i]) <= PLACE] or free
            places[i] = int(rng.choice(near))
            places.sort()
        elif choice == 1 and self.n_knots > 2:  # one height moves between its neighbours
            i = 1 + int(rng.integers(self.n_knots - 2))
            heights[i] = int(rng.integers(heights[i - 1], heights[i + 1] + 1))
        elif choice == 2:  # another leak, below what follows it
            heights[0] = min(self._leak(rng), heights[1], HEIGHT - 1)
        else:  # all of it narrower, wider or moved
            scale = float(rng.choice([0.5, 0.75, 1.0, 1.25, 1.5]))
            moved = [round(x * scale) + int(rng.integers(-2, 3)) for x in places]
            places = _apart(moved)
        return Curve(tuple(places), tuple(heights), self.interpolation)

    def mark(self, candidate: Curve) -> bytes:
        return repr((_needed(candidate), candidate.interpolation)).encode()

    def rejection(self, candidate: Curve) -> str | None:
        knots = _needed(candidate)
        if self.interpolation == "linear" and len(knots) == 2:
            (left, low), (right, _) = knots
            if low == 0 and left == -right:
                return "SmeLU, which is a null row"
        return None  # each is a RESCU activation

    def _leak(self, rng: np.random.Generator) -> int:
        return int(rng.choice(LEAKS))

    def _curve(self, places: Iterable[int], leak: int, rng: np.random.Generator) -> Curve:
        inner = np.sort(rng.integers(leak, HEIGHT + 1, size=self.n_knots - 2))
        heights = (leak, *inner.tolist(), HEIGHT)
        return Curve(tuple(places), heights, self.interpolation)


def _needed(curve: Curve) -> list[tuple[int, int]]:
    """The knots without those that change nothing: beyond a flat end, or on a straight line."""
    knots = list(zip(curve.places, curve.heights, strict=True))
    while len(knots) > 2 and knots[0][1] == knots[1][1]:
        del knots[0]
    while len(knots) > 2 and knots[-1][1] == knots[-2][1]:
        del knots[-1]
    if curve.interpolation == "linear":
        inner = [
            b for a, b, c in zip(knots, knots[1:], knots[2:], strict=False)
            if (b[1] - a[1]) * (c[0] - b[0]) != (c[1] - b[1]) * (b[0] - a[0])
        ]  # fmt: skip
        knots = [knots[0], *inner, knots[-1]]
    return knots


def _apart(places: list[int]) -> list[int]:
    """Ascending and different, within the reach."""
    found: list[int] = []
    for i, x in enumerate(sorted(places)):
        low = found[-1] + 1 if found else -FARTHEST
        found.append(max(low, min(x, FARTHEST - (len(places) - 1 - i))))
    return found
