"""`RunStore`: the run directory, written so that a killed run loses at most the running batch.

    spec.json                      what the folder is tied to
    cells/<id>.json                one finished training: scores, hash of its predictions
    predictions/<slug>.npz         predictions (M, N, C) float32, labels, example_ids, seeds;
                                   of a regression also task, a text
    table.csv                      one line per cell

A batch writes its predictions first and its cells last, so a cell's file is the mark that the cell
is finished, and its hash ties it to one row of the predictions. It also holds the hash of its own
fields. What does not fit its hash is set aside, told, and trained again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.core.files import TEMPORARY, write_atomically
from rescu_cli.core.interrupt import kept_in
from rescu_cli.errors import SpecMismatchError, StoreError, UsageError
from rescu_cli.experiment.damage import DamagedError, read_npz, read_object
from rescu_cli.experiment.predictions import save_predictions

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.spec import ActivationKey, Cell, ExperimentSpec


@dataclass(frozen=True)
class CellRecord:
    """What ``cells/<id>.json`` says of one finished training.

    Args:
        id: The cell's hash.
        activation: Canonical text.
        seed: The seed.
        score: Accuracy, AUC or R² on the test part; None if not finite.
        loss: Mean loss on the test part; None if not finite.
        train_loss: The same on the training examples.
        curve: Mean loss of the steps of each epoch.
        validation: Loss on the validation part after each epoch; empty without one.
        epoch: After which the model was judged, from 1.
        diverged: Whether a loss or probability was not finite.
        seconds: The batch's wall time over its number of models.
        predictions_sha256: Hash of the float32 predictions, little-endian.
        torch: Version of the framework.
        threads: Threads the framework used.
    """

    id: str
    activation: str
    seed: int
    score: float | None
    loss: float | None
    train_loss: float | None
    curve: tuple[float | None, ...]
    validation: tuple[float | None, ...]
    epoch: int
    diverged: bool
    seconds: float
    predictions_sha256: str
    torch: str
    threads: int

    @property
    def _losses(self) -> tuple[float | None, ...]:
        return (self.score, self.loss, self.train_loss, *self.curve, *self.validation)

    def __post_init__(self) -> None:
        for name in ("curve", "validation"):  # lists, if they were read
            object.__setattr__(self, name, tuple(getattr(self, name)))
        right = (
            all(isinstance(getattr(self, n), str) for n in ("id", "activation", "torch"))
            and all(_is_number(getattr(self, n)) for n in ("seed", "epoch", "seconds"))
            and all(v is None or _is_number(v) for v in self._losses)
            and isinstance(self.diverged, bool)
            and (self.diverged or None not in (self.score, self.loss, self.train_loss))
        )
        if not right:
            raise UsageError(f"Not the record of a cell: {self}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def predictions_hash(row: NDArray[np.float32]) -> str:
    """SHA-256 of one model's predictions, (N, C) float32, as little-endian bytes."""
    return hashlib.sha256(np.ascontiguousarray(row, dtype="<f4").data).hexdigest()


