"""Lines with intervals: means over seeds along an axis, each with its band and its own style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from rescu_cli.plot.style import MARKERS, PALETTE


def look(index: int) -> dict[str, Any]:
    """Colour and marker of the ``index``-th line, for legends too."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 3.6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
        "linewidth": 1.1,
    }


def draw_band(
    axes: Axes, x: Sequence[float], estimates: Sequence[Mapping[str, Any]], index: int,
    *, style: str = "-", markevery: int = 1,
) -> None:  # fmt: skip
    """One line of means with its intervals as a band.

    Args:
        axes: A panel.
        x: Abscissas.
        estimates: ``{"mean", "ci"}`` each; without ``ci`` no band.
        index: Place among the lines; decides colour and marker.
        style: Of the line.
        markevery: Markers on every so-many-th point.
    """
    means = [float(e["mean"]) for e in estimates]
    appearance = look(index)
    axes.plot(x, means, linestyle=style, zorder=4 + 0.1 * index, markevery=markevery,
              gid=f"band-{index}", **appearance)  # fmt: skip
    if all(e["ci"] is not None for e in estimates):
        low, high = ([float(e["ci"][side]) for e in estimates] for side in (0, 1))
        axes.fill_between(x, low, high, color=appearance["color"], alpha=0.16, linewidth=0,
                          zorder=2)  # fmt: skip
