"""The front of budgets: what is drawn, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_linearize


def result(methods: list[str], budgets: list[int], interval: bool = True) -> dict[str, Any]:
    def scores(mean: float) -> dict[str, Any]:
        return {"mean": mean, "ci": [mean - 0.02, mean + 0.02] if interval else None}

    return {
        "spec": {"data": "mnist1d", "model": "cnn", "by": "element", "replace": "poly2",
                 "judge": "test", "seeds": [0, 1, 2] if interval else [0]},
        "full": {"relus": 640, "accuracy": scores(0.7)},
        "students": [
            {"method": m, "budget": b, "kept": b, "accuracy": scores(0.4 + 0.05 * i + b / 2000)}
            for b in budgets for i, m in enumerate(methods)
        ],
    }  # fmt: skip


def test_every_method_is_a_line_through_its_budgets_in_rising_order() -> None:
    figure = plot_linearize(result(["random", "snl", "taylor"], [320, 80, 20]))
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
    assert len(lines) == 3
    for line in lines:
        y = list(line.get_ydata())
        assert len(y) == 3 and y == sorted(y)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["20", "80", "320"]
    texts = [t.get_text() for legend in figure.legends for t in legend.get_texts()]
    assert texts == ["random", "snl", "taylor"]
    assert [t.get_text() for t in axes.texts] == ["all 640"]
    bars = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 0.9
            and line.get_xdata()[0] == line.get_xdata()[1]]  # fmt: skip
    assert len(bars) == 9
    assert "parabola" in axes.get_title(loc="left")


def test_one_seed_has_no_bars_and_the_file_is_the_same_each_time() -> None:
    one = result(["snl"], [5], interval=False)
    figure = plot_linearize(one)
    assert "95" not in figure.axes[0].get_xlabel() and "(1 seed)" in figure.axes[0].get_xlabel()
    assert figure_bytes(figure, "svg") == figure_bytes(plot_linearize(one), "svg")


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(UsageError, match="no student"):
        plot_linearize({**result(["snl"], [5]), "students": []})
