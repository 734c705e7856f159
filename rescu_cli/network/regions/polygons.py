"""Many convex polygons at once: their vertices in one array, cut by one line each.

A polygon is a run of vertices in order around it. All of them are cut, measured and selected in
whole-array operations, so that a million cost what their vertices cost and not a million calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Signs = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Polygons:
    """Convex polygons in the plane.

    Args:
        vertices: Float64, shape (n, 2): of the first polygon in order around it, of the second, …
        starts: Int64, shape (R + 1,): polygon r has the vertices starts[r] … starts[r + 1] − 1.
    """

    vertices: Floats
    starts: Integers

    @classmethod
    def box(cls, low: Sequence[float], high: Sequence[float]) -> Polygons:
        """One rectangle, counter-clockwise."""
        (a, c), (b, d) = low, high
        corners = np.array([[a, c], [b, c], [b, d], [a, d]], dtype=np.float64)
        return cls(corners, np.array([0, 4]))

    @classmethod
    def joined(cls, parts: Sequence[Polygons]) -> Polygons:
        """All of them, in order; at least one part."""
        counts = np.concatenate([part.counts for part in parts])
        return cls(np.concatenate([part.vertices for part in parts]), starts_of(counts))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def counts(self) -> Integers:
        """Vertices of each, int64, shape (R,)."""
        return np.diff(self.starts)

    @cached_property
    def owner(self) -> Integers:
        """The polygon of each vertex, int64, shape (n,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def following(self) -> Integers:
        """The next vertex around the same polygon, int64, shape (n,)."""
        found = np.arange(1, len(self.vertices) + 1)
        found[self.starts[1:] - 1] = self.starts[:-1]
        return found

    def at(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Polygons:
        """Some of them, by number or by mask."""
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        counts = self.counts[index]
        starts = starts_of(counts)
        shift = np.repeat(self.starts[index] - starts[:-1], counts)
        return Polygons(self.vertices[np.arange(starts[-1]) + shift], starts)

    def between(self, start: int, end: int) -> Polygons:
        """Polygons number start … end − 1, or as many of them as there are."""
        starts = self.starts[start : min(end, len(self)) + 1]
        return Polygons(self.vertices[starts[0] : starts[-1]], starts - starts[0])

    def any_of(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether the mask of vertices, shape (n,) or (n, k), holds at a vertex of each polygon."""
        return np.asarray(np.logical_or.reduceat(mask, self.starts[:-1], axis=0))

    def centres(self) -> Floats:
        """Mean of the vertices of each, which lies inside; shape (R, 2)."""
        total = np.add.reduceat(self.vertices, self.starts[:-1], axis=0)
        return np.asarray(total / self.counts[:, None])

    def areas(self) -> Floats:
        """Area of each, shape (R,): half the cross products around its first vertex."""
        return self._moments()[0]

    def eccentricities(self) -> Floats:
        """√(1 − λ₂/λ₁) with λ₁ ≥ λ₂ the variances of a polygon along its axes; 0 for a circle.

        Shape (R,); the variances are those of a uniform density on the polygon.
        """
        spread = np.ptp(self.vertices, axis=0).max(initial=0.0)
        scale = np.ldexp(1.0, min(-int(np.frexp(spread)[1]), 1000))
        # A shape has no size: at a scale of 1, squares of its lengths are still above 0.
        area, first, second = Polygons(self.vertices * scale, self.starts)._moments()
        mean = first / area[:, None]
        xx, yy, xy = (second / area[:, None]).T
        xx, yy, xy = xx - mean[:, 0] ** 2, yy - mean[:, 1] ** 2, xy - mean[:, 0] * mean[:, 1]
        middle, half = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = (middle - half) / (middle + half)
        return np.sqrt(np.clip(1 - np.nan_to_num(ratio), 0.0, 1.0))

    def _moments(self) -> tuple[Floats, Floats, Floats]:
        """Area (R,), first moments (R, 2), second moments xx, yy, xy (R, 3), about vertex 0."""
        origin = np.repeat(self.vertices[self.starts[:-1]], self.counts, axis=0)
        here = self.vertices - origin
        x, y = here.T
        u, v = here[self.following].T
        cross = x * v - y * u

        def total(values: Floats) -> Floats:
            return np.asarray(np.add.reduceat(values, self.starts[:-1]))

        first = [total(cross * (x + u)) / 6, total(cross * (y + v)) / 6]
        second = [
            total(cross * (x * x + x * u + u * u)) / 12,
            total(cross * (y * y + y * v + v * v)) / 12,
            total(cross * (x * (2 * y + v) + u * (y + 2 * v))) / 24,
        ]
        return total(cross) / 2, np.stack(first, 1), np.stack(second, 1)

    def side(self, values: Floats, signs: Signs, side: int) -> Polygons:
        """What is left of each polygon where its line is not negative, times ``side``.

        Args:
            values: Of each polygon's own affine function at its vertices, shape (n,).
            signs: −1, 0 or 1 at each vertex; 0 where the vertex counts as lying on the line. Every
                polygon needs a vertex on either side.
            side: 1 or −1.
        """
        after = signs[self.following]
        kept = signs * side >= 0
        crossing = signs * after < 0
        emitted = kept.astype(np.int64) + crossing
        place = np.cumsum(emitted) - emitted
        found = np.empty((int(emitted.sum()), 2))
        found[place[kept]] = self.vertices[kept]
        found[(place + kept)[crossing]] = self.crossings(values, crossing)
        counts = np.add.reduceat(emitted, self.starts[:-1])
        return Polygons(found, starts_of(counts))

    def crossings(self, values: Floats, crossing: NDArray[np.bool_]) -> Floats:
        """Where the edges that begin at the vertices of a mask meet their polygon's line."""
        a, b = self.vertices[crossing], self.vertices[self.following[crossing]]
        u, v = values[crossing], values[self.following[crossing]]
        return np.asarray(a + (b - a) * (u / (u - v))[:, None])


def starts_of(counts: Integers) -> Integers:
    """Where each polygon's vertices begin, and the end, for the number of vertices of each."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
