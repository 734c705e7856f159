"""The figures of retention."""

from __future__ import annotations

from typing import Any

import pytest

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_retention, plot_retention_cost
from rescu_cli.plot.labels import SURROGATE


def _result(**more: Any) -> dict[str, Any]:
    growth = [
        {"dtype": dtype, "eps": eps, "largest": size * (1 + 1e6 * eps)}
        for dtype, size in (("float64", 1e-14), ("float32", 1e-6))
        for eps in (0.0, 1e-12, 1e-10, 1e-6)
    ]
    return {"growth": growth, "activation": "swish:k=1", "surrogate": None, "seq": 48, "chunk": 6,
            "heads": 4, "scores": "normalised", **more}  # fmt: skip


def test_a_line_per_dtype_with_zero_epsilon_apart() -> None:
    figure = plot_retention(_result())
    (axes,) = figure.axes
    drawn = [line.get_xdata() for line in axes.get_lines() if len(line.get_xdata()) in (1, 3)]
    assert [len(x) for x in drawn] == [1, 3, 1, 3]
    assert axes.get_xticklabels()[0].get_text() == "0"
    assert "Swish" in axes.get_title(loc="left")


def test_marks_and_missing_gates_are_named_in_the_title() -> None:
    marked = plot_retention(_result(surrogate="the backward is not the gradient of the forward"))
    assert SURROGATE in marked.axes[0].get_title(loc="left")
    assert "no gate" in plot_retention(_result(activation="none")).axes[0].get_title(loc="left")


def test_differences_that_are_zero_or_not_finite_have_no_point() -> None:
    result = _result()
    result["growth"][0]["largest"] = 0.0
    result["growth"][1]["largest"] = None
    assert figure_bytes(plot_retention(result), ".png")[:4] == b"\x89PNG"
    for row in result["growth"]:
        row["largest"] = None
    with pytest.raises(UsageError, match="Nothing to draw"):
        plot_retention(result)


def test_cost_has_time_and_memory_of_both() -> None:
    rows = [
        {
            "length": n,
            "retention": {"seconds": 1e-5, "low": 9e-6, "high": 2e-5, "bytes": 4096},
            "attention": {"seconds": n * 1e-7, "low": n * 9e-8, "high": n * 2e-7, "bytes": 64 * n},
        }
        for n in (1, 1024, 32_768)
    ]
    seconds, kept = plot_retention_cost(rows).axes
    assert list(seconds.get_lines()[1].get_ydata()) == pytest.approx([0.1, 102.4, 3276.8])
    assert list(kept.get_lines()[0].get_ydata()) == [4, 4, 4]
    with pytest.raises(UsageError, match="two at least"):
        plot_retention_cost(rows[:1])
