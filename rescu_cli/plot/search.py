"""Every candidate of a search on the plane of prediction difference and accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rescu_cli.errors import UsageError
from rescu_cli.plot.labels import spec_label
from rescu_cli.plot.placement import place_labels
from rescu_cli.plot.style import COLUMN_WIDTH, GREY, PALETTE, house_style, new_figure

_NULL, _BEST = PALETTE[2], PALETTE[1]
_LOWEST = 0.02
_LETTERS = 26


def plot_search(
    rows: Sequence[Mapping[str, Any]],
    best: Sequence[str] = (),
    *,
    width: float = 1.3 * COLUMN_WIDTH,
) -> Figure:
    """Those trained longest in full colour, those that fell out before them in grey.

    The frame is that of those trained longest, less a fiftieth with the lowest scores and one with
    the largest differences; what lies outside is counted.

    Args:
        rows: With ``activation``, ``null``, ``knots``, ``score``, ``pd`` and ``epochs``, as in the
            ranking.
        best: Activations to name beside the null rows.
        width: Of the figure, in inches.

    Raises:
        UsageError: If no row has both a score and a prediction difference.
    """
    drawn = [row for row in rows if row["score"] is not None and row["pd"] is not None]
    if not drawn:
        raise UsageError("No candidate has a score and a prediction difference to draw.")
    longest = max(row["epochs"] for row in drawn)
    ended = [r for r in drawn if r["epochs"] == longest]
    early = [r for r in drawn if r["epochs"] < longest and not r["null"]]
    bottom, top = _frame([r["score"] for r in ended], least=_LOWEST)
    left, right = _frame([r["pd"] for r in ended], most=1 - _LOWEST)
    with house_style():
        figure = new_figure(width, 0.75 * width)
        axes = figure.subplots()
        for part, color, size in ((early, "#c4c4c4", 5), (ended, _BEST, 9)):
            axes.scatter([r["pd"] for r in part], [r["score"] for r in part], s=size, c=color,
                         linewidths=0, zorder=2 if part is early else 3)  # fmt: skip
        nulls = [r for r in ended if r["null"]]
        axes.scatter([r["pd"] for r in nulls], [r["score"] for r in nulls], s=26, marker="D",
                     c=_NULL, edgecolors="white", linewidths=0.6, zorder=5)  # fmt: skip
        named = [*nulls, *(r for r in ended if r["activation"] in best)]
        axes.set_ylim(bottom, top)
        axes.set_xlim(left, right)
        points = [(r["pd"], r["score"]) for r in ended]
        place_labels(
            axes, [(r["pd"], r["score"]) for r in named], [_label(r, best) for r in named],
            colors=[_NULL if r["null"] else _BEST for r in named], bars=[(p, p) for p in points],
        )  # fmt: skip
        outside = sum(r["score"] < bottom or not left < r["pd"] < right for r in drawn)
        axes.set_xlabel("pd_l1 on the validation part (lower is better)")
        axes.set_ylabel("score on the validation part")
        axes.set_title(
            f"blue: {longest} epochs, grey: fewer, orange: null rows; {outside} outside the frame",
            loc="left", fontsize=6.5, color=GREY, pad=3,
        )  # fmt: skip
        axes.grid(color="#ececec", linewidth=0.6)
    return figure


def _frame(values: Sequence[float], least: float = 0.0, most: float = 1.0) -> tuple[float, float]:
    """From one quantile to another, with room for the points at the ends."""
    low, high = (float(np.quantile(values, q)) for q in (least, most))
    room = 0.06 * (high - low) + 1e-4
    return low - room, high + room


def _label(row: Mapping[str, Any], best: Sequence[str]) -> str:
    """The place of a candidate, and a formula's text; knots look like the next one's."""
    text = str(row["activation"])
    if row["null"]:
        return spec_label(text)
    said = f"{best.index(text) + 1}" + ("" if row["knots"] else f": {text}")
    return said if len(said) <= _LETTERS else said[: _LETTERS - 1] + "…"
