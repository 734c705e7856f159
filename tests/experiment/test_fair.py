"""Equal terms: tuning, matched loss, margins, the control, and every task through `compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli.errors import UnknownNameError, UnsupportedError, UsageError
from rescu_cli.experiment import compare
from rescu_cli.experiment.comparison import TUNE_SEEDS

from .samples import make_dataset, make_images, make_regression, make_table

SMALL: dict[str, Any] = {"data": make_dataset(300, 60), "hidden": (8,), "epochs": 4, "seeds": 4}


def test_tuning_gives_each_activation_its_best_rate(tmp_path: Path) -> None:
    """By the mean validation loss of the first seeds, read from the tuning runs themselves."""
    rates = (1e-5, 1e-2)
    report = compare(["relu", "tanh"], tune=rates, out=tmp_path / "run", **SMALL)
    losses: dict[tuple[str, float], list[float]] = {}
    for rate in rates:
        for path in (tmp_path / "run" / "tuning" / f"lr-{rate:g}" / "cells").iterdir():
            record = json.loads(path.read_text())
            losses.setdefault((record["activation"], rate), []).append(record["loss"])
    assert all(len(found) == TUNE_SEEDS for found in losses.values())
    for key in report.spec["activations"]:
        best = min(rates, key=lambda rate: np.mean(losses[key["spec"], rate]))
        assert key["lr"] == best == 1e-2
    assert any(
        "relu, tanh: best at 0.01" in said and "larger one" in said for said in report.advice
    )
    plain = compare(["relu", "tanh"], lr=1e-2, out=tmp_path / "plain", **SMALL)
    assert report.activation("tanh").loss == plain.activation("tanh").loss


def test_tuning_does_not_look_at_the_test_part(tmp_path: Path) -> None:
    compare(["relu"], tune=(1e-3, 1e-2), out=tmp_path / "run", **SMALL)
    folder = tmp_path / "run" / "tuning" / "lr-0.001"
    with np.load(folder / "predictions" / "relu.npz") as held:
        assert len(held["labels"]) == 60 and held["example_ids"].max() < 300
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["data_digest"] == SMALL["data"].validation().digest


def test_an_activation_that_diverges_at_every_rate_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="relu diverged at every learning rate tried"):
        compare(["relu"], tune=(1e30, 1e35), out=tmp_path / "run", **SMALL)


def test_what_diverges_at_every_rate_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    """Weights of 1e30 overflow through ReLU, and leave a bounded activation's outputs finite."""
    report = compare(["relu", "tanh"], tune=(1e30, 2e30), out=tmp_path / "run", **SMALL)
    relu, tanh = report.activations
    assert relu.score.mean is None and relu.n_diverged == len(report.spec["seeds"])
    assert tanh.score.mean is not None and tanh.n_diverged == 0
    assert any("relu diverged at every learning rate tried" in said for said in report.advice)
    assert not any("tanh diverged" in said for said in report.advice)


def test_matched_loss_compares_models_that_are_equally_good(tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 10, "lr": 1e-2}
    report = compare(["relu", "tanh"], match="loss", out=tmp_path / "run", **options)
    mark = report.spec["stop_at"]
    best = []
    for result in report.activations:
        curves = np.array(result.curves.validation_loss, dtype=float)
        best.append(curves.mean(0).min())
        for curve, epoch in zip(curves, result.curves.epoch, strict=True):
            reached = np.flatnonzero(curve <= mark)
            assert epoch == (reached[0] + 1 if len(reached) else 10)
    assert mark == max(best)
    assert min(e for r in report.activations for e in r.curves.epoch) < 10


def test_scales_are_matched_to_the_first_activation(tmp_path: Path) -> None:
    report = compare(
        ["smelu:beta=1", "softplus"], match_scale="curvature", out=tmp_path / "run", **SMALL
    )
    assert [r.activation for r in report.activations] == ["smelu:beta=1", "softplus:k=2"]
    with pytest.raises(UnsupportedError, match="smooths nothing"):
        compare(["relu", "smelu"], match_scale="variance", out=tmp_path / "other", **SMALL)


def test_a_margin_adds_a_test_of_equivalence_to_the_scores(tmp_path: Path) -> None:
    wide = compare(["relu", "tanh"], margin=0.9, **SMALL, out=tmp_path / "run")
    narrow = compare(["relu", "tanh"], margin=1e-9, **SMALL, out=tmp_path / "run")
    for report, expected in ((wide, True), (narrow, False)):
        tested = [c for c in report.comparisons if c.equivalence is not None]
        assert [c.metric for c in tested] == ["accuracy"]
        assert tested[0].equivalence.equivalent is expected
        assert report.to_dict()["comparisons"][0]["equivalence"]["equivalent"] is expected


def test_the_control_has_no_prediction_difference_at_all(tmp_path: Path) -> None:
    report = compare(["relu", "tanh"], vary=(), out=tmp_path / "run", **SMALL)
    for result in report.activations:
        assert {found.value for found in result.pd.values()} == {0.0}
        assert len(set(result.loss.per_seed)) == 1
    assert "the control" in " ".join(report.advice)


@pytest.mark.parametrize(
    ("data", "options", "score", "keys"),
    [
        (make_regression(), {}, "r2", {"pd_l1", "pd_l2", "pd_pairwise_l1"}),
        (make_table((7, 4), 2), {"model": "ctr", "batch_size": 32}, "auc", None),
        (make_images((1, 9)), {"model": "cnn", "norm": "batch"}, "accuracy", None),
        (make_dataset(), {"dropout": 0.2, "vary": ("dropout", "split")}, "accuracy", None),
    ],
    ids=["regression", "ctr", "cnn", "dropout"],
)
def test_every_task_goes_all_the_way(
    data: Any, options: dict[str, Any], score: str, keys: set[str] | None, tmp_path: Path
) -> None:
    options = {"hidden": (6,), "epochs": 2, "seeds": 3, "batch_size": 16, **options}
    report = compare(["relu", "smelu"], data=data, out=tmp_path / "run", **options)
    document = report.to_dict()
    for result in document["activations"]:
        assert result[score]["mean"] is not None and len(result[score]["per_seed"]) == 3
        assert len(result["curves"]["train_loss"][0]) == 2
        assert keys is None or set(result["pd"]) == keys
        assert result["pd"]["pd_l1"]["value"] > 0
    again = compare(["relu", "smelu"], data=data, out=tmp_path / "run", **options)
    assert again.to_dict() == document


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"match": "accuracy"}, "quantity to match"),
        ({"margin": 0.0}, "must be positive"),
        ({"tune": (1e-3,)}, "at least two"),
        ({"tune": (1e-3, 1e-2), "lr": 1e-3}, "name one"),
        ({"model": "ctr"}, "needs two classes"),
        ({"model": "cnn"}, "needs images or signals"),
        ({"batch_size": 301}, "only 300 for training"),
        ({"dropout": 1.5}, "Dropout 1.5"),
    ],
    ids=str,
)
def test_contradictions_are_refused_before_training(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=message):
        compare(["relu"], **{**SMALL, **changes}, out=tmp_path / "run")
    assert not list((tmp_path / "run").glob("cells/*"))
