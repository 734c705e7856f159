"""The figure of activations."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.core.derive import derive
from rescu_cli.core.knots import knots_shape
from rescu_cli.errors import UsageError
from rescu_cli.plot import plot_activations
from rescu_cli.plot.curves import ORDER_LABELS
from rescu_cli.plot.labels import spec_label
from rescu_cli.plot.style import PALETTE, line_style


def ready(*texts: str) -> list[Activation]:
    return [catalogue.resolve(t).with_defaults() for t in texts]


def strokes(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if (line.get_gid() or "").startswith("curve-")]


def legend_texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.legends[0].get_texts()]


@pytest.mark.parametrize("derivatives", range(5))
def test_one_panel_per_order_over_a_common_axis(derivatives: int) -> None:
    figure = plot_activations(ready("smelu:beta=2"), derivatives=derivatives, x_range=(-3, 5))
    assert [a.get_ylabel() for a in figure.axes] == list(ORDER_LABELS[: derivatives + 1])
    assert {a.get_xlim() for a in figure.axes} == {(-3.0, 5.0)}
    assert figure.axes[-1].get_xlabel() == "x"


def test_no_segment_crosses_a_jump() -> None:
    figure = plot_activations(ready("relu", "leaky_relu", "hard_swish"), derivatives=2)
    gradient = strokes(figure.axes[1])
    assert len(gradient) == 2 + 2 + 3
    for line in gradient:
        x, y = (np.asarray(v, dtype=float) for v in line.get_data())
        steep = np.abs(np.diff(y)) > 0.5
        assert np.all(np.diff(x)[steep] > 0.1)


def test_the_end_of_a_stroke_is_filled_only_where_the_joint_belongs() -> None:
    axes = plot_activations(ready("relu")).axes[1]
    dots = {
        float(line.get_ydata()[0]): to_rgb(line.get_markerfacecolor())
        for line in axes.lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    }
    assert dots == {0.0: to_rgb(PALETTE[0]), 1.0: to_rgb("white")}


def test_joints_are_marked_on_the_curve_and_by_a_hairline() -> None:
    figure = plot_activations(ready("smelu:beta=2"))
    for axes in figure.axes:
        (marks,) = [line for line in axes.lines if (line.get_gid() or "").startswith("joints-")]
        assert list(marks.get_xdata()) == [-2.0, 2.0]
        hairlines = [line for line in axes.lines if list(line.get_ydata()) == [0, 1]
                     and len(set(line.get_xdata())) == 1]  # fmt: skip
        assert {float(line.get_xdata()[0]) for line in hairlines} == {-2.0, 2.0}


def test_an_impulse_is_an_arrow_in_its_direction_and_explained() -> None:
    figure = plot_activations(ready("smelu:beta=2"), derivatives=3)
    arrows = figure.axes[3].texts
    assert [(a.xy[0], np.sign(a.xy[1])) for a in arrows] == [(-2.0, 1.0), (2.0, -1.0)]
    low, high = figure.axes[3].get_ylim()
    assert all(low < a.xy[1] < high for a in arrows)
    assert legend_texts(figure) == ["SmeLU β=2", "impulse (δ)"]
    deeper = plot_activations(ready("relu"), derivatives=3)
    assert legend_texts(deeper)[-1] == "impulse (δ); its derivatives are left out"
    assert legend_texts(plot_activations(ready("relu"))) == ["ReLU"]


def test_the_legend_reads_like_a_paper_and_lies_outside_the_data() -> None:
    figure = plot_activations(ready("relu", "smelu:beta=0.5", "swish", "gsmelu:g_minus=-1/10"))
    assert legend_texts(figure) == [
        "ReLU",
        "SmeLU β=0.5",
        "Swish k=1",
        "gSmeLU α=1, β=1, g₋=−0.1, g₊=1",
    ]
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert all(not box.overlaps(a.get_window_extent()) for a in figure.axes)
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_every_text_is_inside_the_figure() -> None:
    many = ready("gsmelu:alpha=0.5,beta=1,g_minus=0.01,g_plus=1", "sau", "leaky_relu", "selu",
                 "smu1", "mish", "celu", "hard_swish")  # fmt: skip
    figure = plot_activations(many, derivatives=4)
    figure.draw_without_rendering()
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 >= -1
    assert box.y0 >= -1
    assert box.x1 <= figure.bbox.x1 + 1
    assert box.y1 <= figure.bbox.y1 + 1


def test_labels_that_rounding_makes_equal_become_exact() -> None:
    figure = plot_activations(ready("smelu:beta=1/3", "smelu:beta=0.3333"))
    assert legend_texts(figure) == ["smelu:beta=1/3", "smelu:beta=0.3333"]


def test_labels_can_be_given() -> None:
    mine = [derive(knots_shape("-1:0, 0:0.3, 1:1"))]
    assert legend_texts(plot_activations(mine, labels=["mine"])) == ["mine"]
    with pytest.raises(UsageError, match="1 activations need as many labels; found 2"):
        plot_activations(mine, labels=["a", "b"])


def test_zero_is_in_view_unless_the_function_is_far_from_it() -> None:
    near, far = (
        plot_activations(ready("smelu:beta=0.5"), x_range=w) for w in ((1.0, 3.0), (100.0, 101.0))
    )
    assert near.axes[0].get_ylim()[0] < 0
    assert far.axes[0].get_ylim()[0] > 99
    assert far.axes[1].get_ylim()[0] < 0


def test_nothing_to_plot_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="name at least one"):
        plot_activations([])


def test_the_users_settings_neither_matter_nor_change() -> None:
    with matplotlib.rc_context({"font.size": 31, "lines.linewidth": 9, "axes.grid": True}):
        before = dict(matplotlib.rcParams.copy())
        figure = plot_activations(ready("relu", "smelu"))
        assert dict(matplotlib.rcParams.copy()) == before
    assert figure.axes[0].xaxis.label.get_fontsize() == 8
    assert not figure.axes[0].xaxis.get_gridlines()[0].get_visible()


def _linear(color: str) -> np.ndarray:
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


_DICHROMATS = {
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Linear-RGB simulation matrices of Machado, Oliveira and Fernandes (2009), severity 1."""


@pytest.mark.parametrize("kind", _DICHROMATS)
def test_colours_differ_for_colour_blind_readers(kind: str) -> None:
    seen = [np.clip(np.array(_DICHROMATS[kind]) @ _linear(c), 0, 1) ** (1 / 2.4) for c in PALETTE]
    for i, a in enumerate(seen):
        for b in seen[i + 1 :]:
            assert np.linalg.norm(a - b) > 0.1  # the patterns differ besides


def test_lines_differ_without_any_colour() -> None:
    patterns = [str(line_style(i)["linestyle"]) for i in range(6)]
    assert len(set(patterns)) == 6
    assert len({str((line_style(i)["color"], line_style(i)["linestyle"])) for i in range(42)}) == 42


def test_specs_are_labelled_like_activations() -> None:
    for text in ("relu", "smelu:beta=0.5", "gsmelu:alpha=0.5,beta=1,g_minus=0.01,g_plus=1"):
        (activation,) = ready(text)
        assert legend_texts(plot_activations([activation], derivatives=0)) == [spec_label(text)]
