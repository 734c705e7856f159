"""Closed level curves of networks of two inputs: what narrow networks cannot have.

A network of width at most its number of inputs, with monotone activations one to one, has no
level set with a bounded component (Johnson, Deep, skinny neural networks are not universal
approximators, ICLR 2019). A disc's indicator needs one, so such networks approximate it nowhere
near. This module counts the closed curves of a level exactly, from the segments in the regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import nn

from rescu_cli.network.loading import dense_chain
from rescu_cli.network.regions.boundary import zero_segments
from rescu_cli.network.regions.compute import Regions, regions
from rescu_cli.network.regions.polygons import Floats, Integers
from rescu_cli.network.regions.slices import Slice

JOIN = 1e-9
"""Ends of segments nearer than this, relative to the box, are one point."""


@dataclass(frozen=True)
class Witness:
    """How many random networks of a width have a closed level curve.

    Args:
        width: Of every hidden layer.
        n_networks: Tried.
        n_with_loops: Of them, with a closed curve at one of the levels.
        n_loops: Closed curves seen in all.
        example: Seed of the network with the most, None if none has any.
        level: Of that example.
    """

    width: int
    n_networks: int
    n_with_loops: int
    n_loops: int
    example: int | None
    level: float | None


def level_segments(found: Regions, level: float) -> Floats:
    """Segments on which the only output is equal to a level, (S, 2, 2)."""
    line = found.maps[:, :, 0].copy()
    line[:, 2] -= level
    terms = np.stack([line, line], 2)
    return zero_segments(found.cells, line, terms, found.where.reach)[0]


def closed_curves(segments: Floats, where: Slice) -> list[Floats]:
    """The closed curves that segments form; those that end at the box are left out.

    Args:
        segments: Ends, (S, 2, 2).
        where: For the scale on which ends are joined.

    Returns:
        For each curve its segments.
    """
    if not len(segments):
        return []
    scale = JOIN * max(where.high[0] - where.low[0], where.high[1] - where.low[1])
    points = segments.reshape(-1, 2)
    near = cKDTree(points).query_pairs(scale, output_type="ndarray")
    place = _components(near, len(points))
    ends = place.reshape(-1, 2)
    ends, segments = ends[ends[:, 0] != ends[:, 1]], segments[ends[:, 0] != ends[:, 1]]
    root = _components(ends, int(place.max()) + 1)
    degree = np.bincount(ends.ravel(), minlength=len(root))
    component = root[ends[:, 0]] if len(ends) else np.empty(0, np.int64)
    closed = []
    for number in np.unique(component):
        mine = component == number
        if (degree[np.unique(ends[mine])] == 2).all():
            closed.append(segments[mine])
    return closed


def _components(ends: Integers, n_points: int) -> Integers:
    """The component of each point of a graph."""
    ones = np.ones(len(ends))
    graph = coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(n_points, n_points))
    return np.asarray(connected_components(graph, directed=False)[1])


def random_network(width: int, depth: int, seed: int) -> nn.Module:
    """2 – width – … – width – 1 with leaky ReLU (slope 0.1), He weights, biases N(0, 1)."""
    generator = np.random.default_rng(seed)
    sizes = (2, *[width] * depth, 1)
    weights = [
        generator.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        for n_in, n_out in pairwise(sizes)
    ]
    biases: list[Floats | None] = [generator.standard_normal(len(w)) for w in weights]
    return dense_chain(weights, biases, "leaky_relu:alpha=0.1")


DEPTH, HALF = 5, 5.0


def witness(
    width: int, *, n_networks: int = 200, depth: int = DEPTH, half: float = HALF, n_levels: int = 9
) -> Witness:
    """Closed level curves of random networks R² → R of a width, at quantiles of their values.

    Args:
        width: Of every hidden layer, at least 1.
        n_networks: Seeds 0 … n − 1.
        depth: Hidden layers.
        half: The box is [−half, half]²; a curve that leaves it is not counted.
        n_levels: Quantiles of the values at the regions' centres.
    """
    where = Slice.plane((-half, -half), (half, half))
    with_loops = loops = most = 0
    example: tuple[int, float] | None = None
    for seed in range(n_networks):
        found = regions(random_network(width, depth, seed), where)
        places = found.cells.centres()
        m = found.maps[:, :, 0]
        values = m[:, 0] * places[:, 0] + m[:, 1] * places[:, 1] + m[:, 2]
        here = 0
        for level in np.quantile(values, np.linspace(0.05, 0.95, n_levels)).tolist():
            count = len(closed_curves(level_segments(found, level), where))
            here += count
            if count > most:
                most, example = count, (seed, level)
        loops += here
        with_loops += here > 0
    return Witness(
        width, n_networks, with_loops, loops,
        None if example is None else example[0], None if example is None else example[1],
    )  # fmt: skip


def example(found: Witness) -> tuple[Regions, Floats, int]:
    """The network of a witness with the most closed curves, or the first one without any.

    Returns:
        Its regions, the segments of its level, and how many closed curves they form. Without an
        example the level is the median of the values at the regions' centres.
    """
    where = Slice.plane((-HALF, -HALF), (HALF, HALF))
    shown = regions(random_network(found.width, DEPTH, found.example or 0), where)
    level = found.level
    if level is None:
        places, m = shown.cells.centres(), shown.maps[:, :, 0]
        level = float(np.median(m[:, 0] * places[:, 0] + m[:, 1] * places[:, 1] + m[:, 2]))
    segments = level_segments(shown, level)
    return shown, segments, len(closed_curves(segments, where))
