"""Where an output is zero, and where two classes are equally likely: segments inside regions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rescu_cli.network.regions.cutting import TOLERANCE, signs_of
from rescu_cli.network.regions.polygons import Floats, Integers, Polygons


@dataclass(frozen=True, eq=False)
class Boundary:
    """Segments on which a difference of two outputs, or an only output, is zero.

    Args:
        pair: Numbers of the two outputs; (0, −1) for an only output, against zero.
        segments: Ends, float64, shape (S, 2, 2).
        regions: The region of each, int64, shape (S,).
        decides: Whether both outputs are the largest there, shape (S,): then it is part of the
            decision boundary. A segment of which a part decides is given in parts.
        n_flat: Regions on which the difference is zero everywhere: they belong to the zero set,
            and are not in the length.
    """

    pair: tuple[int, int]
    segments: Floats
    regions: Integers
    decides: NDArray[np.bool_]
    n_flat: int

    @property
    def lengths(self) -> Floats:
        """Of each segment, shape (S,)."""
        return np.asarray(np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1))

    @property
    def length(self) -> float:
        """Of the decision boundary."""
        return float(self.lengths[self.decides].sum())


def boundaries(cells: Polygons, maps: Floats, reach: Floats) -> list[Boundary]:
    """The zero lines of the only output, or of the differences of all pairs of outputs.

    Args:
        cells: Regions.
        maps: Of the outputs, shape (R, 3, n_outputs).
        reach: Largest |x| and |y| on the slice.
    """
    n_outputs = maps.shape[2]
    if n_outputs == 1:
        return [_boundary(cells, maps, reach, (0, -1))]
    return [_boundary(cells, maps, reach, pair) for pair in combinations(range(n_outputs), 2)]


def _boundary(cells: Polygons, maps: Floats, reach: Floats, pair: tuple[int, int]) -> Boundary:
    i, j = pair
    if j < 0:
        line, terms = maps[:, :, 0], maps[:, :, :1]
    else:
        line, terms = maps[:, :, i] - maps[:, :, j], maps[:, :, [i, j]]
    segments, regions, n_flat = zero_segments(cells, line, terms, reach)
    decides = np.ones(len(segments), dtype=bool)
    others = [k for k in range(maps.shape[2]) if k not in pair]
    if others and len(segments):
        segments, regions, decides = _decided(segments, regions, maps, i, others)
    return Boundary(pair, segments, regions, decides, n_flat)


def zero_segments(
    cells: Polygons, line: Floats, terms: Floats, reach: Floats
) -> tuple[Floats, Integers, int]:
    """Segments on which each polygon's own affine function is zero.

    A line that runs along an edge is given once, although two polygons share the edge.

    Args:
        cells: R polygons.
        line: Shape (R, 3).
        terms: See `signs_of`.
        reach: Largest |x| and |y|.

    Returns:
        Ends (S, 2, 2), the polygon of each (S,), and how many polygons are zero everywhere.
    """
    signs, values = signs_of(cells, line, terms, reach)
    above, below = cells.any_of(signs > 0), cells.any_of(signs < 0)
    n_flat = int((~above & ~below).sum())
    crossed = above & below
    # A vertex on the line is an end of the segment as much as an edge that crosses it.
    crossing = (signs * signs[cells.following] < 0) & crossed[cells.owner]
    on_line = (signs == 0) & crossed[cells.owner]
    ends = np.concatenate([cells.crossings(values, crossing), cells.vertices[on_line]])
    owner = np.concatenate([cells.owner[crossing], cells.owner[on_line]])
    inner, regions = _extremes(ends, owner, line)
    edges, owners = _zero_edges(cells, signs, above ^ below)
    return np.concatenate([inner, edges]), np.concatenate([regions, owners]), n_flat


def _extremes(ends: Floats, owner: Integers, line: Floats) -> tuple[Floats, Integers]:
    """The outermost two of the points that lie on each polygon's line."""
    along = ends[:, 0] * -line[owner, 1] + ends[:, 1] * line[owner, 0]
    order = np.lexsort((along, owner))
    ends, owner = ends[order], owner[order]
    regions, first, count = np.unique(owner, return_index=True, return_counts=True)
    found = np.stack([ends[first], ends[first + count - 1]], 1)
    return found[count > 1], regions[count > 1].astype(np.int64)


def _zero_edges(
    cells: Polygons, signs: NDArray[np.int8], one_sided: NDArray[np.bool_]
) -> tuple[Floats, Integers]:
    """Edges on the line, of polygons on one side of it; of an edge of two polygons only one."""
    zero = (signs == 0) & (signs[cells.following] == 0) & one_sided[cells.owner]
    found = np.stack([cells.vertices[zero], cells.vertices[cells.following[zero]]], 1)
    owner = cells.owner[zero]
    if not len(found):
        return found, owner
    # Polygons do not overlap, so that only the two sides of one edge have the same middle.
    scale = float(np.ptp(cells.vertices, axis=0).max()) or 1.0
    near = cKDTree(found.mean(1)).query_pairs(scale * TOLERANCE * 16, output_type="ndarray")
    first = np.ones(len(found), dtype=bool)
    first[near.max(1) if len(near) else []] = False
    return found[first], owner[first]


def _decided(
    segments: Floats, regions: Integers, maps: Floats, i: int, others: list[int]
) -> tuple[Floats, Integers, NDArray[np.bool_]]:
    """Cuts segments where a third output takes over: the middle part decides, the rest does not."""
    low, high = np.zeros(len(segments)), np.ones(len(segments))
    for k in others:
        line = maps[regions, :, i] - maps[regions, :, k]
        at = line[:, None, 0] * segments[:, :, 0] + line[:, None, 1] * segments[:, :, 1]
        start, end = (at + line[:, 2:]).T
        with np.errstate(divide="ignore", invalid="ignore"):
            meeting = start / (start - end)
        # Output i has to stay above output k: from the meeting on, up to it, nowhere, or all along.
        low = np.where((start < 0) & (end >= 0), np.maximum(low, meeting), low)
        high = np.where((start >= 0) & (end < 0), np.minimum(high, meeting), high)
        high = np.where((start < 0) & (end < 0), -1.0, high)
    inside = high > low

    def part(a: Floats, b: Floats) -> Floats:
        step = segments[:, 1] - segments[:, 0]
        return np.stack([segments[:, 0] + a[:, None] * step, segments[:, 0] + b[:, None] * step], 1)

    low, high = np.where(inside, low, 0.0), np.where(inside, high, 0.0)
    pieces = [part(low, high), part(np.zeros(len(low)), low), part(high, np.ones(len(high)))]
    shown = [inside, low > 0, high < 1]
    found = np.concatenate([p[s] for p, s in zip(pieces, shown, strict=True)])
    where = np.concatenate([regions[s] for s in shown])
    decides = np.concatenate([np.full(int(s.sum()), n == 0) for n, s in enumerate(shown)])
    return found, where, decides
