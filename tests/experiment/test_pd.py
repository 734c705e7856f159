"""`prediction_difference` of files that come from anywhere."""

from __future__ import annotations

import io
import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment import prediction_difference
from rescu_cli.experiment.identity import all_different
from rescu_cli.experiment.metrics import METRICS, accuracy, log_loss, measure
from rescu_cli.experiment.npz import Archive
from rescu_cli.experiment.predictions import load_predictions
from rescu_cli.experiment.running import RunningMean
from rescu_cli.experiment.stats import jackknife, mean_estimate

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


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    """The checksum is compared although the array is never read as a whole."""
    path = save(tmp_path / "a.npz")
    content = bytearray(path.read_bytes())
    content[400] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="CRC"):
        prediction_difference([path])


def test_a_member_shorter_than_its_header_says_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz")
    arrays = dict(np.load(path))
    np.save(tmp_path / "p.npy", arrays["predictions"])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("predictions.npy", (tmp_path / "p.npy").read_bytes()[:-4])
        for name in ("labels", "example_ids"):
            np.save(tmp_path / f"{name}.npy", arrays[name])
            archive.write(tmp_path / f"{name}.npy", f"{name}.npy")
    with pytest.raises(StoreError, match=r"predictions has 572 bytes where its shape needs 576"):
        prediction_difference([path])


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    many = make_predictions(4, 5000, 3, 0)  # more than the reader fetches ahead
    path = save(
        tmp_path / "a.npz",
        predictions=many.probabilities,
        labels=many.labels,
        example_ids=many.example_ids,
    )

    def cut(done: int, total: int) -> None:
        path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(StoreError, match="was cut"):
        prediction_difference([path], progress=cut, chunk_examples=1000)


def whole(path: Path) -> dict[str, Any]:
    """Figures of one file from arrays that are all in memory."""
    predictions = load_predictions(path)
    figures: dict[str, Any] = {}
    for key in METRICS:
        found = measure(key, predictions)
        figures[key] = (
            found.value,
            jackknife(found.value, found.leave_one_out).interval(),
            mean_estimate(found.per_example).interval(),
        )
    for key, table in (("accuracy", accuracy(predictions)), ("loss", log_loss(predictions))):
        over_seeds = mean_estimate(table.mean(1))
        figures[key] = (
            over_seeds.value,
            over_seeds.interval(),
            mean_estimate(table.mean(0)).interval(),
        )
    return figures


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    entries = {key: (e["value"], e["ci"], e["ci_examples"]) for key, e in found["pd"].items()}
    for key in ("accuracy", "loss"):
        entries[key] = (found[key]["mean"], found[key]["ci"], found[key]["ci_examples"])
    assert entries.keys() == expected.keys()
    for key, entry in entries.items():
        for one, other in zip(entry, expected[key], strict=True):
            if other is None:
                assert one is None
            else:
                assert one == pytest.approx(other, rel=1e-12, abs=1e-15), key


FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "three classes": lambda p: p,
    "two classes": lambda p: np.stack([1 - p[:, :, 0], p[:, :, 0]], axis=2),
    "class 1 alone": lambda p: p[:, :, 0],
    "float64": lambda p: p.astype(np.float64),
    "float16": lambda p: p.astype(np.float16),
    "big-endian": lambda p: p.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "class 1 alone, Fortran order": lambda p: np.asfortranarray(p[:, :, 0]),
    "two models": lambda p: p[:2],
}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("length", [1, 7, 8, 50, 51, 10**6, None])
@pytest.mark.parametrize("form", FORMS)
def test_chunks_of_any_length_give_the_same(
    tmp_path: Path, form: str, length: int | None, write: Callable[..., None]
) -> None:
    """51 examples: chunks of one, ragged ends, exactly one chunk, the length of the program."""
    p = make_predictions(4, 51, 3, 2)
    probabilities = FORMS[form](p.probabilities)
    n_classes = probabilities.shape[2] if probabilities.ndim == 3 else 2
    path = tmp_path / "a.npz"
    write(
        path,
        predictions=probabilities,
        labels=p.labels % n_classes,
        example_ids=np.array([f"image {i}" for i in range(51)]),
    )
    [found] = prediction_difference([path], chunk_examples=length)["files"]
    assert_same(found, whole(path))


def test_a_wide_mean_and_a_small_spread_keep_their_digits() -> None:
    values = 1e6 + np.random.default_rng(0).standard_normal(1000)
    running = RunningMean()
    for start in range(0, 1000, 7):
        running.add(values[start : start + 7])
    found, expected = running.estimate(), mean_estimate(values)
    assert found.value == pytest.approx(expected.value, rel=1e-14)
    assert found.se == pytest.approx(expected.se, rel=1e-9)
    assert found.df == expected.df


