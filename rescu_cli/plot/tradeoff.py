"""Accuracy beside prediction difference: one point per activation, with both intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from rescu_cli.errors import UsageError
from rescu_cli.experiment.metrics import METRICS
from rescu_cli.plot.labels import entry_label, wrapped
from rescu_cli.plot.legend import add_legend
from rescu_cli.plot.placement import place_labels
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, MARKERS, PALETTE, house_style, new_figure

QUALITIES = ("accuracy", "r2", "auc")
_AXIS_NAMES = {"r2": "R²", "auc": "AUC", "loss": "test loss"}
_LOWER_IS_BETTER = ("loss",)
_MARGIN = 0.16
_PANEL_HEIGHT = 2.5
_FORMULA_CHARACTERS = 56
_LABEL_CHARACTERS = 24


@dataclass(frozen=True)
class _Point:
    """One activation: abscissa a prediction difference, ordinate a score."""

    label: str
    x: float
    x_ends: tuple[float, float] | None
    y: float
    y_ends: tuple[float, float] | None
    per_seed: tuple[float, ...]
    n_models: int
    style: int


def plot_tradeoff(
    activations: Sequence[Mapping[str, Any]],
    metric: str = "pd_l1",
    *,
    against: str | None = None,
    per_seed: bool = False,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Prediction difference to the right, accuracy up, one labelled point per activation.

    Args:
        activations: The ``activations`` of a comparison's result. A missing interval is drawn
            without a bar; an activation without a value is named below the axis.
        metric: Key of a prediction difference.
        against: ``accuracy``, ``r2``, ``auc`` or ``loss``; what the result has if left out.
        per_seed: Whether to add a light mark for the score of each seed.
        width: Of the figure, in inches.

    Raises:
        UsageError: If the result has no such metric or score, or no value of it.
    """
    scores = [against or _quality(activations)]
    return _draw(activations, [metric], scores, per_seed, width, _PANEL_HEIGHT)


def plot_tradeoff_grid(
    activations: Sequence[Mapping[str, Any]],
    metrics: Sequence[str] = ("pd_l1", "churn"),
    *,
    against: Sequence[str] | None = None,
    per_seed: bool = False,
    width: float = 2 * COLUMN_WIDTH,
) -> Figure:
    """Small multiples: a column per prediction difference, a row per score.

    Low prediction difference is free for a model that has learned nothing; the loss beside the
    accuracy shows whether it was.

    Args:
        activations: As for :func:`plot_tradeoff`.
        metrics: Keys of prediction differences.
        against: Scores; accuracy (or what the result has) and loss if left out.
        per_seed: Whether to add a light mark for the score of each seed.
        width: Of the figure, in inches.

    Raises:
        UsageError: If the result has no such metric or score, or no value of it.
    """
    scores = [_quality(activations), "loss"] if against is None else list(against)
    if not metrics or not scores:
        raise UsageError("Nothing to draw: give at least one metric and one score.")
    return _draw(activations, metrics, scores, per_seed, width, 0.85 * _PANEL_HEIGHT)


def _draw(
    activations: Sequence[Mapping[str, Any]], metrics: Sequence[str], scores: Sequence[str],
    per_seed: bool, width: float, height: float,
) -> Figure:  # fmt: skip
    cells = [[_points(activations, metric, score) for metric in metrics] for score in scores]
    with house_style():
        figure = new_figure(width, height * len(scores) + 0.25)
        grid = figure.subplots(len(scores), len(metrics), sharex="col", sharey="row", squeeze=False)
        for row, score in enumerate(scores):
            for column, metric in enumerate(metrics):
                axes, points = grid[row, column], cells[row][column]
                _draw_points(axes, points, per_seed)
                _hint(axes, score, alone=len(metrics) == 1)
                if column == 0:
                    axes.set_ylabel(_AXIS_NAMES.get(score, score))
                if row == len(scores) - 1:
                    left_out = _left_out(activations, points)
                    axes.set_xlabel(_metric_text(metric, points, left_out), fontsize=7.5)
        if len(cells) == len(cells[0]) == 1:
            _label_directly(figure, grid[0, 0], cells[0][0])
        else:
            _label_in_legend(figure, [point for row in cells for panel in row for point in panel])
    return figure


def _label_directly(figure: Figure, axes: Axes, points: Sequence[_Point]) -> None:
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels are placed for the layout as it now is
    place_labels(
        axes,
        [(p.x, p.y) for p in points],
        [wrapped(p.label, _LABEL_CHARACTERS) for p in points],
        colors=[_color(p) for p in points],
        bars=_bars(points),
    )


