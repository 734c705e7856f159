"""`RunStore`: the run directory, written so that a killed run loses at most the running batch.

    spec.json                      what the folder is tied to
    cells/<id>.json                one finished training: scores, hash of its predictions
    predictions/<slug>.npz         predictions (M, N, C) float32, labels, example_ids, seeds
    table.csv                      one line per cell

A batch writes its predictions first and its cells last, so a cell's file is the mark that the cell
is finished, and its hash ties it to one row of the predictions.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.core.files import TEMPORARY, write_atomically
from rescu_cli.errors import SpecMismatchError, StoreError, UsageError
from rescu_cli.experiment.predictions import read_arrays, save_predictions

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
        accuracy: On the test part.
        loss: Mean cross-entropy on the test part; None if not finite.
        train_loss: The same on the training part.
        diverged: Whether a loss or probability was not finite.
        seconds: The batch's wall time over its number of models.
        predictions_sha256: Hash of the float32 predictions, little-endian.
        torch: Version of the framework.
        threads: Threads the framework used.
    """

    id: str
    activation: str
    seed: int
    accuracy: float
    loss: float | None
    train_loss: float | None
    diverged: bool
    seconds: float
    predictions_sha256: str
    torch: str
    threads: int

    def __post_init__(self) -> None:
        right = (
            all(isinstance(getattr(self, n), str) for n in ("id", "activation", "torch"))
            and all(_is_number(getattr(self, n)) for n in ("seed", "accuracy", "seconds"))
            and all(v is None or _is_number(v) for v in (self.loss, self.train_loss))
            and isinstance(self.diverged, bool)
            and (self.diverged or None not in (self.loss, self.train_loss))
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

    Args:
        folder: Created if missing.
        spec: The experiment.
        dataset: The test examples that the predictions speak of.

    Raises:
        SpecMismatchError: If the folder holds another experiment; shows what differs.
        StoreError: If the folder is not a run directory, or cannot be written or trusted.
    """

    def __init__(self, folder: Path, spec: ExperimentSpec, dataset: Dataset) -> None:
        self.folder, self._spec, self._dataset = folder, spec, dataset
        self._claim()
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
            path = self._record_path(record.id)
            write_atomically(path, json.dumps(asdict(record), indent=1, allow_nan=False) + "\n")
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
            found = _read_json(path)
            if found != wanted:
                raise SpecMismatchError(_difference(path, found, wanted))
        else:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                strangers = sorted(p.name for p in self.folder.iterdir() if p.name != LOCK)
            except OSError as error:
                raise StoreError(f"Cannot use {self.folder}: {error.strerror}.") from error
            if strangers:
                raise StoreError(
                    f"{self.folder} is not empty and not a run directory (it has no spec.json but "
                    f"{', '.join(strangers[:3])}). Name a new or empty folder with '--out'."
                )
            write_atomically(path, json.dumps(wanted, indent=1, allow_nan=False) + "\n")
        for name in ("cells", "predictions"):
            try:
                (self.folder / name).mkdir(exist_ok=True)
                for leftover in (self.folder / name).glob(TEMPORARY):
                    leftover.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"Cannot use {self.folder / name}: {error.strerror}.") from error

    def _record_path(self, identifier: str) -> Path:
        return self.folder / "cells" / f"{identifier}.json"

    def _read_record(self, cell: Cell) -> CellRecord | None:
        path = self._record_path(cell.id)
        if not path.exists():
            return None
        data = _read_json(path)
        way_out = f"Delete {path} to train this cell again."
        try:
            record = CellRecord(**data)
        except (TypeError, UsageError):
            raise StoreError(f"{path} is not the record of a cell. {way_out}") from None
        if (record.id, record.activation, record.seed) != (cell.id, cell.activation, cell.seed):
            raise StoreError(f"{path} speaks of another cell, {record.id}. {way_out}")
        row = self._rows[cell.activation].get(cell.seed)
        if row is None or predictions_hash(row) != record.predictions_sha256:
            key = next(key for key in self._spec.activations if key.spec == cell.activation)
            state = "lacks" if row is None else "has other values than were stored for"
            raise StoreError(f"{self.predictions_path(key)} {state} seed {cell.seed}. {way_out}")
        return record

    def _read_predictions(self, key: ActivationKey) -> dict[int, NDArray[np.float32]]:
        path = self.predictions_path(key)
        if not path.exists():
            return {}
        arrays, dataset = read_arrays(path), self._dataset
        way_out = f"Delete {path} and the folder {self.folder / 'cells'} to train again."
        shape = (len(dataset.y_test), dataset.n_classes)
        p, seeds = arrays.get("predictions"), arrays.get("seeds")
        if (
            p is None
            or seeds is None
            or p.ndim != 3
            or p.shape[1:] != shape
            or len(seeds) != len(p)
        ):
            raise StoreError(f"{path} does not hold predictions of shape (M, {shape}). {way_out}")
        for name, right in (("labels", dataset.y_test), ("example_ids", dataset.example_ids)):
            if not np.array_equal(arrays.get(name, np.empty(0)), right):
                raise StoreError(f"{path} speaks of other examples: {name} differ. {way_out}")
        return {int(seed): row for seed, row in zip(seeds, p.astype(np.float32), strict=True)}

    def _write_predictions(self, key: ActivationKey) -> None:
        rows = self._rows[key.spec]
        seeds = [seed for seed in self._spec.seeds if seed in rows]
        save_predictions(
            self.predictions_path(key),
            predictions=np.stack([rows[seed] for seed in seeds]),
            labels=self._dataset.y_test,
            example_ids=self._dataset.example_ids,
            seeds=np.array(seeds, dtype=np.int64),
        )


LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the run directory for this process; the system lets go when the process ends.

    Raises:
        StoreError: If another process is writing there.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system: two writers are then not noticed
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
        except OSError as error:
            raise StoreError(
                f"Another process is working in {folder}. Wait for it, or name another folder "
                "with '--out'."
            ) from error
        yield
    finally:
        os.close(handle)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). Delete it to train this part again, or name another "
            "folder with '--out'."
        ) from error
    if not isinstance(data, dict):
        raise StoreError(f"{path} is not a JSON object. Delete it to train this part again.")
    return data


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
