"""`prediction_difference` of files that come from anywhere."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment import prediction_difference
from rescu_cli.experiment.metrics import METRICS, measure

from .samples import make_predictions


def save(path: Path, n_models: int = 4, seed: int = 0, **changes: object) -> Path:
    p = make_predictions(n_models, 12, 3, seed)
    arrays = {
        "predictions": p.probabilities,
        "labels": np.arange(12) % 3,
        "example_ids": np.arange(12),
        "seeds": p.seeds,
        **changes,
    }
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})
    return path


def test_every_metric_with_both_intervals(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    found = prediction_difference([path])
    json.dumps(found, allow_nan=False)
    [one] = found["files"]
    assert (one["n_models"], one["n_examples"], one["n_classes"]) == (4, 12, 3)
    assert set(one["pd"]) == set(found["formulas"]) == set(METRICS)
    for key, entry in one["pd"].items():
        value = measure(key, make_predictions(4, 12, 3, 0)).value
        if METRICS[key].formula.find("p[") < 0 and "y_n" not in METRICS[key].formula:
            assert entry["value"] == value
        assert entry["ci"][0] < entry["value"] < entry["ci"][1]
        assert entry["ci_examples"][0] < entry["value"] < entry["ci_examples"][1]
        assert entry["n_models"] == 4
    assert len(one["accuracy"]["per_seed"]) == 4
    assert found["advice"] == []


def test_two_models_have_no_interval_over_seeds(tmp_path: Path) -> None:
    [one] = prediction_difference([save(tmp_path / "a.npz", 2)])["files"]
    assert one["pd"]["pd_l1"]["ci"] is None
    assert one["pd"]["pd_l1"]["ci_examples"] is not None


def test_one_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 2 models"):
        prediction_difference([save(tmp_path / "a.npz", 1)])


def test_no_file_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        prediction_difference([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(12)[::-1] % 3}, "different labels.*position 0: 0 against 2"),
        ({"example_ids": np.arange(12)[::-1]}, "different example_ids.*position 0: 0 against 11"),
        ({"example_ids": np.array([f"e{i}" for i in range(12)])}, "different example_ids"),
    ],
    ids=["labels", "ids", "text ids"],
)
def test_files_about_other_examples_are_refused(
    tmp_path: Path, change: dict[str, np.ndarray], message: str
) -> None:
    """The mistake of a published study: a new random batch for each model."""
    a, b = save(tmp_path / "a.npz"), save(tmp_path / "b.npz", seed=1, **change)
    with pytest.raises(UsageError, match=message):
        prediction_difference([a, b])


def test_files_of_other_size_are_refused(tmp_path: Path) -> None:
    a = save(tmp_path / "a.npz")
    short = make_predictions(4, 11, 3, 0)
    b = save(
        tmp_path / "b.npz",
        predictions=short.probabilities,
        labels=np.arange(11) % 3,
        example_ids=np.arange(11),
    )
    with pytest.raises(UsageError, match="12 against 11"):
        prediction_difference([a, b])


def test_files_with_other_classes_are_refused(tmp_path: Path) -> None:
    a = save(tmp_path / "a.npz")
    b = save(tmp_path / "b.npz", predictions=make_predictions(4, 12, 4, 0).probabilities)
    with pytest.raises(UsageError, match="3 and 4 classes"):
        prediction_difference([a, b])


def test_different_numbers_of_models_get_a_warning(tmp_path: Path) -> None:
    found = prediction_difference([save(tmp_path / "a.npz"), save(tmp_path / "b.npz", 5)])
    assert "pd_l1" in found["advice"][0]
    assert "churn" not in found["advice"][0]


def test_copies_of_a_model_get_a_warning(tmp_path: Path) -> None:
    p = make_predictions(3, 12, 3, 0).probabilities[[0, 1, 0, 2]]
    [text] = prediction_difference([save(tmp_path / "a.npz", predictions=p)])["advice"]
    assert "e.g. 0 and 2" in text


def test_binary_probabilities_of_the_positive_class_alone(tmp_path: Path) -> None:
    p = np.random.default_rng(0).random((4, 12))
    labels = np.arange(12) % 2
    [one] = prediction_difference([save(tmp_path / "a.npz", predictions=p, labels=labels)])["files"]
    both = np.stack([1 - p, p], axis=2)
    [two] = prediction_difference([save(tmp_path / "b.npz", predictions=both, labels=labels)])[
        "files"
    ]
    assert one["pd"] == two["pd"]


def test_seeds_are_optional_and_other_arrays_are_named(tmp_path: Path) -> None:
    prediction_difference([save(tmp_path / "a.npz", seeds=None)])
    with pytest.raises(StoreError, match="no array example_ids; it has: predictions, labels"):
        prediction_difference([save(tmp_path / "b.npz", example_ids=None)])


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path("exploded").touch, ())


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save(path, labels=np.array([Bomb()] * 12, dtype=object))
    bare = tmp_path / "b.npz"
    bare.write_bytes(pickle.dumps(Bomb()))
    for one in (path, bare):
        with pytest.raises(StoreError, match=one.name):
            prediction_difference([one])
    assert not Path("exploded").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.npz"):
        prediction_difference([path])


def test_missing_file_folder_and_bare_array_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3))
    for path, message in (
        (tmp_path / "none.npz", "No file"),
        (tmp_path, "cannot be read"),
        (tmp_path / "a.npy", "bare array"),
    ):
        with pytest.raises(StoreError, match=message):
            prediction_difference([path])


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError):
            prediction_difference([path])


def test_logits_are_refused(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 12, 3))
    with pytest.raises(UsageError, match="softmax"):
        prediction_difference([save(tmp_path / "a.npz", predictions=logits)])
