"""Closed level curves: counted on known functions, absent in narrow networks."""

from __future__ import annotations

import numpy as np
import pytest

from rescu_cli.network.loading import dense_chain
from rescu_cli.network.regions.compute import regions
from rescu_cli.network.regions.loops import closed_curves, level_segments, witness
from rescu_cli.network.regions.slices import Slice

SQUARE = Slice.plane((-2.0, -2.0), (2.0, 2.0))


def diamonds(*middles: float) -> object:
    """min over the middles of |x − a| + |y|, as a network: one valley for each."""
    rows, biases = [], []
    for a in middles:
        rows += [[1.0, 0], [-1, 0]]
        biases += [-a, a]
    rows += [[0.0, 1], [0, -1]]
    biases += [0.0, 0.0]
    n = len(middles)
    # |x − a| for each middle and |y|; then, for two, their least by b − relu(b − a).
    second = np.zeros((2 * n - 1, 2 * n + 2)) if n > 1 else np.ones((1, 4))
    if n == 2:
        second[0, :2], second[1, 2:4] = [1, 1], [1, 1]
        second[2] = [-1, -1, 1, 1, 0, 0]
        y = np.zeros((1, 6))
        y[0, 4:] = 1
        second = np.r_[second, y]
        last = np.array([[0.0, 1, -1, 1]])
        return dense_chain([np.array(rows), second, last], [np.array(biases), None, None])
    return dense_chain([np.array(rows), np.ones((1, 4))], [np.array(biases), None])


@pytest.mark.parametrize(
    ("middles", "level", "wanted", "length"),
    [
        ((0.0,), 1.0, 1, 4 * np.sqrt(2)),
        ((0.0,), 2.5, 0, None),  # leaves the box
        ((0.0,), -0.5, 0, None),  # nowhere so low
        ((-1.0, 1.0), 0.5, 2, 2 * 4 * np.sqrt(2) / 2),
        ((-0.25, 0.25), 1.0, 1, None),  # the two valleys have run together
    ],
)
def test_curves_of_known_functions_are_counted(
    middles: tuple[float, ...], level: float, wanted: int, length: float | None
) -> None:
    found = regions(diamonds(*middles), SQUARE)  # type: ignore[arg-type]
    curves = closed_curves(level_segments(found, level), SQUARE)
    assert len(curves) == wanted
    if length is not None:
        total = sum(np.linalg.norm(c[:, 1] - c[:, 0], axis=1).sum() for c in curves)
        assert total == pytest.approx(length)


def test_narrow_networks_have_no_closed_curves_and_wider_ones_do() -> None:
    """Johnson's theorem for width 2; the wider ones are the control: the counter does count."""
    found = {w: witness(w, n_networks=25, n_levels=5) for w in (1, 2, 3, 4)}
    assert found[1].n_loops == found[2].n_loops == 0 and found[2].example is None
    assert found[3].n_with_loops > 0 and found[4].n_with_loops > 0
    assert found[4].n_loops >= found[4].n_with_loops and found[4].level is not None


def test_ends_that_differ_by_a_rounding_are_one_point() -> None:
    """Coordinates on the edge of any grid that one might round to."""
    box = Slice.plane((-1.0, -1.0), (1.0, 1.0))
    generator = np.random.default_rng(0)
    w = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    for x, y in generator.integers(-200_000_000, 200_000_000, (40, 2)) * 2e-9 + 1e-9:
        one = dense_chain([w, np.ones((1, 4))], [np.array([-x, x, -y, y]), None])
        found = regions(one, box)
        assert len(closed_curves(level_segments(found, 0.5), box)) == 1
