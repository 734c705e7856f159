"""Training curves: the mean over seeds, with a band from the lowest seed to the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import entry_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.limits import scale_losses
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, line_style, new_figure

Floats = NDArray[np.float64]
CURVES = "curves"
_HEIGHT = 2.4
_BAND_OPACITY = 0.14


def has_training(activations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a result holds a training curve of any model."""
    return any(_curves(entry).size for entry in activations)


def plot_training(
    activations: Sequence[Mapping[str, Any]], *, width: float = COLUMN_WIDTH
) -> Figure:
    """Training loss by epoch, in the colours of :func:`plot_tradeoff`.

    A line is the mean over the seeds that did not diverge, its band reaches from the lowest of them
    to the highest. The axis is logarithmic where the losses span more than a decade.

    Args:
        activations: The ``activations`` of a comparison's result; ``curves["train_loss"]`` has a
            list over epochs for each seed, None where training diverged.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there is no curve.
    """
    found = {index: table for index, entry in enumerate(activations)
             if (table := _curves(entry)).size}  # fmt: skip
    if not found:
        raise UsageError("The result has no training curves: nothing to draw.")
    with house_style():
        figure = new_figure(width, _HEIGHT)
        axes = figure.subplots()
        for index, table in found.items():
            _draw(axes, index, table)
        scale_losses(axes, np.concatenate([table.ravel() for table in found.values()]))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(color="#ececec", linewidth=0.6)
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss")
        axes.set_title("line: mean over seeds, band: lowest to highest", loc="right", fontsize=7,
                       color=GREY, pad=3)  # fmt: skip
        add_legend(figure, [
            Line2D([], [], label=entry_label(activations[index]), **line_style(index))
            for index in found
        ])  # fmt: skip
    return figure


def _curves(entry: Mapping[str, Any]) -> Floats:
    """One row per seed that did not diverge; an epoch that a seed lacks is NaN."""
    rows = [
        row
        for row in (entry.get(CURVES) or {}).get("train_loss") or ()
        if row and all(value is not None for value in row)
    ]
    table = np.full((len(rows), max(map(len, rows), default=0)), np.nan)
    for place, row in zip(table, rows, strict=True):
        place[: len(row)] = row
    return table


def _draw(axes: Axes, index: int, table: Floats) -> None:
    epochs = np.arange(1, table.shape[1] + 1)
    color = PALETTE[index % len(PALETTE)]
    alone = len(epochs) == 1
    axes.fill_between(
        epochs, np.nanmin(table, 0), np.nanmax(table, 0), color=color, alpha=_BAND_OPACITY,
        linewidth=0, zorder=2, gid=f"band-{index}",
    )  # fmt: skip
    axes.plot(epochs, np.nanmean(table, 0), marker="o" if alone else "", markersize=3,
              gid=f"mean-{index}", **line_style(index))  # fmt: skip
