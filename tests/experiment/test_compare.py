"""`compare` from names to report: small trainings, real data, real generated code."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rescu_cli.experiment.work as work
from rescu_cli.errors import DisagreementError, SpecMismatchError, UsageError
from rescu_cli.experiment import METRICS, compare, prediction_difference
from rescu_cli.experiment.stats import sign_flip_test

SMALL: dict[str, Any] = {"data": "breast_cancer", "epochs": 2, "hidden": (8,), "seeds": 4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("compare") / "run"
    return compare(["relu", "smelu", "tanh"], out=out, **SMALL)


def test_result_has_the_keys_of_the_contract(run: Any) -> None:
    data = run.to_dict()
    json.dumps(data, allow_nan=False)
    assert {"spec", "run_dir", "n_models", "activations", "comparisons", "advice"} <= set(data)
    assert data["n_models"] == 12
    assert [a["activation"] for a in data["activations"]] == ["relu", "smelu:beta=1", "tanh"]
    for one in data["activations"]:
        for score in ("accuracy", "loss"):
            assert {"mean", "ci", "ci_examples", "per_seed"} == set(one[score])
            assert len(one[score]["per_seed"]) == 4
            assert np.mean(one[score]["per_seed"]) == pytest.approx(one[score]["mean"])
        assert set(one["pd"]) == set(METRICS) == set(data["formulas"])
        for entry in one["pd"].values():
            assert entry["n_models"] == 4
            assert entry["ci"][0] <= entry["value"] <= entry["ci"][1]
        assert one["seconds"] > 0
    for one in data["comparisons"]:
        assert {"a", "b", "metric", "difference", "ci", "p", "p_adjusted", "verdict"} <= set(one)
        assert one["b"] == "relu"
    named = {(one["a"], one["metric"]) for one in data["comparisons"]}
    assert named == set(product(("smelu:beta=1", "tanh"), ("accuracy", "loss", *METRICS)))


def test_run_directory_follows_the_contract(run: Any) -> None:
    folder = run.run_dir
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    assert names == ["cells", "predictions", "spec.json", "table.csv"]
    assert len(list((folder / "cells").glob("*.json"))) == 12
    found = sorted(p.name for p in (folder / "predictions").iterdir())
    assert found == ["relu.npz", "smelu-beta-1.npz", "tanh.npz"]
    with (folder / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["activation"], int(r["seed"])) for r in rows][:5] == [
        *(("relu", seed) for seed in range(4)),
        ("smelu:beta=1", 0),
    ]
    losses = [float(r["loss"]) for r in rows[:4]]
    assert losses == list(run.activation("relu").loss.per_seed)
    assert rows[0]["diverged"] == "False"


def test_pd_of_the_files_is_that_of_the_report(run: Any) -> None:
    files = sorted((run.run_dir / "predictions").iterdir())
    found = prediction_difference(files)
    for one, result in zip(found["files"], run.activations, strict=True):
        for key, entry in one["pd"].items():
            assert entry["value"] == result.pd[key].value
            assert tuple(entry["ci"]) == result.pd[key].ci


def test_comparisons_are_those_of_the_scores(run: Any) -> None:
    [one] = [c for c in run.comparisons if c.a == "tanh" and c.metric == "loss"]
    a, b = (np.array(run.activation(name).loss.per_seed) for name in ("tanh", "relu"))
    assert one.difference == pytest.approx((a - b).mean())
    assert one.p == sign_flip_test(a - b).p
    assert one.least_p == 0.125
    pd = [c for c in run.comparisons if c.metric == "churn"]
    for c in pd:
        value = run.activation(c.a).pd["churn"].value - run.activation("relu").pd["churn"].value
        assert c.difference == pytest.approx(value)
        assert c.p_adjusted >= c.p


def test_few_seeds_are_told_what_would_do(run: Any) -> None:
    [text] = [t for t in run.advice if "sign-flip" in t]
    assert "4 seeds can never" in text
    assert "'--seeds 7'" in text


def test_the_same_command_trains_nothing_again(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(work, "train_batch", refuse)
    again = compare(["relu", "smelu", "tanh"], out=run.run_dir, **SMALL)
    assert again.to_dict() == run.to_dict()


def test_another_baseline_needs_no_training(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "train_batch", None)
    other = compare(["relu", "smelu", "tanh"], out=run.run_dir, baseline="smelu", **SMALL)
    assert {c.b for c in other.comparisons} == {"smelu:beta=1"}
    [here] = [c for c in other.comparisons if c.a == "relu" and c.metric == "pd_l1"]
    [there] = [c for c in run.comparisons if c.a == "smelu:beta=1" and c.metric == "pd_l1"]
    assert here.difference == pytest.approx(-there.difference)
    assert here.p == pytest.approx(there.p)


def test_a_missing_cell_is_trained_to_the_same_bits(run: Any, tmp_path: Path) -> None:
    before = (run.run_dir / "predictions" / "tanh.npz").read_bytes()
    victim = next(
        path
        for path in (run.run_dir / "cells").iterdir()
        if '"tanh"' in path.read_text() and '"seed": 2' in path.read_text()
    )
    old = json.loads(victim.read_text())
    victim.unlink()
    compare(["relu", "smelu", "tanh"], out=run.run_dir, **SMALL)
    new = json.loads(victim.read_text())
    measured = {"seconds": 0, "record_sha256": ""}  # the hash is of all fields, the time too
    assert {**new, **measured} == {**old, **measured}
    assert (run.run_dir / "predictions" / "tanh.npz").read_bytes() == before


def test_without_resume_everything_is_trained_again(run: Any) -> None:
    times = {p.name: p.stat().st_mtime_ns for p in (run.run_dir / "cells").iterdir()}
    again = compare(["relu", "smelu", "tanh"], out=run.run_dir, resume=False, **SMALL)
    assert all(p.stat().st_mtime_ns > times[p.name] for p in (run.run_dir / "cells").iterdir())
    assert again.activation("relu").pd == run.activation("relu").pd


def test_another_experiment_in_the_folder_is_refused(run: Any) -> None:
    with pytest.raises(SpecMismatchError, match="seeds: there"):
        compare(["relu", "smelu", "tanh"], out=run.run_dir, **{**SMALL, "seeds": 5})


def test_the_default_folder_names_data_and_experiment() -> None:
    report = compare(["relu"], **{**SMALL, "seeds": 1})
    assert report.run_dir.parent == Path("rescu-runs")
    assert report.run_dir.name.startswith("breast_cancer-")
    assert len(report.run_dir.name) == len("breast_cancer-") + 10
    assert report.run_dir.is_dir()


def test_one_seed_and_one_activation_say_that_there_is_nothing_to_compare() -> None:
    report = compare(["relu"], **{**SMALL, "seeds": 1})
    json.dumps(report.to_dict(), allow_nan=False)
    [one] = report.activations
    assert one.pd["pd_l1"].value is None
    assert one.score.ci is None
    assert report.comparisons == ()
    assert any("One seed has no prediction difference" in text for text in report.advice)


def test_two_seeds_have_no_interval() -> None:
    report = compare(["relu", "tanh"], **{**SMALL, "seeds": 2})
    assert report.activation("relu").pd["pd_l1"].value > 0
    assert report.activation("relu").pd["pd_l1"].ci is None
    [one] = [c for c in report.comparisons if c.metric == "pd_l1"]
    assert one.p is None
    assert one.verdict == "no difference shown"


def test_seeds_can_be_named() -> None:
    report = compare(["tanh"], **{**SMALL, "seeds": [7, 3]})
    assert report.spec["seeds"] == [7, 3]
    other = compare(["tanh"], **{**SMALL, "seeds": [3]})
    losses = report.activation("tanh").loss.per_seed
    assert other.activation("tanh").loss.per_seed == losses[1:]


def test_one_name_and_numpy_integers_are_understood() -> None:
    report = compare("tanh", **{**SMALL, "seeds": np.arange(2), "vary": "order"})
    assert report.spec["seeds"] == [0, 1]
    json.dumps(report.to_dict())


def test_progress_ends_at_its_total() -> None:
    seen: list[tuple[int, int]] = []
    compare(["relu"], progress=lambda done, total: seen.append((done, total)), **SMALL)
    assert seen[-1] == (2, 2)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("activations", "changes", "message"),
    [
        ([], {}, "No activation"),
        (["relu", "relu"], {}, "same function"),
        (["swish", "silu"], {}, "same function"),
        (["relu"], {"seeds": 0}, "0 seeds asked"),
        (["relu"], {"seeds": 10**12}, "seeds asked"),
        (["relu"], {"seeds": True}, "True seeds asked"),
        (["relu"], {"seeds": []}, "at least one"),
        (["relu"], {"seeds": [0.5]}, "seeds must be whole numbers"),
        (["relu"], {"hidden": 8}, "hidden widths must be whole numbers"),
        (["relu"], {"vary": "split,init"}, "No source of variation"),
        (["relu"], {"seeds": [1, 1]}, "different"),
        (["relu"], {"baseline": "tanh"}, "baseline 'tanh'"),
        (["relu"], {"data": "cifar10"}, "No data set named 'cifar10'"),
        (["relu"], {"engine": "spark"}, "No engine"),
        (["relu"], {"workers": 3}, "3 workers"),
        (["nosuch"], {}, "nosuch"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused_before_a_folder_is_made(
    activations: list[str], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        compare(activations, **{**SMALL, **changes})
    assert not Path("rescu-runs").exists()


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work.torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="finds no CUDA device"):
        compare(["relu"], device="cuda", **SMALL)
    assert not Path("rescu-runs").exists()


def test_the_trainer_runs_the_exported_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replacing what `export` returns changes what is trained; nothing else is consulted."""
    plain = compare(["relu"], out="plain", **SMALL)
    tanh = work.code_of(work_activation("tanh"))
    monkeypatch.setattr(work, "code_of", lambda subject: tanh)
    swapped = compare(["relu"], out="swapped", **SMALL)
    assert swapped.activation("relu").loss != plain.activation("relu").loss


