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
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import entry_label, number_label, wrapped
from rescu_cli.plot.limits import scale_losses
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, new_figure

Floats = NDArray[np.float64]

_NUMBERS = 9
"""At most so many beside the colour bar; there is a contour at each and one between them."""
_FLAT = 1e-6
"""Least height of the colour bar: a constant loss has one, too."""
_COLORS = "viridis"
_PANEL = 0.62 * COLUMN_WIDTH
_ALONG = (("along a", "-", PALETTE[1]), ("along b", (0, (4, 1.4)), PALETTE[2]))
_ZOOM = 0.25
"""Part of the axis that the bottom row shows: at full length kinks are thinner than a dot."""
_TITLE_CHARACTERS = 26
_CHARACTERS_PER_INCH = 20
"""Of the caption."""
_LINE = 0.12
"""Height of a line of small text, in inches."""


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
    titles = [f"{wrapped(entry_label(row), _TITLE_CHARACTERS)}\n{_figures(row)}" for row in rows]
    width = panel * len(rows) + 0.7
    caption = _caption(result, int(_CHARACTERS_PER_INCH * width))
    lines = caption.count("\n") + max(title.count("\n") for title in titles)
    with house_style():
        figure = new_figure(width, 2.75 * panel + 0.5 + _LINE * lines)
        grid = figure.subplots(
            3, len(rows), squeeze=False, sharey="row",
            gridspec_kw={"height_ratios": [1, 0.72, 0.72]},
        )  # fmt: skip
        levels, numbers = _levels(surfaces)
        shades = ScalarMappable(BoundaryNorm(levels, colormaps[_COLORS].N), _COLORS)
        cuts = [np.array(row["cuts"], dtype=np.float64) for row in rows]
        for column, surface in enumerate(surfaces):
            _contours(grid[0, column], surface, levels, shades, result)
            grid[0, column].set_title(titles[column], fontsize=7.5)
            _cuts(grid[1, column], cuts[column], result)
            _curvature(grid[2, column], cuts[column], result)
        # The rows share their ordinates: one scale, chosen for all that is drawn on it.
        scale_losses(grid[1, 0], np.concatenate([cut.ravel() for cut in cuts]))
        _name_axes(grid, float(result["axis"][-1]))
        bar = figure.colorbar(
            shades,
            ax=list(grid[0]),
            aspect=18,
            pad=0.02,
            ticks=numbers,
            format=FuncFormatter(_number),
        )
        bar.minorticks_off()
        bar.ax.set_title("log₁₀ L", fontsize=7)
        bar.outline.set_linewidth(0.6)
        # Above its panel: inside, a loss that rises to both sides would run through it.
        grid[1, 0].legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=6.5, borderaxespad=0
        )
        figure.align_ylabels(grid[:, 0])
        figure.supxlabel(caption, fontsize=6.5, color=GREY)
        # Square panels get their size only as they are drawn: the next layout knows it.
        figure.draw_without_rendering()
    return figure


def _log10(surface: Sequence[Sequence[float | None]]) -> Floats:
    """NaN where the loss is not finite, or 0."""
    values = np.array(surface, dtype=np.float64)
    values[values <= 0] = np.nan
    return np.asarray(np.log10(values), dtype=np.float64)


def _levels(surfaces: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Contour levels that enclose all surfaces, and those of them that get a number: all round."""
    low = min(float(np.nanmin(surface)) for surface in surfaces if np.isfinite(surface).any())
    high = max(float(np.nanmax(surface)) for surface in surfaces if np.isfinite(surface).any())
    locator = MaxNLocator(_NUMBERS, steps=[1, 2, 2.5, 5, 10])
    numbers = np.asarray(locator.tick_values(low, max(high, low + _FLAT)), dtype=np.float64)
    step = (numbers[1] - numbers[0]) / 2
    # From the locator's first number, so that none is 2.9999 steps.
    places = np.arange(2 * len(numbers) - 1)
    levels: Floats = numbers[0] + step * places
    used = (levels > low - step) & (levels < high + step)
    return levels[used], levels[used & (places % 2 == 0)]


def _contours(
    axes: Axes, surface: Floats, levels: Floats, shades: ScalarMappable, result: Mapping[str, Any]
) -> None:
    axis = np.array(result["axis"])
    # With the norm of the colour bar: contourf's own would not reach the ends of the colours.
    axes.contourf(axis, axis, surface, levels, cmap=shades.cmap, norm=shades.norm)
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


def _name_axes(grid: NDArray[Any], span: float) -> None:
    """Names once per row, and few short numbers: those of neighbours must not meet."""
    ticks = span * np.linspace(-1, 1, 5)
    for column in range(grid.shape[1]):
        for axes, name in zip(grid[:, column], ("a", "a or b", "a or b"), strict=True):
            axes.set_xlabel(name)
            axes.xaxis.set_major_formatter(_number)
        for axes in grid[:2, column]:
            axes.set_xticks(ticks)
        grid[2, column].xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    grid[0, 0].set_yticks(ticks)
    grid[0, 0].yaxis.set_major_formatter(_number)
    for row, name in enumerate(("b", "loss L", "L″ of the cuts")):
        grid[row, 0].set_ylabel(name)


def _number(value: float, _: int | None) -> str:
    return number_label(value)


def _figures(row: Mapping[str, Any]) -> str:
    centre, sharp = (
        number_label(row[name]["per_seed"][0], digits=3) for name in ("centre", "sharpness")
    )
    return f"centre {centre}, sharpness {sharp}"


def _caption(result: Mapping[str, Any], characters: int) -> str:
    spec = result["spec"]
    return "\n".join(
        wrapped(sentence, characters)
        for sentence in (
            f"Training loss L(θ + a·d₁ + b·d₂) of {result['examples']} examples of "
            f"{spec['data']}, {spec['model']}, seed {spec['seeds'][0]}; d₁, d₂ random, "
            "filter-normalised.",
            f"A slice of 2 dimensions out of {result['n_parameters']:,}: other directions may look "
            f"different. Dashed: radius {result['radius']:g}. Third row: second difference, step "
            f"{result['cut_step']:g}.",
        )
    )
