"""`rescu pd` of regressions, as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rescu_cli.errors import ExitCode
from tests.cli.conftest import Run

COMPARE = ("compare", "relu", "smelu", "--data", "regression:n=300", "--seeds", "3", "--epochs",
           "2", "--width", "8", "--out", "run")  # fmt: skip
FILE = "run/predictions/relu.npz"


def save(name: str, labels: np.ndarray) -> str:
    p = np.random.default_rng(0).random((3, len(labels), 1))
    np.savez(name, predictions=p, labels=labels, example_ids=np.arange(len(labels)))
    return name


def test_the_files_of_a_regression_need_no_option(rescu: Run) -> None:
    result = rescu(*COMPARE, "--json").result
    measured = rescu("pd", FILE, "run/predictions/smelu-beta-1.npz", "--json").result
    assert set(measured) == {"files", "formulas", "advice"}
    for one, row in zip(measured["files"], result["activations"], strict=True):
        assert set(one) == {"path", "task", "n_models", "n_examples", "r2", "loss", "pd"}
        assert one["task"] == "regression"
        assert one["r2"]["mean"] == pytest.approx(row["r2"]["mean"], rel=1e-12)
        assert set(one["pd"]) == set(row["pd"]) == set(measured["formulas"])
        for key, entry in one["pd"].items():
            assert entry["value"] == pytest.approx(row["pd"][key]["value"], rel=1e-12)
    text = rescu("pd", FILE).out
    assert "r2" in text
    assert "accuracy" not in text and "churn" not in text


def test_the_task_is_asked_for_where_it_is_not_clear(rescu: Run) -> None:
    name = save("counts.npz", np.arange(20))
    outcome = rescu("pd", name)
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert "can be read in two ways" in outcome.err
    assert "'--task regression'" in outcome.err
    result = rescu("pd", name, "--task", "regression", "--json").result
    assert result["files"][0]["task"] == "regression"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--task", "classification"), "at least 1, 1 and 2"),
        (("--task", "ranking"), "No task named 'ranking'"),
    ],
    ids=str,
)
def test_the_wrong_task_is_status_2(rescu: Run, argv: tuple[str, ...], message: str) -> None:
    outcome = rescu("pd", save("values.npz", np.linspace(0, 1, 20)), *argv, "--json")
    assert outcome.code == ExitCode.USAGE
    assert outcome.out == ""
    assert message in outcome.err


def test_a_value_that_is_not_finite_is_status_2(rescu: Run, tmp_path: Path) -> None:
    labels = np.linspace(0, 1, 20)
    p = np.random.default_rng(0).random((3, 20))
    p[1, 7] = np.nan
    np.savez(tmp_path / "a.npz", predictions=p, labels=labels, example_ids=np.arange(20))
    outcome = rescu("pd", "a.npz")
    assert outcome.code == ExitCode.USAGE
    assert "predictions[1, 7, 0] is not finite" in outcome.err


def test_help_tells_the_shapes_and_the_option(rescu: Run) -> None:
    text = rescu("pd", "--help").out
    assert "--task" in text
    assert "regression" in text
