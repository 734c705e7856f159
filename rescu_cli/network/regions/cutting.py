"""Cuts convex polygons by the lines where units change their piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rescu_cli.network.regions.polygons import Floats, Integers, Polygons

TOLERANCE = 2.0**-40
"""What a unit's value may be off by, relative to the size of its terms on the slice: vertices that
lie on a line are told from those that nearly do. Regions thinner than that are not seen."""


def cut(
    cells: Polygons, units: Floats, thresholds: Floats, reach: Floats
) -> tuple[Polygons, Integers]:
    """The parts of each polygon on which every unit stays on one side of each of its thresholds.

    Args:
        cells: R polygons.
        units: Affine functions of each polygon, float64, shape (R, 3, n): a, b, c of a·x + b·y + c.
        thresholds: Where a unit changes its piece, float64, shape (K,).
        reach: Largest |x| and |y| on the slice, shape (2,).

    Returns:
        The parts, and for each the number of the polygon that it is a part of.
    """
    pending = _Pending(cells, units, thresholds, reach)
    done: list[tuple[Polygons, Integers]] = []
    parents = np.arange(len(cells))
    turn = pending.first[:-1].copy()  # each polygon's next line
    while len(cells):
        finished = turn == pending.first[parents + 1]
        if finished.any():
            done.append((cells.at(finished), parents[finished]))
            going = ~finished
            cells, parents, turn = cells.at(going), parents[going], turn[going]
            if not len(cells):
                break
        values, signs = pending.sides(cells, turn)
        crossed = cells.any_of(signs < 0) & cells.any_of(signs > 0)
        turn = turn + 1
        if not crossed.any():
            continue
        whole = ~crossed
        chosen = np.repeat(crossed, cells.counts)
        split, z, s = cells.at(crossed), values[chosen], signs[chosen]
        cells = Polygons.joined([cells.at(whole), split.side(z, s, 1), split.side(z, s, -1)])
        parents = np.concatenate([parents[whole], parents[crossed], parents[crossed]])
        turn = np.concatenate([turn[whole], turn[crossed], turn[crossed]])
    order = np.argsort(np.concatenate([p for _, p in done]), kind="stable")
    return (
        Polygons.joined([c for c, _ in done]).at(order),
        np.concatenate([p for _, p in done])[order],
    )


class _Pending:
    """The lines that meet each polygon, one after another in one list.

    Attributes:
        first: Shape (R + 1,): polygon r is met by the lines first[r] … first[r + 1] − 1.
    """

    def __init__(self, cells: Polygons, units: Floats, thresholds: Floats, reach: Floats) -> None:
        low, high = _ranges(cells, units)
        size = np.abs(units[:, 0]) * reach[0] + np.abs(units[:, 1]) * reach[1] + np.abs(units[:, 2])
        slack = TOLERANCE * (size[:, :, None] + np.abs(thresholds))
        met = (low[:, :, None] < thresholds - slack) & (high[:, :, None] > thresholds + slack)
        r, i, k = np.nonzero(met)
        self._a, self._b = units[r, 0, i], units[r, 1, i]
        self._c = units[r, 2, i] - thresholds[k]
        self._slack = slack[r, i, k]
        self.first = np.concatenate([[0], np.cumsum(met.sum((1, 2)))])

    def sides(self, cells: Polygons, turn: Integers) -> tuple[Floats, NDArray[np.int8]]:
        """Values of each polygon's next line at its vertices, and their signs."""
        line = np.repeat(turn, cells.counts)
        x, y = cells.vertices.T
        values = self._a[line] * x + self._b[line] * y + self._c[line]
        slack = self._slack[line]
        return values, (values > slack).astype(np.int8) - (values < -slack)


def cut_largest(
    cells: Polygons, units: Floats, windows: Integers, reach: Floats
) -> tuple[Polygons, Integers]:
    """The parts of each polygon on which one unit of each window is the largest.

    Args:
        cells: R polygons.
        units: Affine functions of each, float64, shape (R, 3, n).
        windows: Numbers of units, int64, shape (W, k); −1 where a window has fewer.
        reach: As in `cut`.

    Returns:
        The parts, and for each the number of the polygon that it is a part of.
    """
    parents = np.arange(len(cells))
    for window in windows:
        members = window[window >= 0]
        parts = [
            _where_largest(cells, units[parents][:, :, members], number, reach)
            for number in range(len(members))
        ]
        cells = Polygons.joined([part for part, _ in parts])
        parents = parents[np.concatenate([which for _, which in parts])]
    order = np.argsort(parents, kind="stable")
    return cells.at(order), parents[order]


def _where_largest(
    cells: Polygons, members: Floats, number: int, reach: Floats
) -> tuple[Polygons, Integers]:
    """The part of each polygon where a member is the largest; of equal ones the first."""
    which = np.arange(len(cells))
    for other in range(members.shape[2]):
        if other == number or not len(cells):
            continue
        line = members[which, :, number] - members[which, :, other]
        signs, values = signs_of(cells, line, members[which][:, :, [number, other]], reach)
        above, below = cells.any_of(signs > 0), cells.any_of(signs < 0)
        equal = ~above & ~below
        whole = (above & ~below) | (equal & (number < other))
        crossed = above & below
        chosen = np.repeat(crossed, cells.counts)
        part = cells.at(crossed).side(values[chosen], signs[chosen], 1)
        which = np.concatenate([which[whole], which[crossed]])
        cells = Polygons.joined([cells.at(whole), part])
    return cells, which


def signs_of(
    cells: Polygons, line: Floats, terms: Floats, reach: Floats
) -> tuple[NDArray[np.int8], Floats]:
    """Signs and values of each polygon's own affine function at its vertices.

    Args:
        cells: R polygons.
        line: Shape (R, 3).
        terms: What the function is a sum of, shape (R, 3, k): their size decides what counts as 0.
        reach: As in `cut`.
    """
    owner = cells.owner
    x, y = cells.vertices.T
    values = line[owner, 0] * x + line[owner, 1] * y + line[owner, 2]
    size = np.abs(terms[:, 0]) * reach[0] + np.abs(terms[:, 1]) * reach[1] + np.abs(terms[:, 2])
    slack = (TOLERANCE * size.sum(1))[owner]
    return (values > slack).astype(np.int8) - (values < -slack), values


def _ranges(cells: Polygons, units: Floats) -> tuple[Floats, Floats]:
    """Least and largest value of each unit on each polygon, shape (R, n): taken at a vertex."""
    x, y = cells.vertices.T[:, :, None]
    owner = cells.owner
    values = units[owner, 0] * x
    values += units[owner, 1] * y
    values += units[owner, 2]
    at = cells.starts[:-1]
    return np.minimum.reduceat(values, at, axis=0), np.maximum.reduceat(values, at, axis=0)
