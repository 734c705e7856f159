"""Attention: heads as pictures with their exact zeros, and what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import entry_label, wrapped
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import (
    COLUMN_WIDTH,
    GREY,
    HAIRLINE,
    MARKERS,
    PALETTE,
    house_style,
    new_figure,
)

MOST_ROWS = 8
_ACROSS = 4
_POSITIVE = LinearSegmentedColormap.from_list("weights", ["#d3e5f2", "#0072B2", "#00263c"])
_NEGATIVE = LinearSegmentedColormap.from_list("below", ["#f8dcc8", "#D55E00", "#4a2000"])
_ZERO, _MASKED = "#ffffff", "#e3e3e3"
_HEAD = 0.88
"""Inches of one head."""
_SPELLING = {"entmax15": "1.5-entmax"}
_PANELS = (
    ("accuracy", "accuracy of tokens (%)", 100),
    ("alignment_error", "alignment error (%)", 100),
    ("pd_l1", "PD (pd_l1)", 1),
    ("sparsity", "exact zeros (%)", 100),
)


def plot_attention(result: Mapping[str, Any], heads: Mapping[str, NDArray[np.float64]]) -> Figure:
    """A row of heads for each attention; below them sparsity against SmeLU's β.

    White is exactly 0, and nothing else is; each row has its own scale, which ends at its largest
    weight.

    Args:
        result: Of `rescu_cli.attention`.
        heads: By name of the attention, shape (heads, queries, keys), NaN where masked.

    Raises:
        UsageError: If there are more attentions than can be told apart.
    """
    rows = result["attentions"]
    require_drawable(len(rows))
    n = max(len(found) for found in heads.values())
    with house_style():
        figure = new_figure(max(1.0 + _HEAD * n, COLUMN_WIDTH), _HEAD * len(rows) + 1.95)
        upper, lower = _halves(figure, _HEAD * len(rows), 1.95)
        grid = upper.subplots(len(rows), n, squeeze=False)
        for line, row in zip(grid, rows, strict=True):
            found = heads[row["activation"]]
            most = float(np.nanmax(np.abs(found)))
            for number, axes in enumerate(line):
                _picture(axes, found[number] if number < len(found) else None, most)
            line[0].set_ylabel(wrapped(_name(row), 14), rotation=0, ha="right", va="center",
                               fontsize=7)  # fmt: skip
        for number, axes in enumerate(grid[0]):
            axes.set_title(f"head {number + 1}", fontsize=7, color=GREY, pad=2)
        for axes in grid[-1]:
            axes.set_xlabel("keys", fontsize=7, color=GREY, labelpad=2)
        _curve(lower.subplots(), result)
        shown = [
            Patch(facecolor=_ZERO, edgecolor=HAIRLINE, label="exactly 0"),
            Patch(facecolor=_POSITIVE(0.55), label="above 0"),
        ]
        if any(bool((found < 0).any()) for found in heads.values()):
            shown.append(Patch(facecolor=_NEGATIVE(0.55), label="below 0"))
        if result["causal"]:
            shown.append(Patch(facecolor=_MASKED, label="masked"))
        add_legend(figure, shown)
    return figure


def plot_attention_training(result: Mapping[str, Any]) -> Figure:
    """What each kind of attention looks at, with the truth, over what was measured of it.

    Args:
        result: Of `rescu_cli.train_attention`.

    Raises:
        UsageError: If there are more attentions than can be told apart.
    """
    rows = result["attentions"]
    require_drawable(len(rows))
    example = result["example"]
    maps = {name: np.asarray(found) for name, found in example["maps"].items()}
    lines = -(-len(rows) // _ACROSS)
    columns = -(-len(rows) // lines)
    panels = [panel for panel in _PANELS if all(row[panel[0]] is not None for row in rows)]
    width = 2.05 * COLUMN_WIDTH
    tall = 1.25 * width / 5.2
    with house_style():
        below = 0.62 + 0.2 * len(rows)
        figure = new_figure(width, tall * lines + below)
        upper, lower = _halves(figure, tall * lines, below)
        grid = upper.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid[len(rows) :]:
            axes.set_axis_off()
        for axes, row in zip(grid, rows, strict=False):
            found = maps[row["activation"]]
            _picture(axes, found, float(found.max()))
            axes.plot(example["truth"], range(len(found)), linestyle="none", marker="o",
                      markersize=2.6, markerfacecolor="none", markeredgecolor="#D55E00",
                      markeredgewidth=0.8)  # fmt: skip
            axes.set_title(_name(row), fontsize=7, pad=2)
        grid[0].set_ylabel("target", fontsize=7, color=GREY)
        grid[0].set_xlabel("source", fontsize=7, color=GREY, labelpad=2)
        _dots(lower.subplots(1, len(panels), sharey=True, squeeze=False)[0], rows, panels)
        add_legend(figure, [
            Line2D([], [], linestyle="none", marker="o", markersize=4, markerfacecolor="none",
                   markeredgecolor="#D55E00", label="the token that is copied"),
            Patch(facecolor=_POSITIVE(0.55), label="mean map of the heads, first seed"),
            Patch(facecolor=_ZERO, edgecolor=HAIRLINE, label="exactly 0"),
            Line2D([], [], color="black", marker="o", markersize=3.5, linewidth=1,
                   label=f"mean of {len(result['seeds'])} seed"
                         f"{'s, 95 %' if len(result['seeds']) > 1 else ''}"),
        ])  # fmt: skip
    return figure


def _halves(figure: Figure, above: float, below: float) -> tuple[SubFigure, SubFigure]:
    halves: Any = figure.subfigures(2, 1, height_ratios=[above, below])
    return halves[0], halves[1]


def require_drawable(n: int) -> None:
    """Refuses what `plot_attention` would refuse, before the work is done.

    Raises:
        UsageError: If n attentions are more than can be told apart.
    """
    if n > MOST_ROWS:
        raise UsageError(
            f"{n} attentions asked; a figure has room for {MOST_ROWS}. Name fewer, or leave the "
            "figure out ('--plot', '--out')."
        )


def _name(row: Mapping[str, Any]) -> str:
    return _SPELLING.get(row["activation"]) or (
        entry_label(row) if row["elementwise"] else str(row["activation"])
    )


def _picture(axes: Axes, weights: NDArray[np.float64] | None, most: float) -> None:
    """One head: white exactly where it is 0, colours by the size of what is not."""
    axes.set_xticks([])
    axes.set_yticks([])
    if weights is None:
        axes.set_axis_off()
        return
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(HAIRLINE)
    size = np.abs(np.nan_to_num(weights)) / (most or 1.0)
    colours = np.where((weights < 0)[..., None], _NEGATIVE(size), _POSITIVE(size))
    colours[weights == 0] = (1, 1, 1, 1)
    colours[np.isnan(weights)] = [int(_MASKED[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1]
    axes.imshow(colours, interpolation="nearest", aspect="equal")


def _curve(axes: Axes, result: Mapping[str, Any]) -> None:
    points = result["curve"]
    betas = [p["beta"] for p in points]
    fine = np.linspace(0, max(betas), 121)
    d = result["width"] // result["heads"]
    axes.plot(betas, [100 * p["expected_dot_products"] for p in points], color=PALETTE[1],
              linewidth=1.0, label=f"expected, dot products (d={d})")  # fmt: skip
    axes.plot(fine, [100 * _below(b) for b in fine], color=PALETTE[0], linewidth=1.0,
              linestyle=(0, (4, 1.5)), label="Φ(−β), N(0, 1) logits")  # fmt: skip
    axes.plot(betas, [100 * p["dot_products"] for p in points], linestyle="none", marker="s",
              markersize=3.6, markerfacecolor="none", color=PALETTE[1],
              label="seen, dot products")  # fmt: skip
    axes.plot(betas, [100 * p["gaussian"] for p in points], linestyle="none", marker="x",
              markersize=3.6, color=PALETTE[0], label="seen, N(0, 1)")  # fmt: skip
    axes.set_xlabel("β of SmeLU (0: ReLU)")
    axes.set_ylabel("exact zeros (%)")
    axes.set_ylim(bottom=0)
    axes.grid(color="#ececec", linewidth=0.6)
    axes.legend(fontsize=6.5, handlelength=1.8)


def _below(beta: float) -> float:
    from math import erfc, sqrt

    return 0.5 * erfc(beta / sqrt(2))


def _dots(
    panels: Sequence[Axes], rows: Sequence[Mapping[str, Any]],
    what: Sequence[tuple[str, str, int]],
) -> None:  # fmt: skip
    """Means as dots with their intervals, one line per attention."""
    for axes, (key, title, factor) in zip(panels, what, strict=True):
        for place, row in enumerate(rows):
            found = row[key]
            color = PALETTE[place % len(PALETTE)]
            if found["ci"] is not None:
                axes.plot([factor * end for end in found["ci"]], [place, place], color=color,
                          linewidth=1.1)  # fmt: skip
            axes.plot([factor * found["mean"]], [place], color=color, linestyle="none",
                      marker=MARKERS[place % len(MARKERS)], markersize=3.6,
                      gid=f"dot-{key}-{row['activation']}")  # fmt: skip
        axes.set_xlabel(title, fontsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="x", color="#ececec", linewidth=0.6)
        axes.set_yticks(range(len(rows)), [wrapped(_name(row), 22) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