@pytest.mark.parametrize("length", [1, 5, 12])
@pytest.mark.parametrize(
    ("places", "value", "message"),
    [
        ([(2, 3, 1), (1, 10, 2)], np.nan, r"predictions\[1, 10, 2\] is not finite"),
        ([(2, 3, 1), (1, 10, 2)], -0.5, r"predictions\[1, 10, 2\] is not a probability"),
        ([(2, 3, 1), (1, 10, 2)], 0.0, r"predictions\[1, 10\] .* sum to 1"),
        ([(3, 11, 2)], np.inf, r"predictions\[3, 11, 2\] is not finite"),
    ],
)
def test_the_first_bad_value_is_named_whatever_the_chunks(
    tmp_path: Path, length: int, places: list[tuple[int, int, int]], value: float, message: str
) -> None:
    """First by model, then by example, as of the whole array."""
    p = np.full((4, 12, 3), 1 / 3, dtype=np.float32)
    for place in places:
        p[place] = value
    path = save(tmp_path / "a.npz", predictions=p)
    with pytest.raises(UsageError, match=message):
        prediction_difference([path], chunk_examples=length)
    with pytest.raises(UsageError, match=message):
        load_predictions(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.arange(12)}, "labels run from 0 to 11"),
        ({"labels": np.arange(11)}, "labels must be 12 integers; found shape \\(11,\\)"),
        ({"labels": np.array(3)}, "labels must be 12 integers"),
        ({"labels": np.zeros(12)}, "dtype float64"),
        ({"example_ids": np.arange(12) % 11}, "example_ids must be 12 different"),
        ({"example_ids": np.arange(13)}, "example_ids must be 12 different"),
        ({"example_ids": np.array(["a"] * 12)}, "example_ids must be 12 different"),
        ({"seeds": np.arange(3)}, "seeds must be 4"),
        ({"seeds": np.array(3)}, "seeds must be 4"),
        ({"predictions": np.zeros(12)}, "shape"),
        ({"predictions": np.zeros((4, 0, 3))}, "shape"),
        ({"predictions": np.ones((4, 12, 3), dtype=int)}, "dtype int64"),
    ],
    ids=str,
)
def test_files_that_hold_no_predictions_are_refused(
    tmp_path: Path, change: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        prediction_difference([save(tmp_path / "a.npz", **change)])


def test_chunks_without_examples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="chunk_examples is 0"):
        prediction_difference([save(tmp_path / "a.npz")], chunk_examples=0)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (np.array([3, 1, 2]), True),
        (np.array([3, 1, 3], dtype=np.uint8), False),
        (np.array(["a", "b", "ab", "ba"]), True),
        (np.array(["a", "long text", "a"]), False),
        (np.array(["ä", "a", "ä"], dtype=">U3"), False),
        (np.array([b"x", b"y", b"yx"]), True),
        (np.array([b"x", b"y", b"x"]), False),
        (np.array([0.5, 1.5]), True),
        (np.array([0.5, 0.5]), False),
        (np.array(["", ""], dtype="<U1"), False),
    ],
    ids=str,
)
def test_repeated_ids_are_found(ids: np.ndarray, expected: bool) -> None:
    assert all_different(ids) is expected


def test_texts_that_share_a_code_are_still_different(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one code for all, every text is compared itself."""
    from rescu_cli.experiment import identity

    monkeypatch.setattr(identity, "_text_codes", lambda texts: np.zeros(len(texts), np.uint64))
    assert all_different(np.array(["a", "b", "c"]))
    assert not all_different(np.array(["a", "b", "a"]))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (3, 5, 2)], ids=str)
@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_parts_of_a_member_are_those_of_the_array(
    tmp_path: Path, order: str, shape: tuple[int, ...], write: Callable[..., None]
) -> None:
    array = np.array(np.random.default_rng(0).random(shape), order=order)
    write(tmp_path / "a.npz", other=np.arange(3), array=array)
    with Archive(tmp_path / "a.npz") as archive:
        member = archive.member("array")
        assert (member.shape, member.dtype) == (array.shape, array.dtype)
        for axis, size in enumerate(shape):
            for start, stop in ((0, size), (1, size - 1), (1, 1), (size - 1, size)):
                expected = np.take(array, range(start, stop), axis)
                assert np.array_equal(member.part(start, stop, axis), expected)


def test_progress_reaches_all_examples_and_never_goes_back(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    paths = [save(tmp_path / "a.npz"), save(tmp_path / "b.npz", seed=1)]
    prediction_difference(paths, progress=lambda *at: told.append(at), chunk_examples=5)
    assert {total for _, total in told} == {24}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (24, 24)


@pytest.mark.parametrize(
    ("terminal", "quiet", "patience", "shown"),
    [(True, False, 0.0, True), (True, False, 60.0, False), (True, True, 0.0, False),
     (False, False, 0.0, False)],
    ids=["terminal", "fast", "json", "pipe"],
)  # fmt: skip
def test_a_bar_is_shown_in_a_terminal_once_it_takes_long(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, quiet: bool, patience: float, shown: bool
) -> None:
    from rescu_cli.cli.commands import pd

    stderr = io.StringIO()
    monkeypatch.setattr(stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(pd.sys, "stderr", stderr)
    monkeypatch.setattr(pd, "_SECONDS_WITHOUT_A_BAR", patience)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with pd._reading_progress(quiet=quiet) as progress:
        assert (progress is None) == (quiet or not terminal)
        if progress is not None:
            for done in (1_000, 2_000):
                progress(done, 10_000)
    assert ("2,000 / 10,000 examples" in stderr.getvalue()) == shown
    assert bool(stderr.getvalue()) == shown


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
@pytest.mark.usefixtures("traced")
def test_the_predictions_are_never_held(tmp_path: Path, write: Callable[..., None]) -> None:
    """32 MB of predictions are measured with half of that."""
    n = 200_000
    p = np.tile(np.linspace(0.01, 0.99, n), (20, 1))
    p += np.linspace(0, 0.009, 20)[:, None]
    write(tmp_path / "a.npz", predictions=p, labels=np.arange(n) % 2, example_ids=np.arange(n))
    size = p.nbytes
    del p
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    prediction_difference([tmp_path / "a.npz"])
    assert tracemalloc.get_traced_memory()[1] - before < size / 2


def test_logits_are_refused(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 12, 3))
    with pytest.raises(UsageError, match="softmax"):
        prediction_difference([save(tmp_path / "a.npz", predictions=logits)])