def work_activation(name: str) -> Any:
    from rescu_cli.catalogue import resolve

    return resolve(name).with_defaults()


# -- controls: the checks must catch what they are for ------------------------------------------


def test_two_activations_with_the_same_predictions_are_a_loud_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trainer that uses one activation for all, as in a published study."""
    relu = work.code_of(work_activation("relu"))
    monkeypatch.setattr(work, "code_of", lambda subject: relu)
    with pytest.raises(DisagreementError, match=r"relu.*elu.*identical predictions") as caught:
        # Same code and, with the default initialisation, the same gain.
        compare(["relu", "elu"], init="default", **SMALL)
    assert caught.value.exit_code == 1


def test_a_seed_that_is_ignored_is_a_loud_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import rescu_cli.experiment.train as train

    monkeypatch.setattr(
        train, "generator_for", lambda purpose, seed, vary: np.random.default_rng(0)
    )
    with pytest.raises(DisagreementError, match="seeds 0 and 1 gave identical predictions"):
        compare(["relu"], **SMALL)


def test_diverged_trainings_are_left_out_and_told() -> None:
    report = compare(["relu", "tanh"], lr=1e30, **SMALL)
    json.dumps(report.to_dict(), allow_nan=False)
    one = report.activation("relu")
    assert one.n_diverged > 0
    assert one.score.per_seed.count(None) == one.n_diverged
    assert any("diverged" in text for text in report.advice)
    assert one.pd["pd_l1"].n_models == 4 - one.n_diverged


def test_a_model_that_learned_nothing_is_told() -> None:
    report = compare(["relu"], lr=1e-12, **SMALL)
    accuracy = report.activation("relu").score.mean
    told = any("learned nothing" in text for text in report.advice)
    assert told == (accuracy <= 0.6315789473684210)


KILLED = """
import os, signal, sys
from pathlib import Path
import rescu_cli.experiment.plan as plan
from rescu_cli.experiment import compare

