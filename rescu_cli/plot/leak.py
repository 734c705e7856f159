"""Leakage: the leak rate against the planted strength, a line for each activation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rescu_cli.errors import UsageError
from rescu_cli.plot.bands import look
from rescu_cli.plot.labels import entry_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, HAIRLINE, house_style, new_figure

_PANEL_HEIGHT = 1.9
_NONE = 50
_SPREAD = 0.16
"""Of the gap between two strengths, how far the activations are set apart: they nearly coincide."""


def plot_leak(result: Mapping[str, Any], *, width: float = 1.2 * COLUMN_WIDTH) -> Figure:
    """Leak rates with 95 % intervals over seeds, and below, how far they are from the planted rate.

    A line at 50 is the rate where nothing leaks; the dashed line is what outputs that follow the
    corpus exactly would have. The activations are set a little apart along the strength.

    Args:
        result: Of `rescu_cli.toy_leak`.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there are fewer than two strengths.
    """
    strengths = list(result["strengths"])
    if len(strengths) < 2:
        raise UsageError("Nothing to draw: a curve takes two strengths at least.")
    rows = result["activations"]
    gap = min(b - a for a, b in pairwise(strengths))
    expected = [rate["expected"] for rate in rows[0]["rates"]]
    with house_style():
        figure = new_figure(width, 1.75 * _PANEL_HEIGHT + 0.35)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 0.75))
        upper.axhline(_NONE, color=GREY, linewidth=0.8, zorder=1, gid="none")
        upper.plot(strengths, expected, color=GREY, linestyle="--", linewidth=0.9, zorder=2,
                   gid="planted")  # fmt: skip
        lower.axhline(0, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
        for index, row in enumerate(rows):
            aside = gap * _SPREAD * (index / (len(rows) - 1) - 0.5) if len(rows) > 1 else 0.0
            x = [strength + aside for strength in strengths]
            for axes, off in ((upper, [0.0] * len(x)), (lower, expected)):
                means = [rate["mean"] - o for rate, o in zip(row["rates"], off, strict=True)]
                axes.plot(x, means, zorder=4 + 0.1 * index, **look(index))
                for at, rate, o in zip(x, row["rates"], off, strict=True):
                    if rate["ci"] is not None:
                        axes.plot([at, at], [end - o for end in rate["ci"]],
                                  color=look(index)["color"], linewidth=0.9, zorder=3,
                                  gid=f"interval-{index}")  # fmt: skip
        upper.set_ylabel("leak rate")
        lower.set_ylabel("leak rate\n− planted")
        lower.set_xlabel("planted strength")
        for axes in (upper, lower):
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
            axes.grid(color=HAIRLINE, linewidth=0.4, alpha=0.6)
        figure.align_ylabels([upper, lower])
        n_seeds = len(result["seeds"])
        upper.set_title(
            f"toy language models, {n_seeds} seed{'s' * (n_seeds > 1)}"
            + ("; bars: 95 %" if n_seeds > 1 else ""),
            loc="left", fontsize=7, color=GREY, pad=3,
        )  # fmt: skip
        handles = [
            Line2D([], [], label=entry_label(row), **look(index)) for index, row in enumerate(rows)
        ]
        add_legend(
            figure,
            [
                *handles,
                Line2D([], [], color=GREY, linestyle="--", linewidth=0.9, label="planted"),
                Line2D([], [], color=GREY, linewidth=0.8, label="50: no leakage"),
            ],
        )
    return figure
