"""A legend above the panels, in as many columns as fit the figure's width."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.legend import Legend

_USED = 0.98
_MAX_COLUMNS = 5


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend above everything, for which the figure grows.

    Args:
        figure: With constrained layout and a canvas that can measure text.
        handles: Labelled artists; none, no legend.
    """
    if not handles:
        return
    room = figure.get_figwidth() * figure.dpi * _USED
    for columns in range(min(len(handles), _MAX_COLUMNS), 0, -1):
        legend = _placed(figure, handles, columns)
        extent = legend.get_window_extent()
        if extent.width <= room or columns == 1:
            figure.set_figheight(figure.get_figheight() + extent.height / figure.dpi)
            return
        legend.remove()


def _placed(figure: Figure, handles: Sequence[Artist], columns: int) -> Legend:
    return figure.legend(
        handles=list(handles), loc="outside upper center", ncols=columns, alignment="left"
    )
