"""The sweep: who dominates whom, which value is best, and what is not shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rescu_cli.catalogue import resolve
from rescu_cli.core.sweep import Sweep
from rescu_cli.errors import ParameterError, UnknownNameError, UsageError
from rescu_cli.experiment.front import SweepReport, sweep
from rescu_cli.plot import figure_bytes, plot_front

from .samples import make_dataset

SMALL: dict[str, Any] = {"data": make_dataset(300, 60), "hidden": (8,), "epochs": 3, "seeds": 5}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SweepReport:
    return sweep(
        resolve("smelu"), Sweep("beta", (0.25, 1.0, 4.0), geometric=True),
        references=["relu", "tanh"], margin=0.5, out=tmp_path_factory.mktemp("run") / "run", **SMALL,
    )  # fmt: skip


def test_points_are_the_values_and_the_fixed_ones(found: SweepReport) -> None:
    assert [p.value for p in found.points] == [0.25, 1.0, 4.0, None, None]
    for point, result in zip(found.points, found.report.activations, strict=True):
        assert point.activation == result.activation
        assert (point.score, point.pd) == (result.score.mean, result.pd["pd_l1"].value)


def test_dominated_is_what_another_point_beats(found: SweepReport) -> None:
    for point in found.points:
        beaten = any(
            other.score >= point.score
            and other.pd <= point.pd
            and (other.score, other.pd) != (point.score, point.pd)
            for other in found.points
        )
        assert point.dominated is beaten
    assert not all(point.dominated for point in found.points)


def test_the_best_is_the_least_difference_within_the_margin(found: SweepReport) -> None:
    assert all(p.admissible for p in found.points)  # with so wide a margin
    swept = [p for p in found.points if p.value is not None]
    assert found.best == min(swept, key=lambda p: p.pd)


def test_within_the_margin_has_to_be_shown(found: SweepReport, tmp_path: Path) -> None:
    """A score that may be lower is not admissible, however small the observed difference."""
    strict = sweep(
        resolve("smelu"), found.sweep, references=["relu"], margin=0.0, out=tmp_path / "run",
        **SMALL,
    )  # fmt: skip
    for point in strict.points[:-1]:
        (paired,) = (c for c in strict.report.comparisons
                     if c.a == point.activation and c.metric == "accuracy")  # fmt: skip
        assert point.admissible is (paired.ci[0] > 0)
    assert strict.points[-1].admissible


def test_the_figure_is_drawn(found: SweepReport) -> None:
    drawing = figure_bytes(plot_front(found.to_dict()), "svg").decode()
    assert drawing.startswith("<?xml") and "smelu" in drawing


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"references": []}, UsageError, "at least one fixed point"),
        ({"margin": -0.1}, UsageError, "must not be negative"),
        ({"values": Sweep("gamma", (1.0, 2.0))}, ParameterError, "no parameter 'gamma'"),
        ({"values": Sweep("beta", (-1.0, 2.0))}, ParameterError, "beta"),
        ({"metric": "pd"}, UnknownNameError, "prediction difference"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused(
    changes: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    options = {"references": ["relu"], "values": Sweep("beta", (1.0, 2.0)), **changes}
    values = options.pop("values")
    with pytest.raises(error, match=message):
        sweep(resolve("smelu"), values, out=tmp_path / "run", **{**SMALL, "epochs": 1}, **options)
