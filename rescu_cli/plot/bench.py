"""Bandwidth of activations as bars, beside the speed of a plain copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import spec_label
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, new_figure

_TITLES = {"forward": "forward", "forward_backward": "forward + backward"}
_COLORS = {"native": "#9a9a9a", "eager": PALETTE[1], "compiled": PALETTE[2]}
_BAR = 0.26
_ROW_HEIGHT = 0.42


def plot_bench(result: Mapping[str, Any], *, width: float = 2 * COLUMN_WIDTH) -> Figure:
    """One group of bars per activation, one bar per mode; longer is faster.

    Bytes that have to move per second at the median time, and the fastest sample as a tick. The
    lines are the machine's copies.

    Args:
        result: Of a benchmark, as in its JSON document.
        width: Of the figure, in inches.

    Raises:
        UsageError: If nothing was measured.
    """
    rows = [r for r in result["rows"] if r["failed"] is None]
    if not rows:
        raise UsageError("Nothing to draw: no contestant could be measured.")
    names = list(dict.fromkeys(r["activation"] for r in rows))
    modes = [m for m in _COLORS if any(r["mode"] == m for r in rows)]
    with house_style():
        figure = new_figure(width, 0.75 + _ROW_HEIGHT * len(names))
        panels = figure.subplots(1, len(_TITLES), sharey=True, squeeze=False)[0]
        for axes, what in zip(panels, _TITLES, strict=True):
            _draw(axes, rows, names, what)
            for key, style in (("copy", "-"), ("clone", (0, (2.6, 1.2)))):
                axes.axvline(result[key]["bandwidth"] / 1e9, color=PALETTE[0], linewidth=0.9,
                             linestyle=style, zorder=4, gid=f"{key}-{what}")  # fmt: skip
            axes.set_title(_TITLES[what], loc="left")
            axes.set_xlabel(f"GB/s ({result['dtype']}, {result['size']:,} elements)")
            axes.set_xlim(left=0)
            axes.grid(axis="x", color="#ececec", linewidth=0.6)
        panels[0].set_yticks(range(len(names)), [_label(n) for n in names])
        panels[0].invert_yaxis()
        for axes in panels:
            axes.tick_params(axis="y", length=0)
        figure.supxlabel(_machine(result), fontsize=6.5, color=GREY)
        add_legend(figure, [
            *(Patch(color=_COLORS[m], label=m) for m in modes),
            Line2D([], [], color=PALETTE[0], linewidth=0.9, label="copy"),
            Line2D([], [], color=PALETTE[0], linewidth=0.9, linestyle=(0, (2.6, 1.2)),
                   label="copy into new memory"),
        ])  # fmt: skip
    return figure


def _draw(axes: Axes, rows: Sequence[Mapping[str, Any]], names: Sequence[str], what: str) -> None:
    for group, name in enumerate(names):
        mine = [r for r in rows if r["activation"] == name]
        for place, row in enumerate(mine):
            y = group + (place - (len(mine) - 1) / 2) * _BAR
            timing = row[what]
            axes.barh(y, timing["bandwidth"] / 1e9, height=0.86 * _BAR, color=_COLORS[row["mode"]],
                      zorder=2, gid=f"bar-{name}-{row['mode']}-{what}")  # fmt: skip
            axes.plot([timing["bytes"] / timing["min"] / 1e9], [y], "|", color=PALETTE[0],
                      markersize=4.5, markeredgewidth=0.7, zorder=5)  # fmt: skip


def _label(name: str) -> str:
    return name.rpartition("/")[2] if ".py:" in name else spec_label(name)


def _machine(result: Mapping[str, Any]) -> str:
    load = "" if result["load"] is None else f", load average {result['load']:.1f} at the start"
    return (
        f"{result['processor']}, {result['threads']} threads, torch {result['torch']}{load}; "
        f"median of {result['rounds']} rounds, tick: fastest"
    )
