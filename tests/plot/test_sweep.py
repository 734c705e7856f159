"""Sweeps over one parameter."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from rescu_cli import catalogue
from rescu_cli.core.sweep import Sweep, parse_sweep
from rescu_cli.errors import ParameterError, UsageError
from rescu_cli.plot import plot_sweep


def test_positive_ends_a_decade_apart_are_swept_in_equal_ratios() -> None:
    sweep = parse_sweep("beta=0.1:4:6")
    assert sweep == Sweep("beta", (0.1, 0.209, 0.437, 0.915, 1.91, 4.0), geometric=True)
    assert np.allclose(np.diff(np.log(sweep.values)), np.log(40) / 5, rtol=3e-3)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("beta=1:4:4", (1.0, 2.0, 3.0, 4.0)),
        ("beta=0:2:3", (0.0, 1.0, 2.0)),
        ("g_minus=-0.2:0.2:3", (-0.2, 0.0, 0.2)),
        (" beta = 0.5,1, 2 ", (0.5, 1.0, 2.0)),
        ("beta=1:1.0001:3", (1.0, 1.00005, 1.0001)),
    ],
)
def test_other_sweeps_are_in_equal_steps_or_as_listed(text: str, values: tuple[float, ...]) -> None:
    sweep = parse_sweep(text)
    assert sweep.values == pytest.approx(values, abs=1e-15)
    assert not sweep.geometric


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("beta", "Cannot read the sweep 'beta'"),
        ("=1:2:3", "Cannot read"),
        ("beta=", "Cannot read"),
        ("beta=1:2", "has 2 fields, not three"),
        ("beta=1:2:3:4", "has 4 fields"),
        ("beta=nan:2:3", "'nan', which is not a finite number"),
        ("beta=1:2:x", "'x' values, which is not a whole number"),
        ("beta=1:2:2.5", "'2.5' values"),
        ("beta=2:1:3", "start below stop"),
        ("beta=1:2:1", "2 to 64 values"),
        ("beta=1:2:100000", "2 to 64 values"),
        ("beta=1", "found 1"),
        ("beta=2,1", "must ascend; found 2, 1"),
    ],
)
def test_a_bad_sweep_says_what_was_found_and_what_is_right(text: str, found: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_sweep(text)
    assert found in str(caught.value)


def test_lines_get_darker_to_lighter_with_a_labelled_bar() -> None:
    sweep = parse_sweep("beta=0.1:4:6")
    figure = plot_sweep(catalogue.get("smelu"), sweep.parameter, sweep.values, derivatives=1)
    *panels, bar = figure.axes
    assert len(panels) == 2
    curves = [line for line in panels[0].lines if (line.get_gid() or "").startswith("curve-")]
    lightness = [np.dot([0.2126, 0.7152, 0.0722], to_rgb(line.get_color())) for line in curves]
    assert len(curves) == 6
    assert np.all(np.diff(lightness) > 0.05)
    figure.draw_without_rendering()
    ticks = [t.get_text() for t in bar.get_yticklabels()]
    assert ticks == ["0.1", "0.209", "0.437", "0.915", "1.91", "4"]
    assert bar.get_title() == "β"
    assert panels[0].get_title(loc="left") == "SmeLU"


def test_curves_of_a_sweep_are_those_of_its_values() -> None:
    figure = plot_sweep(catalogue.get("smelu"), "beta", (0.5, 2.0), x_range=(-4, 4))
    curves = [li for li in figure.axes[0].lines if (li.get_gid() or "").startswith("curve-")]
    for line, beta in zip(curves, (0.5, 2.0), strict=True):
        assert np.interp(0.0, *line.get_data()) == pytest.approx(beta / 4, abs=1e-12)


def test_crowded_bars_leave_numbers_out_but_keep_both_ends() -> None:
    figure = plot_sweep(catalogue.get("smelu"), "beta", tuple(np.linspace(1, 4, 40)))
    ticks = list(figure.axes[-1].get_yticks())
    assert ticks[0] == 1
    assert ticks[-1] == 4
    assert len(ticks) <= 12


def test_width_zero_is_relu_and_other_parameters_take_their_defaults() -> None:
    figure = plot_sweep(catalogue.get("smelu"), "beta", (0.0, 1.0), x_range=(-4, 4))
    gradient = [li for li in figure.axes[1].lines if (li.get_gid() or "").startswith("curve-0-")]
    assert len(gradient) == 2  # ReLU's jump
    other = plot_sweep(catalogue.get("gsmelu"), "g_minus", (-0.1, 0.1))
    assert other.axes[0].get_title(loc="left") == "gSmeLU α=1, β=1, g₊=1"


def test_a_parameter_must_exist_be_free_and_stay_in_its_domain() -> None:
    with pytest.raises(ParameterError, match="no parameter 'gamma'"):
        plot_sweep(catalogue.get("smelu"), "gamma", (1, 2))
    with pytest.raises(ParameterError, match="beta fixed"):
        plot_sweep(catalogue.resolve("smelu:beta=1"), "beta", (1, 2))
    with pytest.raises(ParameterError, match="beta"):
        plot_sweep(catalogue.get("smelu"), "beta", (-1, 2))
    with pytest.raises(UsageError, match="Equal ratios need positive values"):
        plot_sweep(catalogue.get("smelu"), "beta", (0, 2), geometric=True)
