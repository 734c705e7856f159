"""A legend above the panels, in as many columns as fit the figure's width."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.legend import Legend

_USED = 0.98


def legend_above(figure: Figure, handles: Sequence[Artist]) -> int:
    """Place the legend and say how many text lines it takes.

    Args:
        figure: With constrained layout and a canvas that can measure.
        handles: Labelled artists.
    """
    room = figure.get_figwidth() * figure.dpi * _USED
    legend = _placed(figure, handles, 1)
    for columns in range(min(len(handles), 4), 1, -1):
        legend.remove()
        legend = _placed(figure, handles, columns)
        if legend.get_window_extent().width <= room:
            break
        legend.remove()
        legend = _placed(figure, handles, 1)
    box = legend.get_window_extent()
    return max(round(box.height / (figure.dpi * 0.155)), 1)


def _placed(figure: Figure, handles: Sequence[Artist], columns: int) -> Legend:
    return figure.legend(
        handles=list(handles), loc="outside upper center", ncols=columns, alignment="left"
    )
