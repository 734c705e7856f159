"""A small picture in plain text: one curve in braille dots, several in one character each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import distinct_labels, number_label
from rescu_cli.plot.limits import data_limits
from rescu_cli.plot.sampling import Curve, Stroke, sample
from rescu_cli.plot.window import Window, check_window, default_window

MARKS = "*o+x#@%=abcdefghijklmnpqrstuvwyz"
"""One per curve; ASCII, because every terminal agrees on its width and it needs no colour."""

_LEAST_WIDTH, _LEAST_ROWS = 24, 4
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the dot in (row, column) of a braille cell, 4 rows by 2 columns."""
_BLANK = 0x2800


@dataclass(frozen=True)
class _Frame:
    """Characters of the axes."""

    axis: str
    tick: str
    corner: str
    floor: str
    across: str
    upright: str


_DRAWN = _Frame("│", "┤", "└", "─", "·", "┊")
_TYPED = _Frame("|", "+", "+", "-", ".", ":")


def preview_activations(
    activations: Sequence[Activation],
    *,
    width: int = 80,
    height: int = 18,
    x_range: Window | None = None,
    order: int = 0,
    unicode: bool = True,
) -> str:
    """f, or one of its derivatives, as text of ``height`` lines of at most ``width`` characters.

    Curves that fall into one place take turns from column to column.

    Args:
        activations: With every parameter bound; at most 32.
        width: Columns, at least 24.
        height: Lines, with legend and axes.
        x_range: Low and high end; chosen from the joints if left out.
        order: Which derivative, 0 for f itself.
        unicode: False for terminals that only show ASCII.

    Raises:
        UsageError: If the picture would be too small, or there are too many or no activations.
        ParameterError: If a parameter is free.
    """
    if not 1 <= len(activations) <= len(MARKS):
        raise UsageError(
            f"A preview shows 1 to {len(MARKS)} activations; found {len(activations)}."
        )
    window = default_window(activations) if x_range is None else check_window(x_range)
    legend = _legend(distinct_labels(activations), max(width, _LEAST_WIDTH), unicode)
    rows = height - len(legend) - 2
    if width < _LEAST_WIDTH or rows < _LEAST_ROWS:
        raise UsageError(
            f"A preview of {width} x {height} characters is too small; it needs at least "
            f"{_LEAST_WIDTH} x {_LEAST_ROWS + len(legend) + 2}."
        )
    curves = [sample(a, window, order)[order] for a in activations]
    limits = data_limits(curves)
    frame = _DRAWN if unicode else _TYPED
    numbers = _row_numbers(limits, rows)
    gutter = max(len(text) for text in numbers.values()) + 1
    canvas = _background(window, limits, rows, width - gutter - 1, frame)
    if len(curves) == 1 and unicode:
        _draw_braille(canvas, curves[0], window, limits)
    else:
        _draw_marks(canvas, curves, window, limits)
    lines = list(legend)
    for row, cells in enumerate(canvas):
        number = numbers.get(row, "")
        edge = frame.tick if number else frame.axis
        lines.append(f"{number:>{gutter}}{edge}{''.join(cells)}".rstrip())
    lines.append(" " * gutter + frame.corner + frame.floor * (width - gutter - 1))
    lines.append(" " * (gutter + 1) + _column_numbers(window, width - gutter - 1))
    return "\n".join(_ascii(line) if not unicode else line for line in lines)


def _ascii(line: str) -> str:
    return line.replace("\N{MINUS SIGN}", "-").encode("ascii", "replace").decode("ascii")


# -- around the picture ---------------------------------------------------------------------


def _legend(labels: Sequence[str], width: int, unicode: bool) -> list[str]:
    if len(labels) == 1 and unicode:
        return textwrap.wrap(labels[0], width)
    joined: list[str] = []
    for mark, label in zip(MARKS, labels, strict=False):
        entry = textwrap.shorten(f"{mark} {label}", width, placeholder="...")
        if joined and len(joined[-1]) + 3 + len(entry) <= width:
            joined[-1] += "   " + entry
        else:
            joined.append(entry)
    return joined


def _row_numbers(limits: tuple[float, float], rows: int) -> dict[int, str]:
    """Top, bottom and 0, where each has a row of its own."""
    low, high = limits
    numbers = {0: number_label(high, 3), rows - 1: number_label(low, 3)}
    if low < 0 < high:
        numbers.setdefault(_row(0.0, limits, rows), "0")
    return numbers


