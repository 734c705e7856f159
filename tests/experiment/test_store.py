"""The run directory: what it holds, what it refuses, and what a crash leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rescu_cli.core import files
from rescu_cli.core.files import write_atomically
from rescu_cli.errors import SpecMismatchError, StoreError
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.predictions import load_predictions
from rescu_cli.experiment.spec import Cell, ExperimentSpec
from rescu_cli.experiment.store import CellRecord, RunStore, locked, predictions_hash

from .samples import make_dataset, make_spec


def record_of(cell: Cell, row: np.ndarray, **changes: object) -> CellRecord:
    record = CellRecord(
        id=cell.id,
        activation=cell.activation,
        seed=cell.seed,
        accuracy=0.5,
        loss=1.25,
        train_loss=1.0,
        diverged=False,
        seconds=0.1,
        predictions_sha256=predictions_hash(row),
        torch="x",
        threads=1,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def row_for(cell: Cell) -> np.ndarray:
    generator = np.random.default_rng([cell.seed, len(cell.activation)])
    return generator.dirichlet(np.ones(3), size=23).astype(np.float32)


def fill(store: RunStore, cells: list[Cell]) -> None:
    rows = [row_for(cell) for cell in cells]
    store.add([record_of(c, r) for c, r in zip(cells, rows, strict=True)], rows)


@pytest.fixture
def spec() -> ExperimentSpec:
    return make_spec()


@pytest.fixture
def store(tmp_path: Path, spec: ExperimentSpec, dataset: Dataset) -> RunStore:
    return RunStore(tmp_path / "run", spec, dataset)


def test_a_new_folder_has_everything_missing(store: RunStore, spec: ExperimentSpec) -> None:
    assert store.missing() == list(spec.expand())
    assert json.loads((store.folder / "spec.json").read_text()) == spec.identity()


def test_finished_cells_are_found_again(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    cells = list(spec.expand())
    fill(store, [cells[0], cells[4]])
    again = RunStore(store.folder, spec, dataset)
    assert again.missing() == [cells[1], cells[2], cells[3], cells[5]]
    assert again.records == store.records
    key = spec.activations[0]
    assert (again.predictions(key, [0])[0] == row_for(cells[0])).all()


def test_predictions_follow_the_contract(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    cells = list(spec.expand())
    fill(store, [cells[2], cells[0]])
    path = store.folder / "predictions" / "relu.npz"
    with np.load(path, allow_pickle=False) as file:
        assert sorted(file.files) == ["example_ids", "labels", "predictions", "seeds"]
        assert file["predictions"].shape == (2, 23, 3)
        assert file["predictions"].dtype == np.float32
        assert file["seeds"].tolist() == [0, 2]  # in the order of the experiment
        assert (file["labels"] == dataset.y_test).all()
        assert (file["example_ids"] == dataset.example_ids).all()
    assert load_predictions(path).n_models == 2


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"epochs": 7}, "epochs: there 30, asked 7"),
        ({"seeds": (0, 1, 2, 3)}, r"seeds: there \[0, 1, 2\], asked \[0, 1, 2, 3\]"),
        ({"lr": 0.5}, "lr: there 0.001, asked 0.5"),
        ({"data_digest": "0" * 64}, "data_digest"),
    ],
    ids=str,
)
def test_another_experiment_is_refused_with_the_difference(
    store: RunStore, dataset: Dataset, change: dict[str, object], shown: str
) -> None:
    with pytest.raises(SpecMismatchError, match=shown) as caught:
        RunStore(store.folder, make_spec(**change), dataset)
    assert "'--out'" in str(caught.value)
    assert "batch_size" not in str(caught.value)
    assert caught.value.exit_code == 5


def test_another_activation_is_refused_by_name(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    other = replace(spec, activations=spec.activations[:1])
    with pytest.raises(SpecMismatchError, match=r"activations: there relu .*tanh.*, asked relu"):
        RunStore(store.folder, other, dataset)


def test_another_baseline_is_the_same_run(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    RunStore(store.folder, replace(spec, baseline="tanh"), dataset)


def test_a_folder_with_other_things_is_not_touched(
    tmp_path: Path, spec: ExperimentSpec, dataset: Dataset
) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    with pytest.raises(StoreError, match=r"not empty.*thesis.tex"):
        RunStore(tmp_path, spec, dataset)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_place_of_the_folder_is_refused(
    tmp_path: Path, spec: ExperimentSpec, dataset: Dataset
) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(StoreError, match="run"):
        RunStore(tmp_path / "run", spec, dataset)


def damage_truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_text(path: Path) -> None:
    path.write_text("[1, 2]")


DAMAGES = [damage_truncate, damage_empty, damage_text]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["spec.json", "cells", "predictions"])
def test_a_damaged_file_is_named_with_the_way_out(
    store: RunStore,
    spec: ExperimentSpec,
    dataset: Dataset,
    which: str,
    damage: Callable[[Path], None],
) -> None:
    fill(store, list(spec.expand()))
    path = store.folder / which
    if path.is_dir():
        path = sorted(path.iterdir())[0]
    damage(path)
    with pytest.raises(StoreError) as caught:
        RunStore(store.folder, spec, dataset)
    assert str(path) in str(caught.value)
    assert "elete" in str(caught.value)


def test_predictions_that_do_not_belong_to_the_cell_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """Rows of two seeds exchanged: each file is sound, their combination is not."""
    fill(store, list(spec.expand()))
    path = store.folder / "predictions" / "relu.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["predictions"] = arrays["predictions"][::-1]
    np.savez(path, **arrays)
    with pytest.raises(StoreError, match="has other values than were stored for seed 0"):
        RunStore(store.folder, spec, dataset)


def test_a_cell_without_its_predictions_is_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    (store.folder / "predictions" / "relu.npz").unlink()
    with pytest.raises(StoreError, match="lacks seed 0"):
        RunStore(store.folder, spec, dataset)


@pytest.mark.parametrize("name", ["labels", "example_ids"])
def test_predictions_of_other_examples_are_refused(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, name: str
) -> None:
    fill(store, list(spec.expand()))
    path = store.folder / "predictions" / "relu.npz"
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    arrays[name] = arrays[name][::-1]
    np.savez(path, **arrays)
    with pytest.raises(StoreError, match=f"other examples: {name} differ"):
        RunStore(store.folder, spec, dataset)


def test_predictions_without_their_cell_are_trained_again(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """What a process leaves that is killed between the predictions and the cells."""
    fill(store, list(spec.expand()))
    gone = spec.expand()[1]
    (store.folder / "cells" / f"{gone.id}.json").unlink()
    assert RunStore(store.folder, spec, dataset).missing() == [gone]


@pytest.mark.parametrize(
    "change",
    [{"loss": "small"}, {"accuracy": None}, {"loss": None}, {"diverged": 0}, {"extra": 1}],
    ids=str,
)
def test_a_record_with_a_wrong_value_is_refused(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, change: dict[str, object]
) -> None:
    fill(store, list(spec.expand()))
    path = store.folder / "cells" / f"{spec.expand()[0].id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StoreError, match="not the record of a cell"):
        RunStore(store.folder, spec, dataset)


def test_a_record_of_another_cell_is_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    first, second = (store.folder / "cells" / f"{c.id}.json" for c in spec.expand()[:2])
    first.write_text(second.read_text())
    with pytest.raises(StoreError, match="another cell"):
        RunStore(store.folder, spec, dataset)


def test_diverged_cells_keep_their_nan_predictions(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    cell = spec.expand()[0]
    row = np.full((23, 3), np.nan, dtype=np.float32)
    store.add([record_of(cell, row, diverged=True, loss=None, train_loss=None)], [row])
    again = RunStore(store.folder, spec, dataset)
    assert again.records[cell.id].diverged
    assert again.records[cell.id].loss is None


def test_discard_forgets_the_cells(store: RunStore, spec: ExperimentSpec, dataset: Dataset) -> None:
    fill(store, list(spec.expand()))
    store.discard()
    assert store.missing() == list(spec.expand())
    assert RunStore(store.folder, spec, dataset).missing() == list(spec.expand())


def test_leftovers_of_a_killed_process_are_swept(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    leftover = store.folder / "cells" / ".abc.json.0123~"
    leftover.write_text("half")
    RunStore(store.folder, spec, dataset)
    assert not leftover.exists()


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run"),
        pytest.raises(StoreError, match="Another process"),
        locked(tmp_path / "run"),
    ):
        pass
    with locked(tmp_path / "run"):
        pass


def test_a_lock_needs_a_folder_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"), locked(tmp_path / "file" / "run"):
        pass


def test_writing_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "one")
    write_atomically(path, b"two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_atomically(path, "two")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_readable_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / "a", "x")


def test_dataset_used_here_is_stable() -> None:
    assert make_dataset().digest == make_dataset().digest
