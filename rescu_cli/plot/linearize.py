"""Accuracy against the ReLUs that are left, one line per method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rescu_cli.errors import UsageError
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, MARKERS, PALETTE, house_style, new_figure

_FLOOR = "random"
_FLOOR_COLOR = "#8a8a8a"
_DODGE = 0.03
"""Shift between neighbouring methods, as a share of the axis, so that bars stand side by side."""


def plot_linearize(result: Mapping[str, Any], *, width: float = 1.4 * COLUMN_WIDTH) -> Figure:
    """Lines with 95 % bars over seeds; the full network as a band; random masks in grey.

    Args:
        result: What ``rescu.linearize`` returns.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there is no student.
    """
    students = result["students"]
    if not students:
        raise UsageError("There is no student to draw.")
    methods = list(dict.fromkeys(s["method"] for s in students))
    budgets = sorted({s["budget"] for s in students})
    spec, full = result["spec"], result["full"]
    # Budgets are few and chosen by the user, often by halving: equal steps for all of them.
    place = {budget: float(k) for k, budget in enumerate(budgets)}
    with house_style():
        figure = new_figure(width, 0.68 * width)
        axes = figure.subplots()
        mean, ends = full["accuracy"]["mean"], full["accuracy"]["ci"]
        axes.axhline(mean, color=GREY, linewidth=0.9, zorder=1)
        if ends is not None:
            axes.axhspan(*ends, color=GREY, alpha=0.13, linewidth=0, zorder=0)
        handles = []
        shift = _DODGE * max(1, len(budgets) - 1)
        colors = [c for c in PALETTE if c != PALETTE[0]]
        others = [m for m in methods if m != _FLOOR]
        for number, method in enumerate(methods):
            mine = sorted((s for s in students if s["method"] == method), key=lambda s: s["budget"])
            floor = method == _FLOOR
            color = _FLOOR_COLOR if floor else colors[others.index(method) % len(colors)]
            x = [place[s["budget"]] + shift * (number - (len(methods) - 1) / 2) for s in mine]
            y = [s["accuracy"]["mean"] for s in mine]
            for at, student in zip(x, mine, strict=True):
                if student["accuracy"]["ci"] is not None:
                    axes.plot([at, at], student["accuracy"]["ci"], color=color, linewidth=0.9,
                              alpha=0.75, zorder=2)  # fmt: skip
            drawn: dict[str, Any] = {
                "color": color, "marker": MARKERS[number % len(MARKERS)], "markersize": 4.2,
                "linewidth": 1.0, "linestyle": (0, (3, 2)) if floor else "-",
                "markeredgecolor": "white", "markeredgewidth": 0.5,
            }  # fmt: skip
            axes.plot(x, y, zorder=3 + (not floor), **drawn)
            handles.append(Line2D([], [], label=method, **drawn))
        axes.annotate(f"all {full['relus']:,}", (0, mean), (2, 2), fontsize=7, color=GREY,
                      xycoords=axes.get_yaxis_transform(), textcoords="offset points")  # fmt: skip
        axes.set_xticks(list(place.values()), [f"{budget:,}" for budget in budgets])
        axes.set_xlim(-0.5, len(budgets) - 0.5)
        n_seeds = len(spec["seeds"])
        bars = "; bars: 95 % over seeds" if n_seeds > 1 else ""
        axes.set_xlabel(f"ReLUs left  ({n_seeds} seed{'s' * (n_seeds > 1)}{bars})")
        part = "accuracy" if spec["judge"] == "test" else "validation accuracy"
        axes.set_ylabel(part)
        what = {"identity": "identity", "poly2": "parabola"}[spec["replace"]]
        axes.set_title(f"{spec['data']}, {spec['model']}, per {spec['by']}, else the {what}",
                       loc="left", fontsize=7, color=GREY, pad=3)  # fmt: skip
        axes.grid(axis="y", color="#ececec", linewidth=0.6)
        add_legend(figure, handles)
    return figure