def _column_numbers(window: Window, columns: int) -> str:
    """Left end, 0 and right end, where each has room."""
    low, high = window
    left, right = number_label(low, 3), number_label(high, 3)
    line = list(left + " " * (columns - len(left) - len(right)) + right)
    if low < 0 < high:
        at = round(-low / (high - low) * (columns - 1))
        if len(left) < at < columns - len(right) - 1:
            line[at] = "0"
    return "".join(line)


def _background(
    window: Window, limits: tuple[float, float], rows: int, columns: int, frame: _Frame
) -> list[list[str]]:
    canvas = [[" "] * columns for _ in range(rows)]
    if window[0] < 0 < window[1]:
        at = round(-window[0] / (window[1] - window[0]) * (columns - 1))
        for cells in canvas:
            cells[at] = frame.upright
    if limits[0] < 0 < limits[1]:
        at = _row(0.0, limits, rows)
        canvas[at] = [frame.across] * columns
    return canvas


# -- the picture ----------------------------------------------------------------------------


def _row(y: float, limits: tuple[float, float], rows: int) -> int:
    low, high = limits
    share = (high - min(max(y, low), high)) / (high - low)
    return round(share * (rows - 1))


def _dots(
    curve: Curve, window: Window, limits: tuple[float, float], columns: int, rows: int
) -> set[tuple[int, int]]:
    """The (row, column) that the curve passes through; nothing joins two strokes."""
    found: set[tuple[int, int]] = set()
    for stroke in curve.strokes:
        spans = _spans(stroke, window, columns)
        before: tuple[int, int] | None = None
        for column, (least, largest) in spans.items():
            top, bottom = _row(largest, limits, rows), _row(least, limits, rows)
            if before is not None:  # meet the neighbour half way
                if before[0] > bottom + 1:
                    bottom = max(bottom, (before[0] + bottom) // 2)
                elif before[1] < top - 1:
                    top = min(top, (before[1] + top + 1) // 2)
                gap_down = range(before[1] + 1, top)
                gap_up = range(bottom + 1, before[0])
                found |= {(row, column - 1) for row in (*gap_down, *gap_up)}
            found |= {(row, column) for row in range(top, bottom + 1)}
            before = top, bottom
    return found


def _spans(stroke: Stroke, window: Window, columns: int) -> dict[int, tuple[float, float]]:
    """Least and largest ordinate of the stroke in each column that it crosses."""
    step = (window[1] - window[0]) / (columns - 1)
    first, last = (round((float(x) - window[0]) / step) for x in (stroke.x[0], stroke.x[-1]))
    edges = window[0] + step * (np.arange(first, last + 2) - 0.5)
    edges = np.clip(edges, stroke.x[0], stroke.x[-1])
    middles = np.clip(window[0] + step * np.arange(first, last + 1), edges[:-1], edges[1:])
    y = np.interp(middles, stroke.x, stroke.y)
    around = np.pad(y, 1, mode="edge")
    spans: dict[int, tuple[float, float]] = {}
    for i, column in enumerate(range(first, last + 1)):
        least, largest = float(y[i]), float(y[i])
        within = stroke.y[(stroke.x >= edges[i]) & (stroke.x <= edges[i + 1])]
        if within.size:  # a peak narrower than a column shows; a mere slope stays thin
            if within.max() > around[i : i + 3].max():
                largest = float(within.max())
            if within.min() < around[i : i + 3].min():
                least = float(within.min())
        spans[column] = least, largest
    return spans


def _draw_braille(
    canvas: list[list[str]], curve: Curve, window: Window, limits: tuple[float, float]
) -> None:
    rows, columns = len(canvas), len(canvas[0])
    bits: dict[tuple[int, int], int] = {}
    for row, column in _dots(curve, window, limits, 2 * columns, 4 * rows):
        cell = row // 4, column // 2
        bits[cell] = bits.get(cell, 0) | _BRAILLE[row % 4][column % 2]
    for (row, column), pattern in bits.items():
        canvas[row][column] = chr(_BLANK + pattern)


def _draw_marks(
    canvas: list[list[str]], curves: Sequence[Curve], window: Window, limits: tuple[float, float]
) -> None:
    rows, columns = len(canvas), len(canvas[0])
    here: dict[tuple[int, int], list[str]] = {}
    for mark, curve in zip(MARKS, curves, strict=False):
        for cell in _dots(curve, window, limits, columns, rows):
            here.setdefault(cell, []).append(mark)
    for (row, column), marks in here.items():
        canvas[row][column] = marks[column % len(marks)]
