"""How high a panel is: all of the data, 0 included, and not what runs off to infinity.

Losses are all positive: they get a scale of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from rescu_cli.plot.sampling import Curve

_MARGIN = 0.08
_FAR = 1.0
"""How far from 0, in its own heights, f may lie with 0 still in view."""
_ROOM_FOR_ARROW = 0.3
_DECADES_FOR_LOG = 1.0


def data_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """The least and the largest ordinate to show.

    The axis y = 0 is in view, except where f itself stays far away from it.
    """
    ends = [_extent(curve) for curve in curves]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    derived = any(curve.order for curve in curves)
    if derived or max(low, -high) <= _FAR * (high - low):
        low, high = min(low, 0.0), max(high, 0.0)
    return (low - 1.0, high + 1.0) if low == high else (low, high)


def panel_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Lower and upper end of a panel's y axis: the data, room for arrows, and a margin."""
    low, high = data_limits(curves)
    height = high - low
    weights = [impulse.weight for curve in curves for impulse in curve.impulses]
    if any(w < 0 for w in weights):
        low = min(low, -_ROOM_FOR_ARROW * height)
    if any(w > 0 for w in weights):
        high = max(high, _ROOM_FOR_ARROW * height)
    return low - _MARGIN * height, high + _MARGIN * height


def scale_losses(axes: Axes, losses: NDArray[np.float64]) -> None:
    """Makes the ordinate logarithmic, with plain numbers, where losses span more than a decade.

    Args:
        axes: What is drawn on.
        losses: All that is drawn; what is not finite does not count.
    """
    finite = losses[np.isfinite(losses)]
    if not finite.size or finite.min() <= 0:
        return
    if np.log10(finite.max() / finite.min()) > _DECADES_FOR_LOG:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _extent(curve: Curve) -> tuple[float, float]:
    """Least and largest ordinate; beside a pole, what 80 % of the samples stay within."""
    if not curve.strokes:
        return 0.0, 0.0
    y = np.concatenate([stroke.y for stroke in curve.strokes])
    if curve.bounded:
        return float(y.min()), float(y.max())
    return float(np.quantile(y, 0.1)), float(np.quantile(y, 0.9))
