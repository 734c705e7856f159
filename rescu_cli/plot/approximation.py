"""The figure of an approximation: f and P, and below the error with the bound that is proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import (
    COLUMN_WIDTH,
    HAIRLINE,
    PALETTE,
    house_style,
    line_style,
    new_figure,
)

_POINTS = 700
_OUTSIDE = 0.12
"""Part of the range that is shown beyond each end, where the error runs away."""
_HEADROOM = 1.35
_MOST_MARKS = 60


def plot_approximation(
    label: str,
    function: Callable[[float], Fraction],
    approximant: Callable[[float], Fraction],
    result: Mapping[str, Any],
    *,
    width: float = 1.25 * COLUMN_WIDTH,
) -> Figure:
    """f and P above, f − P below, with ± the bound as lines and the turning points marked.

    Filled marks reach the largest error to a thousandth: in a best approximation, two more than its
    degree, with alternating signs. The range is white; beyond it the curves are shown for as far
    as they stay near.

    Args:
        label: Name of f.
        function: f, to more digits than a float has: next to P their difference has few.
        approximant: P, exactly.
        result: Of the approximation, as in its JSON document.
        width: Of the figure, in inches.
    """
    low, high = result["range"]
    margin = _OUTSIDE * (high - low)
    x = np.union1d(
        np.linspace(low - margin, high + margin, _POINTS),
        [p["x"] for p in result["equioscillation"]["points"]] + [low, high],
    )
    f = np.array([float(function(t)) for t in x.tolist()])
    p = np.array([float(approximant(t)) for t in x.tolist()])
    e = np.array([float(function(t) - approximant(t)) for t in x.tolist()])
    inside = (x >= low) & (x <= high)
    with house_style():
        figure = new_figure(width, 1.05 * width)
        top, bottom = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (1.25, 1)})
        for axes in (top, bottom):
            axes.axhline(0, color=HAIRLINE, linewidth=0.6, zorder=1)
            for a, b in ((low - margin, low), (high, high + margin)):
                axes.axvspan(a, b, color="#f1f1f1", linewidth=0, zorder=0)
            axes.set_xlim(low - margin, high + margin)
        _functions(top, x, f, p, inside)
        _errors(bottom, x, e, result)
        bottom.set_xlabel("x", style="italic")
        top.set_ylabel("f, P", style="italic")
        bottom.set_ylabel("f − P", style="italic")
        figure.align_ylabels([top, bottom])
        add_legend(figure, _handles(label, result))
    return figure


def _functions(
    axes: Any, x: npt.NDArray[np.float64], f: npt.NDArray[np.float64],
    p: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    shown = np.concatenate([f[inside], p[inside]])
    span = float(np.ptp(shown)) or 1.0
    axes.set_ylim(float(shown.min()) - 0.08 * span, float(shown.max()) + 0.16 * span)
    for index, (name, y) in enumerate((("f", f), ("P", p))):
        (line,) = axes.plot(x, y, **line_style(index))
        line.set_gid(f"curve-{name}")


def _errors(
    axes: Any, x: npt.NDArray[np.float64], e: npt.NDArray[np.float64], result: Mapping[str, Any]
) -> None:
    error = result["sup_error"]
    bound = error["value"]
    (line,) = axes.plot(x, e, color=PALETTE[2], linewidth=1.1, zorder=3)
    line.set_gid("curve-error")
    look: Any = "-" if error["proved"] else (0, (2.6, 1.2))
    for side in (-1, 1):
        axes.axhline(side * bound, color=PALETTE[3], linewidth=0.9, linestyle=look, zorder=2,
                     gid=f"bound-{side}")  # fmt: skip
    if bound > 0:
        axes.set_ylim(-_HEADROOM * bound, _HEADROOM * bound)
    points: Sequence[Mapping[str, float]] = result["equioscillation"]["points"]
    if len(points) > _MOST_MARKS:
        return
    for point in points:
        level = abs(point["error"]) >= 0.999 * error["reached"]
        axes.plot([point["x"]], [point["error"]], "o", markersize=3.2, color=PALETTE[2],
                  markerfacecolor=PALETTE[2] if level else "white", markeredgewidth=0.8, zorder=5,
                  clip_on=False)  # fmt: skip


def _handles(label: str, result: Mapping[str, Any]) -> list[Any]:
    error = result["sup_error"]
    degree = result["degree"]
    shown = f"{degree[0]}/{degree[1]}" if isinstance(degree, list) else str(degree)
    sense = "proved" if error["proved"] else "seen, not proved"
    handles = [
        Line2D([], [], label=f"f: {label}", **line_style(0)),
        Line2D([], [], label=f"P: {result['method']}, degree {shown}", **line_style(1)),
        Line2D([], [], color=PALETTE[3], linewidth=0.9,
               linestyle="-" if error["proved"] else (0, (2.6, 1.2)),
               label=f"±{error['value']:.4g} ({sense})"),
    ]  # fmt: skip
    if 0 < len(result["equioscillation"]["points"]) <= _MOST_MARKS:
        handles.append(
            Line2D([], [], linestyle="none", marker="o", markersize=3.2, color=PALETTE[2],
                   label=f"{result['equioscillation']['level']} level extrema")
        )  # fmt: skip
    return handles
