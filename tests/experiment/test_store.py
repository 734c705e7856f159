"""The run directory: what it holds, what it refuses, and what a crash leaves."""

from __future__ import annotations

import hashlib
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
        score=0.5,
        loss=1.25,
        train_loss=1.0,
        curve=(2.0, None),
        validation=(),
        epoch=2,
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


def damage_byte(path: Path) -> None:
    """One bit of one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES = [damage_truncate, damage_empty, damage_text, damage_byte]


def trained_again(store: RunStore, spec: ExperimentSpec, dataset: Dataset) -> list[str]:
    """Opens the folder, trains what is missing, and sees that all is as it was; what was told."""
    again = RunStore(store.folder, spec, dataset)
    fill(again, again.missing())
    assert again.missing() == []
    for key in spec.activations:
        expected = np.stack([row_for(c) for c in spec.expand() if c.activation == key.spec])
        assert (again.predictions(key, spec.seeds) == expected).all()
    assert RunStore(store.folder, spec, dataset).repairs == []
    return again.repairs


def test_a_sound_folder_needs_no_repair(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    before = contents(store.folder)
    assert trained_again(store, spec, dataset) == []
    assert contents(store.folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_set_aside_and_its_cell_is_missing(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, damage: Callable[[Path], None]
) -> None:
    cells = list(spec.expand())
    fill(store, cells)
    before = contents(store.folder)
    path = store.folder / "cells" / f"{cells[3].id}.json"
    damage(path)
    damaged = path.read_bytes()
    again = RunStore(store.folder, spec, dataset)
    assert again.missing() == [cells[3]]
    [told] = again.repairs
    assert told.startswith(f"cells/{path.name} is damaged (")
    assert "this cell is trained again" in told
    aside = path.with_name(f"{path.name}.damaged")
    assert aside.name in told
    assert aside.read_bytes() == damaged
    assert trained_again(store, spec, dataset) == []
    assert contents(store.folder) == {**before, f"cells/{aside.name}": damaged}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_predictions_are_set_aside_and_their_cells_are_missing(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, damage: Callable[[Path], None]
) -> None:
    cells = list(spec.expand())
    fill(store, cells)
    before = contents(store.folder)
    path = store.folder / "predictions" / "relu.npz"
    damage(path)
    damaged = path.read_bytes()
    again = RunStore(store.folder, spec, dataset)
    assert again.missing() == [cell for cell in cells if cell.activation == "relu"]
    [told] = again.repairs
    assert told.startswith("predictions/relu.npz is damaged (")
    assert "its cells are trained again" in told
    assert trained_again(store, spec, dataset) == []
    assert contents(store.folder) == {**before, "predictions/relu.npz.damaged": damaged}


def test_a_killed_repair_goes_on(store: RunStore, spec: ExperimentSpec, dataset: Dataset) -> None:
    """Opened, and killed before anything is trained: the second time there is nothing to tell."""
    fill(store, list(spec.expand()))
    damage_empty(store.folder / "predictions" / "relu.npz")
    assert len(RunStore(store.folder, spec, dataset).repairs) == 1
    again = RunStore(store.folder, spec, dataset)
    assert again.repairs == []
    assert len(again.missing()) == 3


@pytest.mark.parametrize("which", ["cells", "predictions"])
def test_no_changed_bit_goes_unnoticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, which: str
) -> None:
    """Of every byte: what is read afterwards is what was written, or it counts as missing.

    Some bytes carry nothing, such as the dates of a zip archive.
    """
    fill(store, list(spec.expand()))
    path = sorted((store.folder / which).iterdir())[0]
    sound = path.read_bytes()
    folder = contents(store.folder)
    step = 1 if which == "cells" else 7  # the parts of an archive are all longer than that
    noticed = 0
    for place in range(0, len(sound), step):
        changed = bytearray(sound)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        again = RunStore(store.folder, spec, dataset)
        noticed += bool(again.repairs)
        assert bool(again.repairs) == bool(again.missing())
        for cell in spec.expand():
            if cell in again.missing():
                continue
            assert again.records[cell.id] == store.records[cell.id]
            key = next(key for key in spec.activations if key.spec == cell.activation)
            assert (again.predictions(key, [cell.seed])[0] == row_for(cell)).all()
        for name, data in folder.items():
            (store.folder / name).write_bytes(data)
    assert noticed > 0.8 * len(sound) / step


@pytest.mark.parametrize("damage", [damage_truncate, damage_empty, damage_text])
def test_a_damaged_spec_is_written_again_if_the_cells_agree(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, damage: Callable[[Path], None]
) -> None:
    fill(store, list(spec.expand()))
    before = contents(store.folder)
    damage(store.folder / "spec.json")
    again = RunStore(store.folder, spec, dataset)
    assert again.missing() == []
    [told] = again.repairs
    assert told.startswith("spec.json is damaged (")
    assert {k: v for k, v in contents(store.folder).items() if "damaged" not in k} == before


def test_a_damaged_spec_of_another_experiment_is_refused(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    damage_truncate(store.folder / "spec.json")
    before = contents(store.folder)
    with pytest.raises(StoreError, match=r"not of the experiment asked for.*'--out'"):
        RunStore(store.folder, make_spec(epochs=7), dataset)
    assert contents(store.folder) == before


def test_a_damaged_spec_beside_predictions_of_another_is_refused(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    damage_truncate(store.folder / "spec.json")
    (store.folder / "predictions" / "gelu.npz").touch()
    with pytest.raises(StoreError, match="holds gelu"):
        RunStore(store.folder, spec, dataset)


def test_what_may_not_be_read_is_not_taken_for_damaged(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, list(spec.expand()))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = contents(store.folder)
    for name in ("open", "read_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, name, refuse)
            with pytest.raises(StoreError, match="Permission denied"):
                RunStore(store.folder, spec, dataset)
    assert contents(store.folder) == before


def test_a_damaged_file_that_cannot_be_moved_is_an_error(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, list(spec.expand()))
    damage_empty(store.folder / "predictions" / "relu.npz")

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreError, match=r"relu.npz is damaged .* cannot be renamed: Read-only"):
        RunStore(store.folder, spec, dataset)


def rewrite(path: Path, **changes: object) -> None:
    """An npz file with some arrays replaced; sound in itself."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{**arrays, **changes})  # type: ignore[arg-type]


