"""The data split as a second factor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rescu_cli.errors import UsageError
from rescu_cli.experiment import compare, compare_splits
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.splits import corrected_mean

from .samples import make_dataset, make_regression


@pytest.mark.parametrize("data", [make_dataset(), make_regression()], ids=["classes", "values"])
def test_every_example_is_on_one_side_of_each_division(data: Dataset) -> None:
    again = data.split_again(1)
    rows = np.sort(np.concatenate([again.x_train, again.x_test]), axis=0)
    assert (rows == np.sort(np.concatenate([data.x_train, data.x_test]), axis=0)).all()
    pool = np.concatenate([data.x_train, data.x_test])
    assert (pool[again.example_ids] == again.x_test).all()
    labels = np.concatenate([data.y_train, data.y_test])
    assert (labels[again.example_ids] == again.y_test).all()
    assert abs(len(again.y_test) - len(data.y_test)) <= data.n_classes
    assert again.digest not in {data.digest, data.split_again(2).digest}
    assert again.digest == data.split_again(1).digest


def test_the_first_division_is_the_datas_own_and_the_others_are_runs_of_their_own(
    tmp_path: Path,
) -> None:
    data = make_dataset()
    asked = {"epochs": 2, "batch_size": 16, "seeds": 3}
    report = compare_splits(["relu", "smelu"], splits=3, data=data, out=tmp_path / "all", **asked)
    alone = [
        compare(["relu", "smelu"], data=part, out=tmp_path / str(number), **asked)
        for number, part in enumerate([data, data.split_again(1), data.split_again(2)])
    ]
    assert [one.pd for one in report.activations] == [one.pd for one in alone[0].activations]
    assert report.splits is not None
    values = report.splits.values["smelu:beta=1"]
    assert values["pd_l1"] == tuple(r.activation("smelu:beta=1").pd["pd_l1"].value for r in alone)
    assert values["accuracy"] == tuple(r.activation("smelu:beta=1").score.mean for r in alone)
    assert values["loss"] == tuple(r.activation("smelu:beta=1").loss.mean for r in alone)
    assert len(set(values["pd_l1"])) == 3
    found = next(d for d in report.splits.differences if d.metric == "pd_l1")
    base = report.splits.values["relu"]["pd_l1"]
    wanted = [a - b for a, b in zip(values["pd_l1"], base, strict=True) if a and b]
    assert found.per_split == tuple(wanted)
    assert found.mean == pytest.approx(np.mean(wanted))
    assert found.n_lower == sum(one < 0 for one in wanted)
    assert [Path(d).name for d in report.splits.run_dirs] == ["all", "split-1", "split-2"]
    assert report.to_dict()["splits"]["values"]["relu"]["loss"]
    assert "splits" not in alone[0].to_dict()


def test_tuning_and_matching_are_done_for_each_division(tmp_path: Path) -> None:
    compare_splits(
        ["relu", "smelu"], splits=2, data=make_dataset(), out=tmp_path / "run", epochs=2, seeds=3,
        batch_size=16, tune=(1e-3, 1e-2), match="loss",
    )  # fmt: skip
    assert {p.name for p in (tmp_path / "run").iterdir() if p.is_dir()} >= {
        "split-1", "tuning", "unmatched",
    }  # fmt: skip
    assert {p.name for p in (tmp_path / "run/split-1").iterdir() if p.is_dir()} >= {
        "tuning", "unmatched",
    }  # fmt: skip


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    compare_splits(
        ["relu"], splits=3, data=make_dataset(), out=tmp_path / "run", epochs=2, seeds=2,
        batch_size=16, progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[-1] == (6, 6)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_interval_covers_the_mean_of_results_that_share_examples() -> None:
    """Against s²/K, which does not: each result is a mean over a random fifth of one sample."""
    generator = np.random.default_rng(0)
    covered = naive = 0
    n_runs, n, k = 1000, 100, 10
    for _ in range(n_runs):
        sample = generator.standard_normal(n)
        # What a test part of 20 says of the whole world, whose mean is 0.
        values = np.array([generator.permutation(sample)[:20].mean() for _ in range(k)])
        mean, ci = corrected_mean(values, 0.2)
        assert ci is not None
        covered += ci[0] <= 0 <= ci[1]
        half = (ci[1] - ci[0]) / 2 * np.sqrt((1 / k) / (1 / k + 0.25))
        naive += abs(mean) <= half
    assert covered / n_runs > 0.9
    assert naive / n_runs < 0.85, "the control should cover too rarely"


@pytest.mark.parametrize("splits", [1, 0, -3, 101])
def test_a_number_of_splits_out_of_range_is_refused_before_training(
    splits: int, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=f"{splits} splits asked"):
        compare_splits(["relu"], splits=splits, data=make_dataset(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_class_too_rare_to_be_divided_is_refused_before_training(tmp_path: Path) -> None:
    data = make_dataset()
    labels = data.y_train.copy()
    labels[labels == 2] = 0
    labels[0] = 2
    rare = replace(data, y_train=labels, y_test=np.minimum(data.y_test, 1))
    single = replace(rare, x_test=rare.x_train[:50], y_test=labels[:50],
                     example_ids=np.arange(50))  # fmt: skip
    # Two examples of the class, of which more than half go to the test part: none is left.
    few = replace(single, x_train=rare.x_train[:10], y_train=labels[:10])
    with pytest.raises(UsageError, match="an example of each"):
        compare_splits(["relu"], splits=8, data=few, out=tmp_path / "run", batch_size=4)
    assert not (tmp_path / "run").exists()
