"""Labels beside points: each where it covers the least, decided the same way every time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from rescu_cli.plot.style import GREY

Place = tuple[float, float]

_DISTANCES = (5.0, 11.0, 18.0, 26.0, 36.0, 48.0)
_ANGLES = (45, 135, -45, -135, 0, 180, 90, -90, 22, 158, -22, -158)
"""Degrees; the diagonals come first because error bars run along the axes."""
_MARK = 4.0
_BAR = 1.0
_PADDING = 1.0
_LEADER_FROM = 15.0
_COST_TEXT, _COST_MARK, _COST_BAR, _COST_OUTSIDE = 8.0, 6.0, 1.0, 20.0


def place_labels(
    axes: Axes,
    points: Sequence[Place],
    labels: Sequence[str],
    *,
    bars: Sequence[tuple[Place, Place]] = (),
    font_size: float = 7.0,
) -> list[Annotation]:
    """Write each label near its point, away from other labels, points, bars and the frame.

    Args:
        axes: In their final place; their figure must have a canvas that measures text.
        points: Data coordinates.
        labels: One per point.
        bars: Ends of horizontal or vertical lines that labels should not cover.
        font_size: In points.
    """
    unit = _dots_per_point(axes)
    marks = [_around(axes, p, p, _MARK * unit) for p in points]
    lines = [_around(axes, a, b, _BAR * unit) for a, b in bars]
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    written: list[Annotation] = []
    for number, (point, text) in enumerate(zip(points, labels, strict=True)):
        others = [m for i, m in enumerate(marks) if i != number]
        best: tuple[float, Bbox, Annotation] | None = None
        for distance, angle in product(_DISTANCES, _ANGLES):
            label = _write(axes, point, text, distance, angle, font_size)
            box = label.get_window_extent(_canvas(axes).get_renderer()).padded(_PADDING * unit)
            cost = distance * unit * 0.5 + (
                _COST_TEXT * _covered(box, taken)
                + _COST_MARK * _covered(box, [*others, marks[number]])
                + _COST_BAR * _covered(box, lines)
                + _COST_OUTSIDE * _outside(box, frame)
            ) / unit
            if best is None or cost < best[0]:
                if best is not None:
                    best[2].remove()
                best = cost, box, label
            else:
                label.remove()
        if best is not None:
            taken.append(best[1])
            written.append(best[2])
    return written


def _write(
    axes: Axes, point: Place, text: str, distance: float, angle: int, font_size: float
) -> Annotation:
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    far = distance >= _LEADER_FROM
    return axes.annotate(
        text,
        point,
        (distance * across, distance * up),
        textcoords="offset points",
        fontsize=font_size,
        ha="center" if abs(across) < 0.3 else "left" if across > 0 else "right",
        va="center" if abs(up) < 0.3 else "bottom" if up > 0 else "top",
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 1,
                    "shrinkB": 3} if far else None,
        zorder=6,
    )  # fmt: skip


def _canvas(axes: Axes) -> FigureCanvasAgg:
    figure = axes.get_figure(root=True)
    if not isinstance(figure, Figure) or not isinstance(figure.canvas, FigureCanvasAgg):
        raise TypeError("labels are placed on figures made by new_figure, which can measure text")
    return figure.canvas


def _dots_per_point(axes: Axes) -> float:
    return float(_canvas(axes).figure.dpi) / 72


def _around(axes: Axes, a: Place, b: Place, margin: float) -> Bbox:
    (x0, y0), (x1, y1) = axes.transData.transform([a, b])
    return Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)).padded(margin)


def _covered(box: Bbox, obstacles: Sequence[Bbox]) -> float:
    """Covered area of all obstacles, in square dots."""
    total = 0.0
    for other in obstacles:
        shared = Bbox.intersection(box, other)
        if shared is not None:
            total += float(shared.width * shared.height)
    return total


def _outside(box: Bbox, frame: Bbox) -> float:
    inside = Bbox.intersection(box, frame)
    area = float(box.width * box.height)
    return area - (0.0 if inside is None else float(inside.width * inside.height))
