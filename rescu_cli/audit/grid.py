"""Where a callable is asked: dense around 0 and the joints, and over all magnitudes of a format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rescu_cli.core.edges import edge_grid, every_value, float_format, sample

Array = npt.NDArray[np.float64]
REACH = 16.0
"""The even grid covers ±16 widths."""
STEPS = 1 << 11
"""Points of the even grid per width: a stretch of 1/1024 of the width holds two of them."""
FAR = 1e4
"""As far out as pre-activations are met; a result that is not finite fails up to here."""


def spread(joints: Sequence[float], width: float) -> float:
    """The unit of the grid: a power of two, at least 1, at least the transition's width."""
    return float(2 ** np.ceil(np.log2(max([1.0, width, *(abs(j) for j in joints)]))))


def ordinary(xs: Array, unit: float) -> npt.NDArray[np.bool_]:
    """Which inputs are of ordinary size: up to `FAR`, or on the even grid."""
    return np.abs(xs) <= max(FAR, REACH * unit)


def even(unit: float, n_steps: int = STEPS) -> Array:
    """The even grid on ±`REACH` units, ascending."""
    count = int(REACH * n_steps)
    return np.arange(-count, count + 1, dtype=np.float64) * (unit / n_steps)


def points(kind: str, joints: Sequence[float], width: float, *, most: int | None = None) -> Array:
    """Finite inputs of a format, ascending, without duplicates.

    All of them for 16-bit formats. Otherwise the edge grid, the even grid, random points around
    joints and over all magnitudes, up to `FAR` more densely, and subnormals.

    Args:
        kind: Format.
        joints: Where the function bends.
        width: Of its transition.
        most: Thin out to about this many, edges kept.
    """
    form = float_format(kind)
    edges = edge_grid(kind, joints)
    if form.bits == 16:
        bulk = every_value(kind)
    else:
        random = np.random.default_rng(20)
        unit = spread(joints, width)
        signs = random.choice([-1.0, 1.0], 6000)
        middle = signs * np.exp2(random.uniform(np.log2(unit), np.log2(unit * FAR), 6000))
        low = np.log2(form.smallest), np.log2(form.smallest_normal)
        tiny = signs[:1000] * np.exp2(random.uniform(*low, 1000))
        bulk = np.concatenate(
            [even(unit), middle, tiny, sample(kind, 9000, seed=20, joints=joints)]
        )
        bulk = form.round(bulk)
    bulk = np.unique(bulk[np.isfinite(bulk)])
    if most is not None and len(bulk) > most:
        bulk = bulk[np.linspace(0, len(bulk) - 1, most).astype(int)]
    both = np.concatenate([edges[np.isfinite(edges)], bulk])
    return np.unique(both)
