"""`prediction_difference` of regressions, and how the task of a file is known."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment import compare, prediction_difference
from rescu_cli.experiment.metrics import METRICS, measure, squared_error
from rescu_cli.experiment.predictions import Predictions, load_predictions
from rescu_cli.experiment.scores import SCORES
from rescu_cli.experiment.stats import jackknife, mean_estimate

from .samples import make_regression

N_MODELS, N = 4, 51
DEFINED = {"pd_l1", "pd_l2", "pd_pairwise_l1"}


def sample(seed: int = 0) -> dict[str, Any]:
    """Models that are off by noise of their own; targets far from 0."""
    generator = np.random.default_rng(seed)
    labels = 1e3 + generator.standard_normal(N)
    outputs = labels + 0.3 * generator.standard_normal((N_MODELS, N))
    return {"predictions": outputs[:, :, None], "labels": labels, "example_ids": np.arange(N)}


def save(path: Path, **changes: Any) -> Path:
    arrays = {**sample(), **changes}
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})
    return path


def probabilities(n_classes: int = 3) -> dict[str, Any]:
    """A classification of the same examples."""
    p = np.random.default_rng(1).dirichlet(np.ones(n_classes), size=(N_MODELS, N))
    return {"predictions": p, "labels": np.arange(N) % n_classes}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("compare") / "run"
    return compare(["relu", "smelu"], data=make_regression(), hidden=(8,), epochs=3, seeds=4,
                   out=out)  # fmt: skip


def test_figures_of_a_runs_files_are_those_of_the_comparison(run: Any) -> None:
    found = prediction_difference(sorted((run.run_dir / "predictions").iterdir()))
    assert found["formulas"] == dict(run.formulas)
    for one, result in zip(found["files"], run.activations, strict=True):
        assert one["pd"].keys() == result.pd.keys() == DEFINED
        for key, entry in one["pd"].items():
            expected = result.pd[key]
            assert entry["value"] == pytest.approx(expected.value, rel=1e-12)
            assert entry["ci"] == pytest.approx(expected.ci, rel=1e-12)
            assert entry["ci_examples"] == pytest.approx(expected.ci_examples, rel=1e-12)
        # The comparison's loss over seeds is that of the trainer, in single precision.
        for name, score, rel in (("r2", result.score, 1e-12), ("loss", result.loss, 1e-6)):
            assert one[name]["mean"] == pytest.approx(score.mean, rel=rel)
            assert one[name]["per_seed"] == pytest.approx(list(score.per_seed), rel=rel)
            assert one[name]["ci"] == pytest.approx(score.ci, rel=rel)
            assert one[name]["ci_examples"] == pytest.approx(score.ci_examples, rel=1e-9)


def test_a_runs_files_say_that_they_are_of_a_regression(run: Any, tmp_path: Path) -> None:
    """So targets that are whole numbers by chance are not taken for classes."""
    path = run.run_dir / "predictions" / "relu.npz"
    arrays = dict(np.load(path))
    assert arrays["task"] == "regression"
    assert load_predictions(path).task == "regression"
    whole = {**arrays, "labels": np.round(arrays["labels"] * 3)}
    np.savez(tmp_path / "a.npz", **whole)
    assert prediction_difference([tmp_path / "a.npz"])["files"][0]["task"] == "regression"
    del whole["task"]
    np.savez(tmp_path / "b.npz", **whole)
    with pytest.raises(UsageError, match="two ways"):
        prediction_difference([tmp_path / "b.npz"])


def test_a_run_without_the_marker_is_still_resumed(run: Any) -> None:
    """Run directories of before do not have it."""
    path = run.run_dir / "predictions" / "relu.npz"
    before = path.read_bytes()
    arrays = dict(np.load(path))
    del arrays["task"]
    np.savez(path, **arrays)
    again = compare(["relu", "smelu"], data=make_regression(), hidden=(8,), epochs=3, seeds=4,
                    out=run.run_dir)  # fmt: skip
    path.write_bytes(before)
    assert again.to_dict() == run.to_dict()


def test_the_json_has_the_keys_of_a_regression(tmp_path: Path) -> None:
    found = prediction_difference([save(tmp_path / "a.npz")])
    json.dumps(found, allow_nan=False)
    [one] = found["files"]
    assert list(one) == ["path", "task", "n_models", "n_examples", "r2", "loss", "pd"]
    assert (one["task"], one["n_models"], one["n_examples"]) == ("regression", N_MODELS, N)
    for name in ("r2", "loss"):
        assert list(one[name]) == ["mean", "ci", "ci_examples", "per_seed"]
        assert one[name]["ci"][0] < one[name]["mean"] < one[name]["ci"][1]
    assert set(one["pd"]) == set(found["formulas"]) == DEFINED
    assert {key for key, metric in METRICS.items() if "regression" in metric.tasks} == DEFINED


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "one output": lambda p: p,
    "no axis of outputs": lambda p: p[:, :, 0],
    "Fortran order": np.asfortranarray,
    "big-endian": lambda p: p.astype(">f8"),
    "two models": lambda p: p[:2],
}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("length", [1, 7, 50, 51, 10**6, None])
@pytest.mark.parametrize("form", FORMS)
def test_chunks_of_any_length_give_the_figures_of_the_whole(
    tmp_path: Path, form: str, length: int | None, write: Callable[..., None]
) -> None:
    arrays = sample()
    outputs = FORMS[form](arrays["predictions"])
    path = tmp_path / "a.npz"
    write(path, **{**arrays, "predictions": outputs})
    [found] = prediction_difference([path], chunk_examples=length)["files"]
    three = outputs if outputs.ndim == 3 else outputs[:, :, None]
    whole = Predictions("whole", three, arrays["labels"], arrays["example_ids"],
                        np.arange(len(outputs)), "regression")  # fmt: skip
    tables = {
        "r2": SCORES["r2"].table(three, arrays["labels"]),
        "loss": squared_error(whole) / 2,
    }
    for name, table in tables.items():
        assert found[name]["per_seed"] == pytest.approx(table.mean(1), rel=1e-11)
        assert found[name]["mean"] == pytest.approx(table.mean(), rel=1e-11)
        for key, axis in (("ci", 1), ("ci_examples", 0)):
            expected = mean_estimate(table.mean(axis)).interval()
            assert found[name][key] == pytest.approx(expected, rel=1e-10)
    for key in DEFINED:
        expected = measure(key, whole)
        assert found["pd"][key]["value"] == pytest.approx(expected.value, rel=1e-12)
        interval = jackknife(expected.value, expected.leave_one_out).interval()
        assert (found["pd"][key]["ci"] is None) == (interval is None)
        if interval is not None:
            assert found["pd"][key]["ci"] == pytest.approx(interval, rel=1e-10)


def test_r2_is_0_for_the_mean_and_1_for_the_truth(tmp_path: Path) -> None:
    labels = sample()["labels"]
    outputs = np.stack([labels, np.full(N, labels.mean())])
    [one] = prediction_difference([save(tmp_path / "a.npz", predictions=outputs)])["files"]
    assert one["r2"]["per_seed"] == pytest.approx([1, 0], abs=1e-12)
    assert one["loss"]["per_seed"] == pytest.approx([0, labels.var() / 2], rel=1e-12)


def test_a_column_of_labels_is_taken_as_a_row(tmp_path: Path) -> None:
    labels = sample()["labels"]
    one = prediction_difference([save(tmp_path / "a.npz")])
    two = prediction_difference([save(tmp_path / "b.npz", labels=labels[:, None])])
    assert one["files"][0]["r2"] == two["files"][0]["r2"]
    with pytest.raises(UsageError, match=r"different labels \(\(51,\) against \(51, 1\)\)"):
        prediction_difference([tmp_path / "a.npz", tmp_path / "b.npz"])


# -- the task -------------------------------------------------------------------------------

WHOLE = np.arange(N) % 2
ALONE = np.random.default_rng(2).random((N_MODELS, N))

CLEAR: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "labels with a fraction": ({}, None, "regression"),
    "one fraction among whole numbers": (
        {"labels": np.where(np.arange(N) == 50, 0.5, WHOLE)}, None, "regression"),
    "half precision": ({"labels": (WHOLE + 0.25).astype(np.float16)}, None, "regression"),
    "integers and classes": (probabilities(), None, "classification"),
    "0 and 1 and the probability of class 1": (
        {"predictions": ALONE, "labels": WHOLE}, None, "classification"),
    "0 alone and the probability of class 1": (
        {"predictions": ALONE, "labels": WHOLE * 0}, None, "classification"),
    "asked of 0 and 1": ({"predictions": ALONE, "labels": WHOLE}, "regression", "regression"),
    "asked of integers": ({"labels": np.arange(N)}, "regression", "regression"),
    "asked of whole floats": ({"labels": np.arange(N) * 1.0}, "regression", "regression"),
    "marked": ({"labels": np.arange(N) * 1.0, "task": np.array("regression")}, None, "regression"),
    "marked and asked": (
        {"labels": WHOLE, "task": np.array("regression")}, "regression", "regression"),
    "marked as classes": (
        {**probabilities(), "task": np.array("classification")}, None, "classification"),
    "an array of that name which is no text": ({"task": np.arange(N)}, None, "regression"),
    "a number of that name": ({**probabilities(), "task": np.array(3)}, None, "classification"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "asked", "expected"), CLEAR.values(), ids=CLEAR)
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_the_task_is_known_where_there_is_no_doubt(
    tmp_path: Path, changes: dict[str, Any], asked: str | None, expected: str,
    write: Callable[..., None],
) -> None:  # fmt: skip
    path = tmp_path / "a.npz"
    write(path, **{**sample(), **changes})
    [one] = prediction_difference([path], task=asked)["files"]
    assert one["task"] == load_predictions(path, asked).task == expected
    assert ("r2" in one, "accuracy" in one) == (expected == "regression",
                                                expected == "classification")  # fmt: skip


ALL, ONE = "probabilities of all classes", "probabilities of class 1 with the shape (4, 51)"
TWO_WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "whole floats": ({"labels": np.arange(N) * 1.0}, f"labels as integers and the {ALL}"),
    "whole floats 0 and 1": ({"labels": WHOLE * 1.0}, f"labels as integers and the {ONE}"),
    "whole floats 0 and 1 beside (M, N)": (
        {"predictions": ALONE, "labels": WHOLE * 1.0}, "labels as integers. If"),
    "integers 0 and 1 beside (M, N, 1)": ({"labels": WHOLE}, ONE),
    "integers beside (M, N, 1)": ({"labels": np.arange(N)}, ALL),
    "integers beside (M, N)": ({"predictions": ALONE, "labels": np.arange(N)}, ALL),
    "negative integers beside (M, N)": ({"predictions": ALONE, "labels": -WHOLE}, ALL),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "mend"), TWO_WAYS.values(), ids=TWO_WAYS)
def test_what_can_be_read_in_two_ways_is_refused_with_both(
    tmp_path: Path, changes: dict[str, Any], mend: str
) -> None:
    path = save(tmp_path / "a.npz", **changes)
    for read in (lambda: prediction_difference([path]), lambda: load_predictions(path)):
        with pytest.raises(UsageError) as caught:
            read()
        assert "can be read in two ways" in str(caught.value)
        assert "If the labels are classes, save" in str(caught.value)
        assert mend in str(caught.value)
        assert "values of a regression, use '--task regression'" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "asked", "message"),
    [
        (probabilities(), "regression", r"a regression has one output.*found \(4, 51, 3\)"),
        ({"predictions": probabilities()["predictions"]}, None, "a regression has one output"),
        ({}, "classification", r"at least 1, 1 and 2 of them; found \(4, 51, 1\)"),
        ({"predictions": ALONE}, "classification", "labels must be 51 integers.*float64"),
        ({"task": np.array("regression")}, "classification", "the file says that it is of a regr"),
        ({**probabilities(), "task": np.array("classification")}, "regression", "of a classif"),
    ],
    ids=str,
)
def test_the_wrong_task_is_refused(
    tmp_path: Path, changes: dict[str, Any], asked: str | None, message: str
) -> None:
    path = save(tmp_path / "a.npz", **changes)
    for read in (
        lambda: prediction_difference([path], task=asked),
        lambda: load_predictions(path, asked),
    ):
        with pytest.raises(UsageError, match=message):
            read()


@pytest.mark.parametrize("changes", [{}, {"task": np.array("ranking")}], ids=["asked", "marked"])
def test_an_unknown_task_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    asked = None if changes else "ranking"
    with pytest.raises(UnknownNameError, match="classification, regression"):
        prediction_difference([save(tmp_path / "a.npz", **changes)], task=asked)


def test_files_of_different_tasks_are_not_put_side_by_side(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a.npz"), save(tmp_path / "b.npz", **probabilities())
    with pytest.raises(UsageError, match=r"a\.npz is read as a regression and .*b\.npz as a class"):
        prediction_difference([a, b])


# -- what is no regression ------------------------------------------------------------------


def changed(place: tuple[int, ...], value: float) -> np.ndarray:
    p = sample()["predictions"].copy()
    p[place] = value
    return p


@pytest.mark.parametrize("length", [1, 7, None])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictions": changed((1, 10, 0), np.nan)}, r"predictions\[1, 10, 0\] is not finite"),
        ({"predictions": changed((3, 50, 0), -np.inf)}, r"predictions\[3, 50, 0\] is not finite"),
        (
            {"predictions": changed((2, 5, 0), 1e61)},
            r"predictions\[2, 5, 0\] is larger than 1e\+60",
        ),
        ({"predictions": np.zeros((N_MODELS, N, 1), dtype=int)}, "must be floats; found dtype int"),
        ({"predictions": np.zeros(N)}, "shape"),
        ({"predictions": np.zeros((N_MODELS, 0, 1))}, "shape"),
        ({"predictions": sample()["predictions"][:1]}, "at least 2 models; found 1"),
        ({"labels": sample()["labels"][:-1]}, r"labels must be numbers of shape \(51,\)"),
        ({"labels": np.array(0.5)}, "labels must be numbers of shape"),
        ({"labels": np.full((N, 2), 0.5)}, "labels must be numbers of shape"),
        ({"labels": np.where(np.arange(N) == 9, np.nan, 0.5)}, "a label is not finite"),
        ({"labels": np.where(np.arange(N) == 9, np.inf, 1.0)}, "a label is not finite"),
        ({"labels": np.where(np.arange(N) == 9, 1e61, 0.5)}, r"labels run from 0\.5 to 1e\+61"),
        ({"labels": np.full(N, 0.5)}, "R² needs targets that differ"),
        ({"labels": np.where(np.arange(N) == 9, 1e-200, 0.0)}, "R² needs targets that differ"),
        ({"example_ids": np.zeros(N)}, "example_ids must be 51 different"),
        ({"seeds": np.arange(3)}, "seeds must be 4"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_files_that_hold_no_regression_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str, length: int | None
) -> None:
    with pytest.raises(UsageError, match=message):
        prediction_difference([save(tmp_path / "a.npz", **changes)], chunk_examples=length)


def test_text_is_no_label(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", labels=np.array(["a"] * N))
    for asked, message in ((None, "at least 1, 1 and 2"), ("regression", "must be numbers")):
        with pytest.raises(UsageError, match=message):
            prediction_difference([path], task=asked)


def test_the_largest_numbers_give_finite_figures(tmp_path: Path) -> None:
    """Squares of squares are summed: nothing overflows, nothing warns."""
    signs = np.where(np.random.default_rng(0).random((N_MODELS, N)) < 0.5, -1.0, 1.0)
    for labels in (np.linspace(-1e60, 1e60, N), 0.5 + np.linspace(0, 2e-16, N),
                   np.linspace(0, 2e-60, N)):  # fmt: skip
        path = save(tmp_path / "a.npz", predictions=1e60 * signs, labels=labels)
        found = prediction_difference([path], task="regression", chunk_examples=7)
        json.dumps(found, allow_nan=False)


def test_other_counts_of_models_get_a_warning_of_what_is_defined(tmp_path: Path) -> None:
    p = sample()["predictions"]
    paths = [save(tmp_path / "a.npz"), save(tmp_path / "b.npz", predictions=p[:3])]
    [text] = prediction_difference(paths)["advice"]
    assert "pd_l1, pd_l2 grow" in text


def test_progress_reaches_all_examples(tmp_path: Path) -> None:
    told: list[int] = []
    prediction_difference([save(tmp_path / "a.npz")], chunk_examples=5,
                          progress=lambda done, total: told.append(done))  # fmt: skip
    assert told == sorted(told)
    assert told[-1] == N


def test_the_predictions_are_never_held(tmp_path: Path) -> None:
    """32 MB of predictions are measured with half of that."""
    n = 200_000
    labels = np.linspace(0, 1, n)
    p = labels + np.linspace(0, 0.1, 20)[:, None]
    np.savez(tmp_path / "a.npz", predictions=p, labels=labels, example_ids=np.arange(n))
    size = p.nbytes
    del p
    tracemalloc.start()
    try:
        prediction_difference([tmp_path / "a.npz"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size / 2
