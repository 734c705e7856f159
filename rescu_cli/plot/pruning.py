"""Pruning: accuracy, dead units, and the paired difference, against the share of weights left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from rescu_cli.errors import UsageError
from rescu_cli.plot.bands import draw_band, look
from rescu_cli.plot.labels import SURROGATE, spec_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, HAIRLINE, house_style, new_figure

_PANEL_HEIGHT = 1.45
_NAMES = {"magnitude": "magnitude", "ap": "magnitude + AP"}
_MOST_TICKS = 7


def plot_pruning(result: Mapping[str, Any], *, width: float = 1.35 * COLUMN_WIDTH) -> Figure:
    """Panels over the share of weights left, which falls to the right.

    Accuracy; the total rate of dead units with its static part dashed; and where both methods ran,
    AP − magnitude of the total rate, paired by seed. Bands are 95 % intervals over seeds.

    Args:
        result: Of `rescu_cli.prune`.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there are fewer than two rounds.
    """
    rows: Sequence[Mapping[str, Any]] = result["rounds"]
    if len(rows) < 2:
        raise UsageError("Nothing to draw: no round of pruning was finished by all seeds.")
    x = [100 * row["density"] for row in rows]
    methods = list(rows[0]["methods"])
    paired = rows[0]["difference"] is not None
    with house_style():
        figure = new_figure(width, _PANEL_HEIGHT * (3 if paired else 2) + 0.35)
        panels = list(figure.subplots(3 if paired else 2, 1, sharex=True))
        for index, method in enumerate(methods):
            column = [row["methods"][method] for row in rows]
            draw_band(panels[0], x, [c["accuracy"] for c in column], index)
            draw_band(panels[1], x, [c["total"] for c in column], index)
            draw_band(panels[1], x, [c["static"] for c in column], index, style="--")
        panels[0].set_ylabel("test accuracy")
        panels[1].set_ylabel("dead units")
        panels[1].set_ylim(bottom=0)
        if paired:
            panels[2].axhline(0, color=HAIRLINE, linewidth=0.8, zorder=1)
            draw_band(panels[2], x, [row["difference"]["total"] for row in rows], len(methods))
            panels[2].set_ylabel("dead units,\nAP − magnitude")
        for axes in panels:
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            axes.grid(color="#ececec", linewidth=0.6)
        _density_axis(panels[-1], x)
        figure.align_ylabels(panels)
        n_seeds = len(result["seeds"])
        marked = "" if result["surrogate"] is None else f" {SURROGATE}"
        panels[0].set_title(
            f"{spec_label(result['activation'])}{marked}, {result['model']}, {result['data']}; "
            f"{n_seeds} seed{'s' * (n_seeds > 1)}" + ("; bands: 95 %" if n_seeds > 1 else ""),
            loc="left", fontsize=7, color=GREY, pad=3,
        )  # fmt: skip
        handles = [
            Line2D([], [], label=_NAMES.get(method, method), **look(index))
            for index, method in enumerate(methods)
        ]
        parts = [
            Line2D([], [], color=GREY, linestyle="-", linewidth=1.1, label="total"),
            Line2D([], [], color=GREY, linestyle="--", linewidth=1.1, label="static"),
        ]
        add_legend(figure, [*handles, *parts])
    return figure


def _density_axis(axes: Axes, x: Sequence[float]) -> None:
    """Logarithmic, since every round takes a share; the rounds themselves are the ticks."""
    axes.set_xscale("log")
    axes.invert_xaxis()
    step = -(-len(x) // _MOST_TICKS)
    axes.xaxis.set_major_locator(FixedLocator(list(x[::step])))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.3g}"))
    axes.set_xlabel("weights left (%), by round")
