"""Slices of the training loss around trained networks: contours, cuts, and curvature of a cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import spec_label
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, new_figure

Floats = NDArray[np.float64]

_LEVELS = 14
_COLORS = "viridis"
_PANEL = 0.62 * COLUMN_WIDTH
_ALONG = (("along a", "-", PALETTE[1]), ("along b", (0, (4, 1.4)), PALETTE[2]))
_ZOOM = 0.25
"""Part of the axis that the bottom row shows: at full length kinks are thinner than a dot."""


def plot_landscape(result: Mapping[str, Any], *, panel: float = _PANEL) -> Figure:
    """Three rows, a column per activation: log₁₀ loss, cuts through the centre, their curvature.

    Colours, and the scales of each row, are the same for all columns.

    Args:
        result: ``Landscape.to_dict()``.
        panel: Width of one column, in inches.

    Raises:
        UsageError: If no activation has a finite positive loss.
    """
    rows: Sequence[Mapping[str, Any]] = result["activations"]
    surfaces = [_log10(row["surface"]) for row in rows]
    if not any(np.isfinite(surface).any() for surface in surfaces):
        raise UsageError("No surface has a finite positive loss; there is nothing to draw.")
    with house_style():
        figure = new_figure(panel * len(rows) + 0.7, 2.75 * panel + 0.6)
        grid = figure.subplots(
            3, len(rows), squeeze=False, sharey="row",
            gridspec_kw={"height_ratios": [1, 0.72, 0.72]},
        )  # fmt: skip
        levels = _levels(surfaces)
        for column, (row, surface) in enumerate(zip(rows, surfaces, strict=True)):
            _contours(grid[0, column], surface, levels, result)
            grid[0, column].set_title(f"{spec_label(row['activation'])}\n{_figures(row)}")
            cuts = np.array(row["cuts"], dtype=np.float64)
            _cuts(grid[1, column], cuts, result)
            _curvature(grid[2, column], cuts, result)
        _name_axes(grid)
        shades = ScalarMappable(BoundaryNorm(levels, colormaps[_COLORS].N), _COLORS)
        bar = figure.colorbar(shades, ax=list(grid[0]), aspect=18, pad=0.015, ticks=levels[::2])
        bar.ax.set_title("log₁₀ L", fontsize=7)
        bar.outline.set_linewidth(0.6)
        grid[1, 0].legend(loc="upper center", ncols=2, fontsize=6.5)
        figure.supxlabel(_caption(result), fontsize=6.5, color=GREY)
    return figure


def _log10(surface: Sequence[Sequence[float | None]]) -> Floats:
    """NaN where the loss is not finite, or 0."""
    values = np.array(surface, dtype=np.float64)
    values[values <= 0] = np.nan
    return np.asarray(np.log10(values), dtype=np.float64)


def _levels(surfaces: Sequence[Floats]) -> Floats:
    low = min(float(np.nanmin(surface)) for surface in surfaces)
    high = max(float(np.nanmax(surface)) for surface in surfaces)
    return np.linspace(low, max(high, low + 1e-9), _LEVELS + 1)


def _contours(axes: Axes, surface: Floats, levels: Floats, result: Mapping[str, Any]) -> None:
    axis = np.array(result["axis"])
    axes.contourf(axis, axis, surface, levels, cmap=_COLORS)
    axes.contour(
        axis,
        axis,
        surface,
        levels[1:-1],
        colors="white",
        linewidths=0.3,
        linestyles="solid",
        alpha=0.6,
    )
    axes.add_patch(
        Circle(
            (0, 0), result["radius"], fill=False, edgecolor="white", linestyle="--", linewidth=0.7
        )
    )
    axes.plot([0], [0], "+", color="white", markersize=5, markeredgewidth=0.9)
    axes.set_aspect("equal")


def _cuts(axes: Axes, cuts: Floats, result: Mapping[str, Any]) -> None:
    for cut, (name, pattern, color) in zip(cuts, _ALONG, strict=True):
        axes.plot(result["cut_axis"], cut, linestyle=pattern, color=color, label=name,
                  linewidth=1.1)  # fmt: skip
    axes.set_yscale("log")
    axes.grid(color="#ececec", linewidth=0.6)
    axes.margins(x=0)


def _curvature(axes: Axes, cuts: Floats, result: Mapping[str, Any]) -> None:
    """Second difference over step²: a kink of the loss is a spike, whatever the slope around it."""
    places, step = np.array(result["cut_axis"])[1:-1], result["cut_step"]
    shown = np.abs(places) <= _ZOOM * result["cut_axis"][-1]
    for cut, (_, pattern, color) in zip(cuts, _ALONG, strict=True):
        bend = np.diff(cut, n=2) / step**2
        axes.plot(places[shown], bend[shown], linestyle=pattern, color=color, linewidth=0.9)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.margins(x=0)


def _name_axes(grid: NDArray[Any]) -> None:
    for column in range(grid.shape[1]):
        grid[0, column].set_xlabel("a")
        grid[1, column].set_xlabel("a or b")
        grid[2, column].set_xlabel("a or b")
    for row, name in enumerate(("b", "loss L", "L″ of the cuts")):
        grid[row, 0].set_ylabel(name)


def _figures(row: Mapping[str, Any]) -> str:
    centre, sharp = (row[name]["per_seed"][0] for name in ("centre", "sharpness"))
    return f"centre {centre:.3g}, sharpness {sharp:.3g}"


def _caption(result: Mapping[str, Any]) -> str:
    spec = result["spec"]
    return (
        f"Training loss L(θ + a·d₁ + b·d₂) of {result['examples']} examples of {spec['data']}, "
        f"{spec['model']}, seed {spec['seeds'][0]}; d₁, d₂ random, filter-normalised.\n"
        f"A slice of 2 dimensions out of {result['n_parameters']:,}: other directions may look "
        f"different. Dashed: radius {result['radius']:g}. Third row: second difference, step "
        f"{result['cut_step']:g}."
    )
