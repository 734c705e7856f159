"""Retention: how its forms part as ε grows, and what one more token costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullLocator

from rescu_cli.errors import UsageError
from rescu_cli.plot.bands import look
from rescu_cli.plot.labels import SURROGATE, spec_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, house_style, new_figure

_HEIGHT = 2.2
_UNDER = {"markersize": 7, "fillstyle": "none"}
"""The first dtype stays visible where another's points are the same."""
_ZERO = 1e-14  # where ε = 0 stands on the logarithmic axis
_BROKEN = 3e-14
_NAMES = {"retention": "retention, recurrent form", "attention": "attention with a cache"}


def plot_retention(result: Mapping[str, Any], *, width: float = 1.35 * COLUMN_WIDTH) -> Figure:
    """The largest difference between two forms over ε, a line per dtype.

    ε = 0 stands at the left, beyond a gap. A difference of exactly 0, or one that is not finite,
    has no point.

    Args:
        result: Of `rescu_cli.retention`.
        width: Of the figure, in inches.

    Raises:
        UsageError: If no difference can be drawn.
    """
    rows: Sequence[Mapping[str, Any]] = result["growth"]
    drawn = [row for row in rows if row["largest"]]
    if not drawn:
        raise UsageError("Nothing to draw: no difference between the forms is finite and above 0.")
    kinds = list(dict.fromkeys(row["dtype"] for row in rows))
    with house_style():
        figure = new_figure(width, _HEIGHT)
        axes = figure.subplots()
        for index, kind in enumerate(kinds):
            mine = [row for row in drawn if row["dtype"] == kind]
            for part, style in ((True, ""), (False, "-")):
                points = [row for row in mine if (row["eps"] == 0) == part]
                axes.plot([row["eps"] or _ZERO for row in points],
                          [row["largest"] for row in points],
                          linestyle=style or "none", zorder=4,
                          **{**look(index), **(_UNDER if index == 0 else {})})  # fmt: skip
        _log_axes(axes)
        axes.set_xlabel("ε of the group norm")
        axes.set_ylabel("largest difference\nbetween two forms")
        eps = sorted({row["eps"] for row in rows if row["eps"] > 0 and _even(row["eps"])})
        axes.xaxis.set_major_locator(FixedLocator([_ZERO, *eps]))
        axes.xaxis.set_major_formatter(FixedFormatter(["0", *(_power(one) for one in eps)]))
        axes.axvline(_BROKEN * 3, color=GREY, linewidth=0.7, linestyle=(0, (1, 2)))
        marked = "" if result["surrogate"] is None else f" {SURROGATE}"
        gate = "no gate" if result["activation"] == "none" else (
            f"gate {spec_label(result['activation'])}{marked}"
        )  # fmt: skip
        axes.set_title(
            f"{result['seq']} positions, chunks of {result['chunk']}, {result['heads']} heads; "
            f"scores {result['scores']}\n{gate}",
            loc="left", fontsize=7, color=GREY, pad=3,
        )  # fmt: skip
        add_legend(figure, [Line2D([], [], label=k, **look(i)) for i, k in enumerate(kinds)])
    return figure


def plot_retention_cost(
    rows: Sequence[Mapping[str, Any]], *, width: float = 2 * COLUMN_WIDTH
) -> Figure:
    """Seconds per token, and bytes kept, against the number of tokens before.

    Args:
        rows: Of `rescu_cli.sequence.retention.cost.cost_curve`; the band is between quartiles.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there are fewer than two lengths.
    """
    if len(rows) < 2:
        raise UsageError(f"{len(rows)} length(s) to draw; a curve has two at least.")
    x = [row["length"] for row in rows]
    with house_style():
        figure = new_figure(width, _HEIGHT)
        seconds, kept = figure.subplots(1, 2, sharex=True)
        for index, kind in enumerate(_NAMES):
            column = [row[kind] for row in rows]
            low, high = ([1e6 * c[side] for c in column] for side in ("low", "high"))
            seconds.plot(x, [1e6 * c["seconds"] for c in column], **look(index), zorder=4)
            seconds.fill_between(x, low, high, color=look(index)["color"], alpha=0.2, linewidth=0)
            kept.plot(x, [c["bytes"] / 2**10 for c in column], **look(index), zorder=4)
        seconds.set_ylabel("one more token (µs)")
        kept.set_ylabel("kept (KiB)")
        ticks = x if len(x) <= 8 else x[len(x) % 2 == 0 :: 2]
        for axes in (seconds, kept):
            _log_axes(axes)
            axes.set_xlabel("tokens before")
            axes.xaxis.set_major_locator(FixedLocator(ticks))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: _short(int(n))))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        handles = [Line2D([], [], label=n, **look(i)) for i, n in enumerate(_NAMES.values())]
        add_legend(figure, handles)
    return figure


def _log_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(color="#ececec", linewidth=0.6)


def _even(value: float) -> bool:
    return round(log10(value)) % 2 == 0


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"$10^{{{int(exponent)}}}$" if mantissa == "1" else f"{value:g}"


def _short(n: int) -> str:
    return f"{n // 1024}k" if n >= 1024 and n % 1024 == 0 else str(n)
