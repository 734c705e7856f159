"""The front of a sweep: score against prediction difference, one parameter running through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import entry_label
from rescu_cli.plot.placement import place_labels
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, new_figure

_FADED = "#a8a8a8"
_SWEPT, _FIXED = PALETTE[1], PALETTE[2]


def _color(point: Mapping[str, Any]) -> str:
    if point["dominated"]:
        return _FADED
    return _FIXED if point["value"] is None else _SWEPT


def plot_front(result: Mapping[str, Any], *, width: float = 1.4 * COLUMN_WIDTH) -> Figure:
    """The swept values as a line in their order, the fixed points beside it.

    Points that another one dominates are grey; bars are 95 % intervals over seeds; the value found
    best, if any, is ringed.

    Args:
        result: ``SweepReport.to_dict()``.
        width: Of the figure, in inches.

    Raises:
        UsageError: If there is no point.
    """
    points: Sequence[Mapping[str, Any]] = result["points"]
    if not points:
        raise UsageError("No activation of the sweep has a score and a prediction difference.")
    by_name = {entry["activation"]: entry for entry in result["activations"]}
    score = next(k for k in ("accuracy", "auc", "r2") if k in result["activations"][0])
    with house_style():
        figure = new_figure(width, 0.72 * width)
        axes = figure.subplots()
        name = next(p["activation"] for p in points if p["value"] is not None).partition(":")[0]
        swept = [p for p in points if p["value"] is not None]
        axes.plot([p["pd"] for p in swept], [p["score"] for p in swept], color=_SWEPT,
                  linewidth=0.8, alpha=0.4, zorder=1)  # fmt: skip
        bars: list[tuple[tuple[float, float], tuple[float, float]]] = []
        for point in points:
            entry = by_name[point["activation"]]
            color = _color(point)
            x_ends, y_ends = entry["pd"][result["metric"]]["ci"], entry[score]["ci"]
            found = []
            if x_ends is not None:
                found.append(((x_ends[0], point["score"]), (x_ends[1], point["score"])))
            if y_ends is not None:
                found.append(((point["pd"], y_ends[0]), (point["pd"], y_ends[1])))
            for (x0, y0), (x1, y1) in found:
                axes.plot([x0, x1], [y0, y1], color=color, linewidth=0.7, alpha=0.5, zorder=2)
            bars += found
            axes.plot([point["pd"]], [point["score"]], "o" if point["value"] is not None else "s",
                      color=color, markersize=4.5, markeredgecolor="white",
                      markeredgewidth=0.5, zorder=4)  # fmt: skip
        best = result["best"]
        if best is not None:
            axes.plot([best["pd"]], [best["score"]], "o", markersize=9, markerfacecolor="none",
                      markeredgecolor=_SWEPT, zorder=5)  # fmt: skip
        axes.set_ylabel({"r2": "R²", "auc": "AUC"}.get(score, score))
        n_models = result["activations"][0]["pd"][result["metric"]]["n_models"]
        axes.set_xlabel(f"{result['metric']}  (M = {n_models} models; bars: 95 % over seeds)\n"
                        f"{result['formulas'][result['metric']]}", fontsize=7.5)  # fmt: skip
        axes.set_title("↖ better; grey: dominated", loc="left", fontsize=7, color=GREY, pad=3)
        legend = f"dots: {name}, {result['parameter']} = …; squares: fixed"
        axes.set_title(legend, loc="right", fontsize=7, color=GREY, pad=3)
        axes.margins(0.12)
        axes.grid(color="#ececec", linewidth=0.6)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        place_labels(
            axes,
            [(p["pd"], p["score"]) for p in points],
            [_label(p, result["parameter"]) for p in points],
            colors=[_color(p) for p in points],
            bars=bars,
        )
        for text in axes.texts:
            text.set_path_effects([withStroke(linewidth=2, foreground="white")])
    return figure


def _label(point: Mapping[str, Any], parameter: str) -> str:
    if point["value"] is None:
        return entry_label(point)
    return f"{point['value']:g}"
