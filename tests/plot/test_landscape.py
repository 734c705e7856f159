"""The figure of a landscape: round numbers, one scale, and nothing cut off or on top of another."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from rescu_cli.errors import UsageError
from rescu_cli.plot import figure_bytes, plot_landscape

NAMES = (
    "relu",
    "gsmelu:alpha=0.25,beta=1.5,g_minus=0.01,g_plus=0.99",
    "smelu:beta=0.5",
    "rescu_smoothstep:beta=1",
    "softplus:k=1",
)


def document(
    n: int, *, low: float = 0.187, steep: float = 5.1, span: float = 1.0
) -> dict[str, Any]:
    """``Landscape.to_dict()`` of bowls, each activation's a little steeper than the last one's."""
    axis, cut_axis = np.linspace(-span, span, 9), np.linspace(-span, span, 81)
    a, b = np.meshgrid(axis / span, axis / span)
    t = cut_axis / span
    rows = []
    for i, name in enumerate(NAMES[:n]):
        up = steep * (1 + 0.1 * i)
        rows.append({
            "activation": name,
            **{key: {"per_seed": [value]} for key, value in (("centre", low), ("sharpness", up))},
            "surface": (low + up * (a**2 + 0.7 * b**2)).tolist(),
            "cuts": [(low + up * t**2).tolist(), (low + 0.7 * up * t**2).tolist()],
        })  # fmt: skip
    return {
        "spec": {"data": "breast_cancer", "model": "mlp", "seeds": [0]},
        "examples": 512, "n_parameters": 17226, "axis": axis.tolist(), "radius": min(1.0, span),
        "cut_axis": cut_axis.tolist(), "cut_step": cut_axis[1] - cut_axis[0], "activations": rows,
    }  # fmt: skip


def settled(figure: Figure) -> Figure:
    """As it is when it is written: after the layout that is computed for a file."""
    figure_bytes(figure, "png")
    return figure


def boxes(figure: Figure) -> dict[str, Bbox]:
    """Where each text that is shown lies, in dots."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = [figure._supxlabel]  # type: ignore[attr-defined]
    for axes in figure.axes:
        texts += [axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if tick.label1.get_visible()
                      and low - 1e-9 <= tick.get_loc() <= high + 1e-9]  # fmt: skip
            texts += [t.label2 for t in axis.get_major_ticks() if t.label2.get_visible()]
        legend = axes.get_legend()
        texts += [] if legend is None else legend.get_texts()
    shown = [text for text in texts if text is not None and text.get_visible() and text.get_text()]
    return {f"{i} {text.get_text()}": text.get_window_extent(renderer)
            for i, text in enumerate(shown)}  # fmt: skip


def colliding(found: dict[str, Bbox]) -> list[tuple[str, str]]:
    return [(a, b) for (a, one), (b, other) in combinations(found.items(), 2)
            if one.overlaps(other)]  # fmt: skip


def cut_off(figure: Figure, found: dict[str, Bbox]) -> list[str]:
    width, height = figure.bbox.width, figure.bbox.height
    return [name for name, box in found.items()
            if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]  # fmt: skip


def are_round(numbers: list[float]) -> bool:
    """Whether they are multiples of one step 1, 2, 2.5 or 5 times a power of ten."""
    step = min(np.diff(numbers))
    lead = step / 10 ** np.floor(np.log10(step) + 1e-9)
    places = np.array(numbers) / step
    known = np.isclose(lead, [1, 2, 2.5, 5], rtol=1e-6).any()
    return bool(known and np.allclose(places, places.round(), atol=1e-6))


def colour_bar(figure: Figure) -> list[float]:
    return [float(tick) for tick in figure.axes[-1].get_yticks()]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_no_text_is_cut_off_or_on_another(n: int) -> None:
    figure = settled(plot_landscape(document(n)))
    found = boxes(figure)
    assert len(found) > 20 * n
    assert cut_off(figure, found) == []
    assert colliding(found) == []


def test_the_look_at_texts_sees_faults() -> None:
    """Negative control: a long title over its neighbour's, and a caption wider than the figure."""
    figure = settled(plot_landscape(document(2)))
    figure.axes[0].set_title("a name that is far too long for the place that it has here")
    figure.supxlabel("a caption that was not broken into lines " * 4)
    found = boxes(figure)
    assert any("far too long" in a for pair in colliding(found) for a in pair)
    assert any("a caption" in name for name in cut_off(figure, found))


@pytest.mark.parametrize(
    ("low", "steep"), [(0.187, 5.1), (0.0213, 3.37), (1e-7, 1e4), (2.302, 0.0117)]
)
def test_the_colour_bar_has_round_numbers_that_are_contours(low: float, steep: float) -> None:
    figure = plot_landscape(document(3, low=low, steep=steep))
    numbers = colour_bar(figure)
    assert 3 <= len(numbers) <= 10
    assert are_round(numbers)
    contours = next(c for c in figure.axes[0].collections if c.get_array() is not None)
    levels = contours.levels  # type: ignore[attr-defined]
    assert all(np.isclose(levels, number, atol=1e-9).any() for number in numbers)
    surfaces = [row["surface"] for row in document(3, low=low, steep=steep)["activations"]]
    assert levels[0] <= np.log10(np.min(surfaces)) and np.log10(np.max(surfaces)) <= levels[-1]


def test_the_look_at_numbers_sees_odd_ones() -> None:
    """Negative control: what equal parts from the least to the largest loss would be."""
    assert are_round([-0.75, -0.5, -0.25, 0.0]) and are_round([0.2, 0.4, 0.8])
    assert not are_round(np.linspace(-0.726, 1.147, 8).tolist())
    assert not are_round([0.05, 0.25, 0.45])


def test_a_colour_is_the_same_loss_in_every_panel_and_in_the_bar() -> None:
    figure = plot_landscape(document(2))
    filled = [c for axes in figure.axes[:2] for c in axes.collections
              if getattr(c, "filled", False)]  # fmt: skip
    assert len(filled) == 2
    bar = figure.axes[-1]._colorbar  # type: ignore[attr-defined]
    assert all(c.norm is bar.norm for c in filled)


@pytest.mark.parametrize(("steep", "scale"), [(5.1, "log"), (0.3, "linear")])
def test_cuts_are_logarithmic_where_losses_span_more_than_a_decade(
    steep: float, scale: str
) -> None:
    """With numbers in full, not as powers."""
    figure = plot_landscape(document(2, steep=steep))
    figure.draw_without_rendering()
    for axes in figure.axes[2:4]:
        assert axes.get_yscale() == scale
    labels = [text.get_text() for text in figure.axes[2].get_yticklabels()]
    assert any(labels) and not any("10^" in label for label in labels)


def test_losses_that_overflow_leave_a_gap() -> None:
    broken = document(2)
    broken["activations"][0]["surface"] = [[None] * 9] * 9
    broken["activations"][1]["surface"][0][0] = None
    broken["activations"][0]["cuts"][0][3] = None
    assert are_round(colour_bar(plot_landscape(broken)))
    broken["activations"][1]["surface"] = [[None] * 9] * 9
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_landscape(broken)


def test_a_constant_loss_has_a_figure() -> None:
    assert figure_bytes(plot_landscape(document(1, steep=0.0)), "svg")