def _label_in_legend(figure: Figure, points: Sequence[_Point]) -> None:
    distinct = {p.style: p for p in sorted(points, key=lambda p: p.style)}
    add_legend(
        figure,
        [Line2D([], [], linestyle="none", label=p.label, **_look(p)) for p in distinct.values()],
    )


# -- what is drawn --------------------------------------------------------------------------


def _quality(activations: Sequence[Mapping[str, Any]]) -> str:
    for key in QUALITIES:
        if any(key in a for a in activations):
            return key
    raise UsageError(
        f"The result has none of the scores {', '.join(QUALITIES)}; name one that it has."
    )


def _points(activations: Sequence[Mapping[str, Any]], metric: str, score: str) -> list[_Point]:
    found: list[_Point] = []
    for index, entry in enumerate(activations):
        if metric not in entry["pd"]:
            raise UsageError(
                f"The result has no prediction difference {metric!r}; "
                f"it has: {', '.join(entry['pd'])}."
            )
        if score not in entry:
            has = ", ".join(k for k in (*QUALITIES, "loss") if k in entry)
            raise UsageError(f"The result has no score {score!r}; it has: {has}.")
        pd, quality = entry["pd"][metric], entry[score]
        if pd["value"] is None or quality["mean"] is None:
            continue
        found.append(
            _Point(
                entry_label(entry),
                float(pd["value"]), _ends(pd.get("ci")),
                float(quality["mean"]), _ends(quality.get("ci")),
                tuple(float(v) for v in quality.get("per_seed") or () if v is not None),
                int(pd.get("n_models") or 0),
                index,
            )
        )  # fmt: skip
    if not found:
        raise UsageError(
            f"No activation has both {metric} and {score}; a prediction difference needs at least "
            "two models that finished training."
        )
    return found


def _ends(interval: Sequence[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (float(interval[0]), float(interval[1]))


def _bars(points: Sequence[_Point]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Both ends of every error bar, in data coordinates."""
    bars = []
    for p in points:
        if p.x_ends:
            bars.append(((p.x_ends[0], p.y), (p.x_ends[1], p.y)))
        if p.y_ends:
            bars.append(((p.x, p.y_ends[0]), (p.x, p.y_ends[1])))
    return bars


def _draw_points(axes: Axes, points: Sequence[_Point], per_seed: bool) -> None:
    for p in points:
        for start, end in _bars([p]):
            axes.plot([start[0], end[0]], [start[1], end[1]], color=_color(p), linewidth=0.9,
                      alpha=0.75, zorder=3, gid=f"bar-{p.style}")  # fmt: skip
        if per_seed:
            axes.plot([p.x] * len(p.per_seed), p.per_seed, "_", markersize=5, color=_color(p),
                      alpha=0.4, zorder=2, gid=f"seeds-{p.style}")  # fmt: skip
        axes.plot([p.x], [p.y], **_look(p), zorder=5, gid=f"point-{p.style}")
    axes.margins(_MARGIN)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    axes.grid(color="#ececec", linewidth=0.6)


def _color(point: _Point) -> str:
    return PALETTE[point.style % len(PALETTE)]


def _look(point: _Point) -> dict[str, Any]:
    return {"marker": MARKERS[point.style % len(MARKERS)], "markersize": 5.5,
            "color": _color(point), "markeredgecolor": "white", "markeredgewidth": 0.6}  # fmt: skip


def _hint(axes: Axes, score: str, *, alone: bool) -> None:
    """Which corner is the good one, and what the bars are, above the data."""
    arrow = "↙" if score in _LOWER_IS_BETTER else "↖"
    axes.set_title(f"{arrow} better", loc="left", fontsize=7, color=GREY, pad=3)
    if alone:
        axes.set_title("bars: 95 % over seeds", loc="right", fontsize=7, color=GREY, pad=3)


def _left_out(activations: Sequence[Mapping[str, Any]], points: Sequence[_Point]) -> list[str]:
    drawn = {p.style for p in points}
    return [entry_label(a) for i, a in enumerate(activations) if i not in drawn]


def _metric_text(metric: str, points: Sequence[_Point], left_out: Sequence[str]) -> str:
    """The metric's name with M and its definition: neither goes without saying."""
    models = sorted({p.n_models for p in points})
    count = f"{models[0]}" if len(models) == 1 else f"{models[0]}–{models[-1]}"
    lines = [f"{metric}  (M = {count} models)"]
    if metric in METRICS:
        lines.append(wrapped(METRICS[metric].formula, _FORMULA_CHARACTERS))
    if left_out:
        lines.append(wrapped("without a value: " + ", ".join(left_out), _FORMULA_CHARACTERS))
    return "\n".join(lines)
