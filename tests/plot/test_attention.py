"""Figures of attention: what is white is 0, and dots stand where the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_attention, plot_attention_training

POINTS = [
    {"beta": b, "expected_gaussian": 0.5, "gaussian": 0.4, "expected_dot_products": 0.3,
     "dot_products": 0.2}
    for b in (0.0, 1.0)
]  # fmt: skip


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"activation": name, "surrogate": None, "elementwise": name != "softmax", **more}


def drawn(*names: str, causal: bool = False) -> dict[str, Any]:
    return {"attentions": [row(name) for name in names], "curve": POINTS, "causal": causal,
            "width": 8, "heads": 2}  # fmt: skip


def pictures(figure: Any) -> list[Any]:
    return [axes.images[0].get_array() for axes in figure.axes if axes.images]


def labels(figure: Any) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_exactly_the_zeros_are_white_and_masked_entries_grey() -> None:
    relu = np.array([[[0.0, 1e-12], [2.0, np.nan]]])
    gelu = np.array([[[-0.1, 1.0], [0.0, 1.0]]])
    figure = plot_attention(drawn("relu", "gelu", causal=True), {"relu": relu, "gelu": gelu})
    one, other = pictures(figure)
    white = [np.allclose(one[i, j, :3], 1) for i in (0, 1) for j in (0, 1)]
    assert white == [True, False, False, False]
    assert np.ptp(one[1, 1, :3]) == 0  # grey
    assert other[0, 0, 0] > other[0, 0, 2]  # below 0: orange
    assert one[0, 1, 2] > one[0, 1, 0]  # above: blue
    assert labels(figure) == ["exactly 0", "above 0", "below 0", "masked"]
    assert labels(plot_attention(drawn("relu"), {"relu": relu[..., :1]})) == [
        "exactly 0",
        "above 0",
    ]


def test_the_curve_shows_what_was_seen_beside_what_is_expected() -> None:
    figure = plot_attention(drawn("relu"), {"relu": np.ones((1, 2, 2))})
    lines = {line.get_label(): line for line in figure.axes[-1].lines}
    assert list(lines["seen, dot products"].get_ydata()) == [20, 20]
    assert list(lines["seen, N(0, 1)"].get_ydata()) == [40, 40]
    normal = lines["Φ(−β), N(0, 1) logits"].get_ydata()
    assert (normal[0], normal[-1]) == pytest.approx((50, 15.8655), abs=1e-3)


def test_a_surrogate_is_named_and_null_heads_are_drawn() -> None:
    result = drawn("helu:alpha=0.05")
    result["attentions"][0]["surrogate"] = "…"
    figure = plot_attention(result, {"helu:alpha=0.05": np.zeros((2, 3, 3))})
    shown = " ".join(figure.axes[0].get_ylabel().split())
    assert shown == "HeLU α=0.05 (backward: not the gradient of f)"
    assert all(np.allclose(picture[..., :3], 1) for picture in pictures(figure))


def trained(*names: str, ci: bool = True) -> dict[str, Any]:
    def estimate(mean: float) -> dict[str, Any]:
        return {"mean": mean, "ci": [mean - 0.1, mean + 0.1] if ci else None}

    rows = [
        row(name, accuracy=estimate(0.5 + 0.1 * i), alignment_error=estimate(0.2),
            pd_l1=estimate(0.3) if ci else None, sparsity=estimate(0.4))
        for i, name in enumerate(names)
    ]  # fmt: skip
    return {"attentions": rows, "seeds": [0, 1, 2] if ci else [0],
            "example": {"truth": [1, 0], "maps": {name: [[0.5, 0.5], [1.0, 0.0]] for name in names}}}  # fmt: skip


def test_dots_and_truth_stand_where_the_numbers_say() -> None:
    figure = plot_attention_training(trained("relu", "smelu:beta=1", "softmax", "gelu", "mish"))
    assert len(pictures(figure)) == 5
    dots = {line.get_gid(): line for axes in figure.axes for line in axes.lines if line.get_gid()}
    assert list(dots["dot-accuracy-smelu:beta=1"].get_xdata()) == pytest.approx([60])
    assert list(dots["dot-pd_l1-softmax"].get_xdata()) == [0.3]
    truth = figure.axes[0].lines[0]
    assert (list(truth.get_xdata()), list(truth.get_ydata())) == ([1, 0], [0, 1])
    assert "mean of 3 seeds, 95 %" in labels(figure)
    assert figure_bytes(figure, "png").startswith(b"\x89PNG")


def test_one_seed_has_no_bars_and_no_panel_for_what_it_lacks() -> None:
    figure = plot_attention_training(trained("relu", "softmax", ci=False))
    dots = [line for axes in figure.axes for line in axes.lines if line.get_gid()]
    assert len(dots) == 2 * 3
    assert "mean of 1 seed" in labels(figure)


def test_more_than_can_be_told_apart_is_refused() -> None:
    names = [f"smelu:beta={i}" for i in range(1, 10)]
    with pytest.raises(UsageError, match="9 attentions asked; a figure has room for 8"):
        plot_attention(drawn(*names), {})
