"""Dead units over training: a row per quantity, a column per setting, a line per activation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rescu_cli.errors import UsageError
from rescu_cli.plot.bands import draw_band, look
from rescu_cli.plot.labels import SURROGATE, spec_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, house_style, new_figure

ROWS = {
    "static": "off on every input",
    "stuck": "no gradient\nfrom any input",
    "total": "off, average\nover inputs",
    "accuracy": "test accuracy",
}
"""The quantities, and how their panels are labelled."""
_PANEL_HEIGHT = 1.2
_MARKERS = 5  # per line; more hide the bands


def plot_dying(
    settings: Sequence[Mapping[str, Any]],
    quantities: Sequence[str] = tuple(ROWS),
    *,
    surrogates: Collection[str] = (),
    width: float = 2 * COLUMN_WIDTH,
) -> Figure:
    """Shares of units over epochs, with 95 % bands over seeds.

    Args:
        settings: One per column: ``title``, ``epochs`` and ``activations``: by spec, for each
            quantity a list of ``{"mean", "ci"}``, one per epoch.
        quantities: Of `ROWS`, one row each.
        surrogates: Specs of activations that are trained with another gradient than their own.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there is nothing to draw, or settings have different activations.
    """
    if not settings or not quantities:
        raise UsageError("Nothing to draw: give at least one setting and one quantity.")
    names = list(settings[0]["activations"])
    if any(list(s["activations"]) != names for s in settings):
        raise UsageError("The settings have different activations; one legend cannot name them.")
    with house_style():
        figure = new_figure(width, _PANEL_HEIGHT * len(quantities) + 0.4)
        grid = figure.subplots(
            len(quantities), len(settings), sharex="col", sharey="row", squeeze=False
        )
        for row, quantity in enumerate(quantities):
            for column, setting in enumerate(settings):
                _panel(grid[row, column], setting, quantity)
            grid[row, 0].set_ylabel(ROWS[quantity])
            if quantity != "accuracy":  # once all are drawn: a limit that is set is not widened
                grid[row, 0].set_ylim(bottom=0)
        for column, setting in enumerate(settings):
            grid[0, column].set_title(setting["title"], loc="left", fontsize=7, color=GREY, pad=3)
            grid[-1, column].set_xlabel("epoch")
        figure.align_ylabels(list(grid[:, 0]))
        add_legend(figure, [
            Line2D([], [], label=spec_label(name) + f" {SURROGATE}" * (name in surrogates),
                   **look(index))
            for index, name in enumerate(names)
        ])  # fmt: skip
    return figure


def _panel(axes: Axes, setting: Mapping[str, Any], quantity: str) -> None:
    epochs = setting["epochs"]
    for index, found in enumerate(setting["activations"].values()):
        draw_band(axes, epochs, found[quantity], index,
                  markevery=max(1, len(epochs) // _MARKERS))  # fmt: skip
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(color="#ececec", linewidth=0.6)
