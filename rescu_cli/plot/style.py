"""The look of every figure: palette, line patterns, sizes; set locally, never globally."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Pattern = tuple[float, tuple[float, ...] | None]

Color = str | tuple[float, float, float, float]

COLUMN_WIDTH = 3.4
"""Inches: one column of the usual two-column paper."""
GREY = "#6b6b6b"
HAIRLINE = "#c9c9c9"

PALETTE = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, told apart by colour-blind readers; without their pale yellow."""
_PATTERNS: tuple[Pattern, ...] = (
    (0, None),
    (0, (5, 1.6)),
    (0, (1.2, 1.2)),
    (0, (6, 1.4, 1.2, 1.4)),
    (0, (2.6, 1.2)),
    (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4)),
)
"""One fewer than the colours, so that a pair returns only after 42 lines."""
MARKERS = ("o", "s", "^", "D", "v", ">", "<", "p")

_STYLE: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # ships with Matplotlib: the same on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-4, 5),
    "axes.formatter.useoffset": False,
    "lines.solid_capstyle": "butt",  # a stroke ends where its dot is, not half a width later
    "lines.dash_capstyle": "butt",
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.columnspacing": 1.4,
    "legend.borderaxespad": 0.2,
    "savefig.facecolor": "white",
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "rescu",
    "pdf.fonttype": 42,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults plus ours, whatever the user's settings; restored on leaving."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with matplotlib.rc_context(_STYLE):
            yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure with a canvas that can measure text."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def line_style(index: int) -> dict[str, Any]:
    """Keywords of the ``index``-th line.

    Later lines are thinner and broken, so that where curves coincide the earlier one shows through.
    """
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": _PATTERNS[index % len(_PATTERNS)],
        "linewidth": max(1.6 - 0.15 * index, 1.1),
        "zorder": 3 + 0.1 * index,
    }


def solid_line(index: int, color: Color) -> dict[str, Any]:
    """Keywords of a solid line, for curves that are told apart by colour and place."""
    return {"color": color, "linestyle": "-", "linewidth": 1.3, "zorder": 3 + 0.1 * index}