def test_predictions_that_do_not_belong_to_the_cell_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """Rows of two seeds exchanged: each file is sound, their combination is not."""
    fill(store, list(spec.expand()))
    path = store.folder / "predictions" / "relu.npz"
    with np.load(path) as file:
        rows = file["predictions"]
    rewrite(path, predictions=rows[::-1])
    told = trained_again(store, spec, dataset)
    assert len(told) == 2  # the one in the middle stayed where it was
    assert "has other values than were stored for seed 0" in told[0]


def test_predictions_that_lack_a_seed_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    rewrite(store.folder / "predictions" / "relu.npz", seeds=np.array([0, 1, 7]))
    [told] = trained_again(store, spec, dataset)
    assert "relu.npz lacks seed 2" in told


def test_cells_without_their_predictions_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    (store.folder / "predictions" / "relu.npz").unlink()
    assert trained_again(store, spec, dataset) == [
        "predictions/relu.npz is missing; its cells are trained again."
    ]


@pytest.mark.parametrize("name", ["labels", "example_ids"])
def test_predictions_of_other_examples_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, name: str
) -> None:
    fill(store, list(spec.expand()))
    path = store.folder / "predictions" / "relu.npz"
    with np.load(path) as file:
        reversed_ = file[name][::-1]
    rewrite(path, **{name: reversed_})
    [told] = trained_again(store, spec, dataset)
    assert f"other examples: {name} differ" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"predictions": np.zeros((3, 23, 3))},
        {"predictions": np.zeros((3, 23), np.float32)},
        {"seeds": np.zeros(2, np.int64)},
        {"seeds": np.array(["0", "1", "2"])},
    ],
    ids=["dtype", "shape", "too few seeds", "seeds of text"],
)
def test_arrays_of_another_form_are_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, changes: dict[str, object]
) -> None:
    fill(store, list(spec.expand()))
    rewrite(store.folder / "predictions" / "relu.npz", **changes)
    [told] = trained_again(store, spec, dataset)
    assert "does not hold float32 predictions" in told