plan.SIZES = (4,)

def progress(done, total):
    if done > 4:  # reports may skip an epoch, but the last of a batch comes before it is saved
        os.kill(os.getpid(), signal.SIGKILL)

compare(["relu", "tanh"], data="breast_cancer", epochs=2, hidden=(8,), seeds=6,
        out=sys.argv[1], progress=progress)
"""


def test_a_killed_process_loses_at_most_the_running_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three batches of four cells; killed in the third. The rest resumes to the same bits."""
    out = tmp_path / "run"
    root = Path(work.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(out)], env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(list((out / "cells").glob("*.json"))) == 8
    assert not (out / "table.csv").exists()
    trained: list[int] = []
    original = work.train_batch

    def counting(cells: Any, *rest: Any) -> Any:
        trained.append(len(cells))
        return original(cells, *rest)

    monkeypatch.setattr(work, "train_batch", counting)
    options: dict[str, Any] = {**SMALL, "seeds": 6}
    resumed = compare(["relu", "tanh"], out=out, **options)
    assert trained == [4]
    whole = compare(["relu", "tanh"], out=tmp_path / "whole", **options)
    for name in ("relu", "tanh"):
        a, b = (folder / "predictions" / f"{name}.npz" for folder in (out, tmp_path / "whole"))
        assert a.read_bytes() == b.read_bytes()
        assert resumed.activation(name).pd == whole.activation(name).pd


def test_worker_processes_give_the_same_bits(run: Any, tmp_path: Path) -> None:
    pytest.importorskip("loky")
    seen: list[tuple[int, int]] = []
    other = compare(
        ["relu", "smelu", "tanh"],
        out=tmp_path / "loky",
        engine="loky",
        workers=2,
        progress=lambda done, total: seen.append((done, total)),
        **SMALL,
    )
    for result in other.activations:
        assert result.pd == run.activation(result.activation).pd
    assert seen[-1] == (4, 4)


def test_a_damaged_file_is_told_and_its_cell_trained_again(tmp_path: Path) -> None:
    first = compare(["relu"], out=tmp_path / "run", **SMALL)
    cell = next((tmp_path / "run" / "cells").iterdir())
    cell.write_text(cell.read_text()[:40])
    again = compare(["relu"], out=tmp_path / "run", **SMALL)
    assert cell.name in again.advice[0]
    assert again.activation("relu").loss == first.activation("relu").loss
    assert compare(["relu"], out=tmp_path / "run", **SMALL).advice == first.advice


@pytest.mark.parametrize("options", [{"norm": "layer"}, {"init": "default"}, {"vary": ["order"]},
                                     {"dtype": "float64"}, {"batch_size": 7}], ids=str)  # fmt: skip
def test_every_option_reaches_the_training(run: Any, options: dict[str, Any]) -> None:
    """A recipe that is accepted and ignored would give the loss of the plain run."""
    report = compare(["tanh"], **{**SMALL, **options})
    assert report.activation("tanh").loss.per_seed != run.activation("tanh").loss.per_seed
