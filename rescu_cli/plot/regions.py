"""Regions of a network on a slice: polygons coloured by slope, the decision boundary on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10, sqrt

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import BoundaryNorm, Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, house_style, new_figure

Floats = NDArray[np.float64]

_DRAWN_AS_VECTORS = 5_000  # polygons; more make a file that no viewer likes
_OUTLINED = 30_000  # polygons; outlines of more hide the colours
_DECADES = 3.0  # of slopes: smaller ones have the colour of the smallest
_BOUNDARY = "#ffffff"


@dataclass(frozen=True, eq=False)
class RegionsPanel:
    """One picture.

    Args:
        title: Above it.
        vertices: Float64, shape (n, 2).
        starts: Int64, shape (R + 1,): polygon r has the vertices starts[r] … starts[r + 1] − 1.
        values: Of each polygon, shape (R,).
        low: Left and lower end of the box.
        high: Right and upper end.
        segments: Of the decision boundary, shape (S, 2, 2).
    """

    title: str
    vertices: Floats
    starts: NDArray[np.int64]
    values: Floats
    low: tuple[float, float]
    high: tuple[float, float]
    segments: Floats = field(default_factory=lambda: np.empty((0, 2, 2)))


def plot_regions(
    panels: Sequence[RegionsPanel], *, what: str = "slope", width: float | None = None
) -> Figure:
    """One panel, or small multiples with one scale of colours.

    Args:
        panels: At least one.
        what: ``slope``, positive numbers on a logarithmic scale, or ``curved units``, whole ones.
        width: Of the figure in inches; chosen by the number of panels if None.

    Raises:
        UsageError: If there is nothing to draw.
    """
    if not panels or not any(len(panel.values) for panel in panels):
        raise UsageError("There is no region to draw.")
    widest = len(panels) if len(panels) <= 4 else ceil(sqrt(len(panels) * 1.6))
    rows = ceil(len(panels) / widest)
    columns = ceil(len(panels) / rows)  # no row much emptier than the others
    width = width or COLUMN_WIDTH * (1.35 if columns == 1 else 2.1)
    tallest = max((p.high[1] - p.low[1]) / (p.high[0] - p.low[0]) for p in panels)
    height = rows * (0.83 * width / columns * min(tallest, 2.0) + 0.5)  # titles, numbers
    norm, colours, label = _scale(panels, what)
    with house_style():
        figure = new_figure(width, height)
        alike = len({(p.low, p.high) for p in panels}) == 1
        grid = figure.subplots(rows, columns, squeeze=False, sharex=alike, sharey=alike)
        for axes in grid.ravel()[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.ravel(), panels, strict=False):
            _draw(axes, panel, norm, colours)
        mappable = ScalarMappable(norm, colours)
        shown = [axes for axes in grid.ravel() if axes.get_visible()]
        bar = figure.colorbar(mappable, ax=shown, label=label, shrink=0.85, pad=0.02, aspect=28)
        bar.outline.set_visible(False)
        ticks, names = _ticks(norm)
        bar.set_ticks(ticks, labels=names)
        bar.ax.minorticks_off()
    return figure


def _scale(panels: Sequence[RegionsPanel], what: str) -> tuple[Normalize, Colormap, str]:
    values = np.concatenate([panel.values for panel in panels])
    if what == "curved units":
        most = int(values.max()) + 1
        label = "units in a curved piece (0: the network is affine there)"
        return BoundaryNorm(np.arange(most + 1), 256), colormaps["cividis"], label
    high = float(values.max())
    if not high > 0:
        return Normalize(0.0, 1.0), colormaps["viridis"], "norm of the slope"
    low = max(float(values[values > 0].min()), high / 10**_DECADES)
    norm = LogNorm(min(low, high * 0.5), high, clip=True)
    return norm, colormaps["viridis"], "norm of the slope"


def _ticks(norm: Normalize) -> tuple[list[float], list[str]]:
    """Round numbers on the scale, written out."""
    low, high = float(norm.vmin or 0.0), float(norm.vmax or 1.0)
    if isinstance(norm, BoundaryNorm):
        whole = list(range(0, int(high), ceil(high / 8)))
        return [n + 0.5 for n in whole], [str(n) for n in whole]
    if not isinstance(norm, LogNorm):
        return [low, high], [f"{low:g}", f"{high:g}"]
    powers = 10.0 ** np.arange(floor(log10(low)), ceil(log10(high)) + 1)
    wide = high / low > 300
    steps = np.outer(powers, [1.0] if wide else [1.0, 2.0, 5.0]).ravel()
    found = [float(v) for v in steps if low <= v <= high] or [low, high]
    return found, [f"{v:.3g}" for v in found]


def _draw(axes: object, panel: RegionsPanel, norm: Normalize, colours: Colormap) -> None:
    from matplotlib.axes import Axes

    if not isinstance(axes, Axes):
        return
    polygons = np.split(panel.vertices, panel.starts[1:-1])
    n = len(panel.values)
    outline = 0.0 if n > _OUTLINED else min(0.5, 12 / sqrt(max(n, 1)))
    filled = colours(norm(np.maximum(panel.values, norm.vmin or 0.0)))
    axes.add_collection(
        PolyCollection(
            polygons,
            facecolors=filled,
            # A hair of its own colour closes the seams between neighbours.
            edgecolors=filled if outline == 0.0 else (0.0, 0.0, 0.0, 0.55),
            linewidths=outline or 0.15,
            rasterized=n > _DRAWN_AS_VECTORS,
        )
    )
    for line, thick in ((GREY, 2.2), (_BOUNDARY, 1.2)):
        axes.add_collection(
            LineCollection(list(panel.segments), colors=line, linewidths=thick, capstyle="round")
        )
    axes.set_xlim(panel.low[0], panel.high[0])
    axes.set_ylim(panel.low[1], panel.high[1])
    axes.set_aspect("equal")
    axes.set_title(panel.title, fontsize=7.5, loc="left", pad=3)
    axes.tick_params(length=2)
