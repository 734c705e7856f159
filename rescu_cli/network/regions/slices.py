"""The 2-D slice of the input space on which regions are computed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np

from rescu_cli.core.files import read_arrays
from rescu_cli.errors import UsageError
from rescu_cli.network.regions.polygons import Floats

MARGIN = 0.25  # of the extent of three points, around them
FAR = 8.0  # half-widths of the box that its middle may be away from the origin
LARGEST = 1e100  # of an end: areas and their moments stay finite


@dataclass(frozen=True, eq=False)
class Slice:
    """The points origin + x·e₁ + y·e₂ for (x, y) in a box.

    e₁ and e₂ are orthonormal, so that areas and lengths are those of the input space.

    Args:
        origin: Shape (n,).
        directions: Orthonormal, shape (2, n).
        low: Least x and y.
        high: Largest x and y.

    Raises:
        UsageError: If the box is empty or a number is not finite.
    """

    origin: Floats
    directions: Floats
    low: tuple[float, float]
    high: tuple[float, float]

    def __post_init__(self) -> None:
        numbers = (*self.low, *self.high)
        if not all(map(isfinite, numbers)) or not np.isfinite(self.origin).all():
            raise UsageError(f"A slice has finite ends and a finite origin; found {numbers}.")
        if max(map(abs, numbers)) > LARGEST:
            raise UsageError(f"A box with an end beyond {LARGEST:g} asked: {numbers}.")
        if self.low[0] >= self.high[0] or self.low[1] >= self.high[1]:
            raise UsageError(
                f"The box is empty: x from {self.low[0]:g} to {self.high[0]:g}, y from "
                f"{self.low[1]:g} to {self.high[1]:g}. Write --box xmin,xmax,ymin,ymax."
            )

    @classmethod
    def plane(cls, low: tuple[float, float], high: tuple[float, float]) -> Slice:
        """The input space itself, where it has two dimensions."""
        return cls(np.zeros(2), np.eye(2), low, high)

    @classmethod
    def spanned(
        cls, origin: Floats, first: Floats, second: Floats,
        low: tuple[float, float], high: tuple[float, float],
    ) -> Slice:  # fmt: skip
        """Through a point along two directions, made orthonormal in order (Gram and Schmidt).

        Raises:
            UsageError: If the directions are parallel or 0, or shapes differ.
        """
        origin, first, second = (np.asarray(v, dtype=np.float64) for v in (origin, first, second))
        if not origin.shape == first.shape == second.shape or origin.ndim != 1:
            raise UsageError(
                f"Origin and directions are points of the input space, of shape (n,); found "
                f"{origin.shape}, {first.shape}, {second.shape}."
            )
        length = float(np.linalg.norm(first))
        e1 = first / length if length > 0 else first
        rest = second - (second @ e1) * e1
        rest = rest - (rest @ e1) * e1  # once more: the first time leaves a rounding
        width = float(np.linalg.norm(rest))
        if length == 0 or not width > 1e-12 * float(np.linalg.norm(second)):
            raise UsageError("The two directions are parallel or 0: they span no plane.")
        return cls(origin, np.stack([e1, rest / width]), low, high)

    @classmethod
    def through(cls, points: Floats) -> Slice:
        """The plane of three points, shape (3, n), with a margin around them.

        Raises:
            UsageError: If they lie on a line.
        """
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or len(points) != 3:
            raise UsageError(f"Three points of shape (3, n) are wanted; found {points.shape}.")
        unit = cls.spanned(
            points[0], points[1] - points[0], points[2] - points[0], (0.0, 0.0), (1.0, 1.0)
        )
        places = (points - points[0]) @ unit.directions.T
        low, high = places.min(0), places.max(0)
        margin = MARGIN * float((high - low).max())
        return cls(
            unit.origin, unit.directions,
            (float(low[0] - margin), float(low[1] - margin)),
            (float(high[0] + margin), float(high[1] + margin)),
        )  # fmt: skip

    def boxed(self, low: tuple[float, float], high: tuple[float, float]) -> Slice:
        """The same plane with another box."""
        return Slice(self.origin, self.directions, low, high)

    def centred(self) -> tuple[Slice, Floats]:
        """The same slice about its middle if that is far from the origin, and by how much it moved.

        Far from the origin of the coordinates, small differences of large numbers would decide.
        """
        low, high = np.array(self.low), np.array(self.high)
        middle, half = (low + high) / 2, (high - low) / 2
        if (np.abs(middle) < FAR * half).all():
            return self, np.zeros(2)
        ends = (float(half[0]), float(half[1]))
        moved = Slice(self.points(middle[None])[0], self.directions, (-ends[0], -ends[1]), ends)
        return moved, middle

    @property
    def area(self) -> float:
        """Of the box."""
        return (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])

    @property
    def reach(self) -> Floats:
        """Largest |x| and |y|."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def points(self, places: Floats) -> Floats:
        """Points of the input space, (k, n), for coordinates (k, 2)."""
        return np.asarray(self.origin + places @ self.directions)

    def coefficients(self) -> Floats:
        """The input as an affine function of x, y and 1, shape (3, n)."""
        return np.concatenate([self.directions, self.origin[None]])


def load_slice(
    path: Path, box: tuple[tuple[float, float], tuple[float, float]] | None = None
) -> tuple[Slice, tuple[int, ...]]:
    """A slice from an ``.npz``, and the shape of one input as the file has it.

    Args:
        path: With ``points`` of shape (3, …), or ``origin`` (…) and ``directions`` (2, …).
        box: Ends (low, high); needed with directions, the surroundings of the points otherwise.

    Raises:
        UsageError: If the file does not hold that.
    """
    arrays = read_arrays(path, "'points' (3, …), or 'origin' (…) and 'directions' (2, …)")
    if any(array.dtype.kind not in "fiu" for array in arrays.values()):
        raise UsageError(f"{path} holds something else than numbers.")
    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    if set(arrays) == {"points"} and arrays["points"].ndim > 1 and len(arrays["points"]) == 3:
        shape = arrays["points"].shape[1:]
        found = Slice.through(arrays["points"].reshape(3, -1))
        return (found if box is None else found.boxed(*box)), shape
    if set(arrays) == {"origin", "directions"} and len(np.atleast_1d(arrays["directions"])) == 2:
        if box is None:
            raise UsageError(f"{path} gives directions; how far they go is '--box' to say.")
        first, second = arrays["directions"].reshape(2, -1)
        origin = arrays["origin"]
        return Slice.spanned(origin.ravel(), first, second, *box), origin.shape
    shapes = ", ".join(f"{k} {v.shape}" for k, v in arrays.items()) or "nothing"
    raise UsageError(
        f"{path} should hold 'points' of shape (3, …), or 'origin' (…) and 'directions' (2, …); "
        f"found {shapes}."
    )
