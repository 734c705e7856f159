"""Figures of pruning and of dead units over training."""

from __future__ import annotations

from typing import Any

import pytest

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_dying, plot_pruning


def estimate(mean: float, half: float | None = 0.1) -> dict[str, Any]:
    return {"mean": mean, "ci": None if half is None else [mean - half, mean + half]}


def result(
    n_rounds: int = 4, methods: tuple[str, ...] = ("magnitude", "ap"), **more: Any
) -> dict[str, Any]:
    def quantities(number: int) -> dict[str, Any]:
        return {k: estimate(0.5 - 0.1 * number) for k in ("accuracy", "static", "dynamic", "total")}

    rows = [
        {"round": i, "density": 0.8**i, "methods": {m: quantities(i) for m in methods},
         "difference": quantities(i) if len(methods) == 2 else None}
        for i in range(n_rounds)
    ]  # fmt: skip
    return {"rounds": rows, "activation": "relu", "surrogate": None, "model": "mlp",
            "data": "digits", "seeds": [0, 1, 2], **more}  # fmt: skip


def lines(axes: Any) -> list[Any]:
    return [line for line in axes.lines if str(line.get_gid()).startswith("band")]


def test_every_round_of_every_method_is_drawn_at_its_density() -> None:
    figure = plot_pruning(result())
    accuracy, dead, difference = figure.axes
    for line in lines(accuracy):
        assert list(line.get_xdata()) == pytest.approx([100, 80, 64, 51.2])
        assert list(line.get_ydata()) == pytest.approx([0.5, 0.4, 0.3, 0.2])
    assert [len(lines(a)) for a in (accuracy, dead, difference)] == [2, 4, 1]
    assert accuracy.get_xlim()[0] > accuracy.get_xlim()[1]
    assert len(plot_pruning(result(methods=("ap",))).axes) == 2


def test_a_surrogate_is_named_in_the_figure() -> None:
    title = (
        plot_pruning(result(activation="helu:alpha=0.05", surrogate="…")).axes[0].get_title("left")
    )
    assert "HeLU α=0.05 (backward: not the gradient of f)" in title
    assert "backward" not in plot_pruning(result()).axes[0].get_title("left")


def test_without_intervals_there_is_no_band() -> None:
    one = result(seeds=[0])
    for row in one["rounds"]:
        for found in (*row["methods"].values(), row["difference"]):
            for value in found.values():
                value["ci"] = None
    figure = plot_pruning(one)
    assert not any(axes.collections for axes in figure.axes)
    assert "95 %" not in figure.axes[0].get_title("left")


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert figure_bytes(plot_pruning(result()), "svg") == figure_bytes(
        plot_pruning(result()), "svg"
    )


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(UsageError, match="no round"):
        plot_pruning(result(1))
    with pytest.raises(UsageError, match="Nothing to draw"):
        plot_dying([])


def test_every_setting_has_a_column_and_every_quantity_a_row() -> None:
    curves = {
        k: [estimate(0.1 * i) for i in range(5)] for k in ("static", "stuck", "total", "accuracy")
    }
    setting = {
        "title": "digits",
        "epochs": [0, 1, 2, 3, 4],
        "activations": {"relu": curves, "helu:alpha=0.05": curves},
    }
    figure = plot_dying([setting, {**setting, "title": "mnist1d"}], ["static", "accuracy"])
    assert len(figure.axes) == 4
    assert [len(lines(a)) for a in figure.axes] == [2, 2, 2, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ReLU", "HeLU α=0.05"]
    marked = plot_dying([setting], surrogates=["helu:alpha=0.05"])
    assert "not the gradient of f" in marked.legends[0].get_texts()[1].get_text()
    high = {
        **setting,
        "activations": {
            n: {k: [estimate(0.9)] * 5 for k in curves} for n in setting["activations"]
        },
    }
    low, top = plot_dying([setting, high], ["static"]).axes[0].get_ylim()
    assert low == 0 and top > 0.9  # the first column does not cut the second
    other = {**setting, "activations": {"relu": curves}}
    with pytest.raises(UsageError, match="different activations"):
        plot_dying([setting, other])