def test_pickled_objects_are_never_loaded(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    bomb = np.array([Bomb()], dtype=object)
    rewrite(store.folder / "predictions" / "relu.npz", labels=bomb)
    [told] = trained_again(store, spec, dataset)
    assert "allow_pickle" in told


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("unpickled",)


def test_predictions_without_their_cell_are_trained_again(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """What a process leaves that is killed between the predictions and the cells."""
    fill(store, list(spec.expand()))
    gone = spec.expand()[1]
    (store.folder / "cells" / f"{gone.id}.json").unlink()
    assert RunStore(store.folder, spec, dataset).missing() == [gone]


def edit(path: Path, hashed: bool, **changes: object) -> None:
    """Changes fields of a record, with the hash of the new ones or leaving the old one."""
    data = {**json.loads(path.read_text()), **changes}
    if hashed:
        del data["record_sha256"]
        text = json.dumps(data, sort_keys=True, separators=(",", ":"))
        data["record_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "changes",
    [{"loss": "small"}, {"epoch": None}, {"loss": None}, {"diverged": 0}, {"extra": 1}],
    ids=str,
)
def test_a_record_with_a_wrong_value_is_noticed_even_if_its_hash_is_right(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, changes: dict[str, object]
) -> None:
    fill(store, list(spec.expand()))
    edit(store.folder / "cells" / f"{spec.expand()[0].id}.json", True, **changes)
    [told] = trained_again(store, spec, dataset)
    assert "not the record of a cell" in told


@pytest.mark.parametrize("changes", [{"loss": 1.2500001}, {"seconds": 7.0}, {"torch": "y"},
                                     {"loss": float("nan")}], ids=str)  # fmt: skip
def test_an_edited_number_is_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, changes: dict[str, object]
) -> None:
    fill(store, list(spec.expand()))
    path = store.folder / "cells" / f"{spec.expand()[0].id}.json"
    edit(path, False, **changes)
    [told] = trained_again(store, spec, dataset)
    assert "do not have the hash" in told


def test_hashing_as_the_tests_do_is_right(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """Control: an edit with the right hash and possible values is believed."""
    fill(store, list(spec.expand()))
    edit(store.folder / "cells" / f"{spec.expand()[0].id}.json", True, loss=7.0)
    again = RunStore(store.folder, spec, dataset)
    assert again.repairs == []
    assert again.records[spec.expand()[0].id].loss == 7.0


def test_a_record_of_another_cell_is_noticed(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    fill(store, list(spec.expand()))
    first, second = (store.folder / "cells" / f"{c.id}.json" for c in spec.expand()[:2])
    first.write_text(second.read_text())
    [told] = trained_again(store, spec, dataset)
    assert "another cell" in told


def test_a_batch_that_comes_twice_counts_once(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset
) -> None:
    """What a cluster may do when a worker dies after its work and before its answer."""
    cells = list(spec.expand())
    fill(store, cells[:4])
    before = contents(store.folder)
    fill(store, cells[:4])
    assert contents(store.folder) == before
    assert len(store.records) == 4
    assert store.missing() == cells[4:]


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


@pytest.mark.parametrize("place", ["cells", "predictions", "."])
def test_leftovers_of_a_killed_process_are_swept(
    store: RunStore, spec: ExperimentSpec, dataset: Dataset, place: str
) -> None:
    leftover = store.folder / place / ".abc.json.0123~"
    leftover.write_text("half")
    RunStore(store.folder, spec, dataset)
    assert not leftover.exists()


def test_a_folder_whose_claim_was_killed_can_be_claimed(
    tmp_path: Path, spec: ExperimentSpec, dataset: Dataset
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".spec.json.0123~").write_text("half")
    (tmp_path / "run" / ".lock").touch()
    store = RunStore(tmp_path / "run", spec, dataset)
    assert sorted(p.name for p in store.folder.iterdir() if p.is_file()) == [".lock", "spec.json"]


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


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


class FullFile:
    """A file of which the first write fails, as when a disk is full."""

    def __init__(self, handle: int, mode: str) -> None:
        self.file = os.fdopen(handle, mode)

    def __enter__(self) -> FullFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[: len(data) // 2])
        full()


class FullSystem:
    """`os`, of which one function finds the disk full."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> object:
        if name != self.name:
            return getattr(os, name)
        return FullFile if name == "fdopen" else full


STEPS = ["open", "fdopen", "fsync", "replace"]


@pytest.mark.parametrize("step", STEPS)
def test_writing_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "one")
    monkeypatch.setattr(files, "os", FullSystem(step))
    with pytest.raises(StoreError, match="No space left"):
        write_atomically(path, "two")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_keeps_what_was_finished(
    store: RunStore,
    spec: ExperimentSpec,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    cells = list(spec.expand())
    fill(store, cells[:4])
    before = contents(store.folder)
    with monkeypatch.context() as patch:
        patch.setattr(files, "os", FullSystem(step))
        with pytest.raises(StoreError, match=r"No space left.*are kept.*same command again") as e:
            fill(store, cells[4:])
    assert e.value.exit_code == 5
    assert contents(store.folder) == before
    again = RunStore(store.folder, spec, dataset)
    assert again.missing() == cells[4:]
    assert again.repairs == []


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
