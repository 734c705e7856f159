"""Labels beside points: each where it covers the least, decided the same way every time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.text import Annotation

Place = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, lower, right and upper edge in dots."""

_DISTANCES = (5.0, 11.0, 18.0, 26.0, 36.0, 48.0)
_ANGLES = (45, 135, -45, -135, 0, 180, 90, -90, 20, 160, -20, -160, 70, 110, -70, -110)
"""Degrees; the diagonals come first because error bars run along the axes."""
_MARK, _BAR, _PADDING = 4.0, 1.0, 1.0
"""Half a mark, half a bar and the air around a text, in points."""
_LEADER_FROM = 9.0
"""Points from which on a thin line says which mark a text belongs to."""
_ACROSS: dict[float, Literal["left", "center", "right"]] = {0: "left", 0.5: "center", 1: "right"}
_UP: dict[float, Literal["bottom", "center", "top"]] = {0: "bottom", 0.5: "center", 1: "top"}
_COST_TEXT, _COST_MARK, _COST_BAR, _COST_OUTSIDE, _COST_CROSSING = 8.0, 6.0, 1.0, 20.0, 30.0
"""What a covered square point costs; of a leader, what each mark or text that it crosses costs."""
_SPOTS = 24


def place_labels(
    axes: Axes,
    points: Sequence[Place],
    labels: Sequence[str],
    *,
    colors: Sequence[str],
    bars: Sequence[tuple[Place, Place]] = (),
    font_size: float = 7.0,
) -> list[Annotation]:
    """Write each label near its point, away from other labels, points, bars and the frame.

    Args:
        axes: In their final place.
        points: Data coordinates.
        labels: One per point.
        colors: One per point, for the line that leads from a distant label to its point.
        bars: Ends of horizontal or vertical lines that labels should not cover.
        font_size: In points.
    """
    unit = float(axes.figure.dpi) / 72  # dots per point
    marks = [_around(axes, p, p, _MARK * unit) for p in points]
    obstacles = [(_COST_MARK, m) for m in marks]
    obstacles += [(_COST_BAR, _around(axes, a, b, _BAR * unit)) for a, b in bars]
    extent = axes.get_window_extent()
    frame = (float(extent.x0), float(extent.y0), float(extent.x1), float(extent.y1))
    texts: list[Box] = []
    written: list[Annotation] = []
    for point, mark, text, color in zip(points, marks, labels, colors, strict=True):
        size = _text_size(axes, text, font_size)
        x, y = (mark[0] + mark[2]) / 2, (mark[1] + mark[3]) / 2
        best: tuple[float, Box, float, int] | None = None
        for distance, angle in product(_DISTANCES, _ANGLES):
            if distance >= _LEADER_FROM and angle % 90 == 0:
                continue  # the leader would hide in the point's own error bar
            box = _grown(_box(x, y, size, distance * unit, angle), _PADDING * unit)
            cost = 0.5 * distance + _cost(box, obstacles, frame) / unit**2
            if distance >= _LEADER_FROM:
                strangers = [m for m in marks if m is not mark] + texts
                cost += _COST_CROSSING * _crossed((x, y), distance * unit, angle, strangers)
            if best is None or cost < best[0]:
                best = cost, box, distance, angle
        if best is not None:
            texts.append(best[1])
            obstacles.append((_COST_TEXT, best[1]))
            if best[2] >= _LEADER_FROM:
                spots = _along((x, y), best[2] * unit, best[3])
                obstacles += [(_COST_TEXT, _spot(at, unit)) for at in spots]
            written.append(_write(axes, point, text, best[2], best[3], font_size, color))
    return written


def _alignment(angle: int) -> tuple[float, float]:
    """Which part of the text touches the anchor: 0 its left or lower edge, 1 the other one."""
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return (
        0.5 if abs(across) < 0.3 else 0.0 if across > 0 else 1.0,
        0.5 if abs(up) < 0.3 else 0.0 if up > 0 else 1.0,
    )


def _box(x: float, y: float, size: tuple[float, float], distance: float, angle: int) -> Box:
    (across, up), (width, height) = _alignment(angle), size
    left = x + distance * math.cos(math.radians(angle)) - across * width
    low = y + distance * math.sin(math.radians(angle)) - up * height
    return left, low, left + width, low + height


def _text_size(axes: Axes, text: str, font_size: float) -> tuple[float, float]:
    trial = axes.text(0, 0, text, fontsize=font_size)
    extent = trial.get_window_extent()
    trial.remove()
    return float(extent.width), float(extent.height)


def _write(
    axes: Axes, point: Place, text: str, distance: float, angle: int, font_size: float, color: str
) -> Annotation:
    offset = (
        distance * math.cos(math.radians(angle)),
        distance * math.sin(math.radians(angle)),
    )
    across, up = _alignment(angle)
    far = distance >= _LEADER_FROM
    return axes.annotate(
        text,
        point,
        offset,
        textcoords="offset points",
        fontsize=font_size,
        ha=_ACROSS[across],
        va=_UP[up],
        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkA": 0,
                    "shrinkB": 3, "relpos": (across, up)} if far else None,
        zorder=6,
    )  # fmt: skip


def _around(axes: Axes, a: Place, b: Place, margin: float) -> Box:
    (x0, y0), (x1, y1) = axes.transData.transform([a, b]).tolist()
    return _grown((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), margin)


def _grown(box: Box, margin: float) -> Box:
    return box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin


def _cost(box: Box, obstacles: Sequence[tuple[float, Box]], frame: Box) -> float:
    """What the box covers and what it sticks out of the frame, in weighted square dots."""
    total = _COST_OUTSIDE * (_area(box) - _shared(box, frame))
    return total + sum(weight * _shared(box, other) for weight, other in obstacles)


def _along(start: Place, distance: float, angle: int) -> list[Place]:
    """Places on the leader, from the point to the text."""
    across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    lengths = [distance * k / _SPOTS for k in range(1, _SPOTS + 1)]
    return [(start[0] + r * across, start[1] + r * up) for r in lengths]


def _spot(at: Place, size: float) -> Box:
    return _grown((*at, *at), size / 2)


def _crossed(start: Place, distance: float, angle: int, boxes: Sequence[Box]) -> int:
    """How many boxes the leader runs over."""
    spots = _along(start, distance, angle)
    return sum(any(x0 <= x <= x1 and y0 <= y <= y1 for x, y in spots) for x0, y0, x1, y1 in boxes)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shared(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0