class RunStore:
    """A run directory that belongs to one experiment.

    A damaged file is renamed to ``NAME.damaged``, its cells count as missing, and ``repairs`` says
    so: one sentence for each file.

    Args:
        folder: Created if missing.
        spec: The experiment.
        dataset: The test examples that the predictions speak of.

    Raises:
        SpecMismatchError: If the folder holds another experiment; shows what differs.
        StoreError: If the folder is not a run directory, or cannot be read or written.
    """

    def __init__(self, folder: Path, spec: ExperimentSpec, dataset: Dataset) -> None:
        self.folder, self._spec, self._dataset = folder, spec, dataset
        self.repairs: list[str] = []
        self._claim()
        self._lost: set[str] = set()  # activations of which no predictions are left, already told
        self._rows: dict[str, dict[int, NDArray[np.float32]]] = {
            key.spec: self._read_predictions(key) for key in spec.activations
        }
        self.records: dict[str, CellRecord] = {}
        for cell in spec.expand():
            record = self._read_record(cell)
            if record is not None:
                self.records[cell.id] = record

    # -- reading ----------------------------------------------------------------------------

    def missing(self) -> list[Cell]:
        """The cells that are not finished."""
        return [cell for cell in self._spec.expand() if cell.id not in self.records]

    def predictions(self, key: ActivationKey, seeds: Sequence[int]) -> NDArray[np.float32]:
        """Predictions of finished cells, (len(seeds), N, C)."""
        return np.stack([self._rows[key.spec][seed] for seed in seeds])

    def predictions_path(self, key: ActivationKey) -> Path:
        """Where the predictions of one activation are."""
        return self.folder / "predictions" / f"{key.slug}.npz"

    # -- writing ----------------------------------------------------------------------------

    def add(self, records: Sequence[CellRecord], rows: Sequence[NDArray[np.float32]]) -> None:
        """Saves a finished batch: predictions first, then the records that vouch for them."""
        touched = set()
        for record, row in zip(records, rows, strict=True):
            self._rows[record.activation][record.seed] = row
            touched.add(record.activation)
        for key in self._spec.activations:
            if key.spec in touched:
                self._write_predictions(key)
        for record in records:
            self._save(self._record_path(record.id), _record_text(record))
            self.records[record.id] = record

    def discard(self) -> None:
        """Forgets all finished cells of this experiment."""
        for identifier in list(self.records):
            self._record_path(identifier).unlink(missing_ok=True)
            del self.records[identifier]

    # -- inside -----------------------------------------------------------------------------

    def _claim(self) -> None:
        wanted = self._spec.identity()
        path = self.folder / "spec.json"
        if path.exists():
            try:
                found = read_object(path)
            except DamagedError as damage:
                self._mend_spec(path, damage)
            else:
                if found != wanted:
                    raise SpecMismatchError(_difference(path, found, wanted))
        else:
            self._refuse_strangers()
        if not path.exists():
            write_atomically(path, json.dumps(wanted, indent=1, allow_nan=False) + "\n")
        for folder in (self.folder, self.folder / "cells", self.folder / "predictions"):
            try:
                folder.mkdir(exist_ok=True)
                for leftover in folder.glob(TEMPORARY):
                    leftover.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"Cannot use {folder}: {error.strerror}.") from error

    def _refuse_strangers(self) -> None:
        """Before a new folder is claimed: it may hold what a process killed here left, no more."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            strangers = sorted(
                p.name
                for p in self.folder.iterdir()
                if p.name not in (LOCK, *PARTS)
                and not fnmatch(p.name, f".spec.json.{TEMPORARY[1:]}")
            )
        except OSError as error:
            raise StoreError(f"Cannot use {self.folder}: {error.strerror}.") from error
        if strangers:
            raise StoreError(
                f"{self.folder} is not empty and not a run directory (it has no spec.json but "
                f"{', '.join(strangers[:3])}). Name a new or empty folder with '--out'."
            )

    def _mend_spec(self, path: Path, damage: DamagedError) -> None:
        """Sets a damaged spec.json aside, if everything else in the folder is of this experiment.

        A cell's name is the hash of all that determines it, so names are enough to know.
        """
        cells = {p.stem for p in (self.folder / "cells").glob("*.json")}
        predictions = {p.stem for p in (self.folder / "predictions").glob("*.npz")}
        strange = sorted(cells - {cell.id for cell in self._spec.expand()})
        strange += sorted(predictions - {key.slug for key in self._spec.activations})
        if strange:
            raise StoreError(
                f"{path} is damaged ({damage}), and the folder holds {strange[0]}, which is not of "
                "the experiment asked for. Name another folder with '--out', or ask for the "
                "experiment that the folder was made for."
            )
        self._set_aside(path, damage, "it is written again, and the cells agree with it")

    def _set_aside(self, path: Path, damage: object, consequence: str) -> None:
        aside = path.with_name(f"{path.name}.damaged")
        try:
            os.replace(path, aside)
        except OSError as error:
            raise StoreError(
                f"{path} is damaged ({damage}) and cannot be renamed: {error.strerror}."
            ) from error
        name = path.relative_to(self.folder).as_posix()
        self.repairs.append(
            f"{name} is damaged ({damage}); {consequence}. The damaged file is {aside.name}."
        )

    def _record_path(self, identifier: str) -> Path:
        return self.folder / "cells" / f"{identifier}.json"

    def _read_record(self, cell: Cell) -> CellRecord | None:
        path = self._record_path(cell.id)
        if not path.exists():
            return None
        if not self._rows[cell.activation]:
            self._forget_orphan(path, cell)
            return None
        try:
            record = _record_in(path)
            self._check_record(record, cell)
        except DamagedError as damage:
            self._set_aside(path, damage, "this cell is trained again")
            return None
        return record

    def _check_record(self, record: CellRecord, cell: Cell) -> None:
        """That it speaks of this cell, and vouches for the predictions that are there."""
        if (record.id, record.activation, record.seed) != (cell.id, cell.activation, cell.seed):
            raise DamagedError(f"it speaks of another cell, {record.id}")
        name = self.predictions_path(self._key(cell)).name
        row = self._rows[cell.activation].get(cell.seed)
        if row is None:
            raise DamagedError(f"{name} lacks seed {cell.seed}")
        if predictions_hash(row) != record.predictions_sha256:
            raise DamagedError(f"{name} has other values than were stored for seed {cell.seed}")

    def _forget_orphan(self, path: Path, cell: Cell) -> None:
        """Removes a record whose predictions are all gone; told once for an activation."""
        if cell.activation not in self._lost:
            self._lost.add(cell.activation)
            name = self.predictions_path(self._key(cell)).name
            self.repairs.append(f"predictions/{name} is missing; its cells are trained again.")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"Cannot remove {path}: {error.strerror}.") from error

    def _key(self, cell: Cell) -> ActivationKey:
        return next(key for key in self._spec.activations if key.spec == cell.activation)

    def _read_predictions(self, key: ActivationKey) -> dict[int, NDArray[np.float32]]:
        path = self.predictions_path(key)
        if not path.exists():
            return {}
        try:
            return self._rows_in(path)
        except DamagedError as damage:
            self._lost.add(key.spec)
            self._set_aside(path, damage, "its cells are trained again")
            return {}

    def _rows_in(self, path: Path) -> dict[int, NDArray[np.float32]]:
        """The predictions of a file by seed.

        Raises:
            DamagedError: If it is not such a file, or speaks of other examples.
        """
        arrays, dataset = read_npz(path), self._dataset
        shape = (len(dataset.y_test), dataset.n_classes)
        p, seeds = arrays.get("predictions"), arrays.get("seeds")
        if (
            p is None
            or seeds is None
            or p.dtype != np.float32
            or p.ndim != 3
            or p.shape[1:] != shape
            or seeds.dtype.kind not in "iu"
            or seeds.shape != p.shape[:1]
        ):
            raise DamagedError(f"it does not hold float32 predictions of shape (M, {shape})")
        for name, right in (("labels", dataset.y_test), ("example_ids", dataset.example_ids)):
            if not np.array_equal(arrays.get(name, np.empty(0)), right):
                raise DamagedError(f"it speaks of other examples: {name} differ")
        return {int(seed): row for seed, row in zip(seeds, p, strict=True)}

    def _write_predictions(self, key: ActivationKey) -> None:
        rows = self._rows[key.spec]
        seeds = [seed for seed in self._spec.seeds if seed in rows]
        # Integer labels say that they are classes; targets may be whole numbers by chance.
        regression = self._dataset.task == "regression"
        marker = {"task": np.array("regression")} if regression else {}
        with _finished_is_kept():
            save_predictions(
                self.predictions_path(key),
                predictions=np.stack([rows[seed] for seed in seeds]),
                labels=self._dataset.y_test,
                example_ids=self._dataset.example_ids,
                seeds=np.array(seeds, dtype=np.int64),
                **marker,
            )

    def _save(self, path: Path, text: str) -> None:
        with _finished_is_kept():
            write_atomically(path, text)


LOCK = ".lock"
PARTS = ("tuning", "unmatched")
"""Folders of runs that come before the one whose folder they are in."""
RECORD_HASH = "record_sha256"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the run directory for this process; the system lets go when the process ends.

    Raises:
        StoreError: If another process is writing there.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system: two writers are then not noticed
        with kept_in(folder):
            yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(f"Cannot use {folder} as run directory: {error.strerror}.") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"Another process is working in {folder}. Wait for it, or name another folder "
                "with '--out'."
            ) from error
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be locked against a second process: {error.strerror}. Name a "
                "folder on another file system with '--out'."
            ) from error
        with kept_in(folder):
            yield
    finally:
        os.close(handle)


@contextmanager
def _finished_is_kept() -> Iterator[None]:
    """Adds to an error of writing what it means for the run."""
    try:
        yield
    except StoreError as error:
        raise StoreError(
            f"{error} Batches finished before are kept; mend this, then give the same command "
            "again to go on."
        ) from error


def _fields_hash(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _record_text(record: CellRecord) -> str:
    """The file of a record: its fields, and their hash."""
    fields = asdict(record)
    data = {**fields, RECORD_HASH: _fields_hash(fields)}
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def _record_in(path: Path) -> CellRecord:
    """Inverse of `_record_text`.

    Raises:
        DamagedError: If a field is missing, unknown, or not as it was written.
    """
    data = read_object(path)
    found = data.pop(RECORD_HASH, None)
    try:
        right = _fields_hash(data) == found
    except ValueError:  # NaN, which Python's reader takes and we never write
        right = False
    if not right:
        raise DamagedError("its fields do not have the hash that was stored with them")
    try:
        return CellRecord(**data)
    except (TypeError, UsageError):
        raise DamagedError("it is not the record of a cell") from None


def _difference(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    lines = [f"{path} belongs to another experiment:"]
    for name in sorted(set(found) | set(wanted)):
        there, here = found.get(name), wanted.get(name)
        if name == "activations":
            there, here = _names(there), _names(here)
        if found.get(name) != wanted.get(name):
            lines.append(f"  {name}: there {there}, asked {here}")
    lines.append("Name another folder with '--out', or ask for the same experiment.")
    return "\n".join(lines)


def _names(activations: Any) -> str:
    try:
        return ", ".join(f"{a['spec']} ({a['digest'][:8]})" for a in activations)
    except (TypeError, KeyError):
        return repr(activations)
