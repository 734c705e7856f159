"""What M models say about the same N examples: in memory, or in an npz file read by chunks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.core.files import write_atomically
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment.checks import require_form, require_sound
from rescu_cli.experiment.chunks import Column, Source, stretches
from rescu_cli.experiment.identity import ROWS_AT_ONCE
from rescu_cli.experiment.npz import Archive, Member
from rescu_cli.experiment.npz import read_arrays as read_arrays
from rescu_cli.experiment.task import decide_task

_NEEDED = ("predictions", "labels", "example_ids")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities, or outputs of a regression, of M models that differ only in their randomness.

    Args:
        name: Where they are from, for messages.
        probabilities: Float, shape (M, N, C), each in [0, 1], summing to 1 over C; M, N ≥ 1, C ≥ 2.
            For a regression any finite values, C ≥ 1.
        labels: True classes, integers 0 … C − 1, shape (N,). For a regression the true values,
            shape (N, C), or (N,) for C = 1.
        example_ids: What identifies an example, integers or text, shape (N,), all different.
        seeds: What tells the models apart, shape (M,).
        task: ``classification`` or ``regression``.

    Raises:
        UsageError: Naming the first place where one of these does not hold. NaN is refused.
    """

    name: str
    probabilities: NDArray[Any]
    labels: NDArray[Any]
    example_ids: NDArray[Any]
    seeds: NDArray[Any]
    task: str = "classification"

    def __post_init__(self) -> None:
        p = self.probabilities
        require_form(self.name, p.shape, p.dtype, self.task)
        require_sound(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, N, C)."""
        return self.probabilities.shape

    @property
    def n_models(self) -> int:
        """M."""
        return int(self.probabilities.shape[0])

    def outputs(self, start: int, stop: int) -> NDArray[Any]:
        """Of some of the examples, shape (M, n, C)."""
        return self.probabilities[:, start:stop]

    def models(self, kept: NDArray[Any]) -> Predictions:
        """The same for some of the models (a mask or positions)."""
        return Predictions(
            self.name,
            self.probabilities[kept],
            self.labels,
            self.example_ids,
            self.seeds[kept],
            self.task,
        )


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """Predictions of M models in an open npz file; nothing of the examples is held.

    Args:
        name: The path, for messages.
        probabilities: Shape (M, N, C), or (M, N) for class 1 of two; of a regression (M, N, 1) or
            (M, N).
        labels: Shape (N,); of a regression also (N, 1).
        example_ids: Shape (N,).
        seeds: Shape (M,).
        task: ``classification`` or ``regression``.
    """

    name: str
    probabilities: Member
    labels: Member
    example_ids: Member
    seeds: NDArray[Any]
    task: str = "classification"

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, N, C)."""
        return _full_shape(self.probabilities.shape, self.task)

    @property
    def n_models(self) -> int:
        """M."""
        return self.shape[0]

    def outputs(self, start: int, stop: int) -> NDArray[Any]:
        """Of some of the examples, shape (M, n, C)."""
        return _all_outputs(self.probabilities.part(start, stop, 1), self.task)


def _full_shape(shape: tuple[int, ...], task: str) -> tuple[int, ...]:
    return (*shape, 2 if task == "classification" else 1) if len(shape) == 2 else shape


def _all_outputs(p: NDArray[Any], task: str) -> NDArray[Any]:
    """(M, n, C); (M, n) is the probability of class 1 of two, or the output of a regression."""
    if p.ndim != 2:
        return p
    return np.stack([1 - p, p], axis=2) if task == "classification" else p[:, :, np.newaxis]


def _marker(said: Any) -> str | None:
    """The task that a file says it has; an array ``task`` that is no text means something else."""
    return str(said) if isinstance(said, str) else None


def _require_one_output(name: str, shape: tuple[int, ...], task: str) -> None:
    if task == "regression" and len(shape) == 3 and shape[2] != 1:
        raise UsageError(
            f"{name}: a regression has one output, so its predictions have the shape (models, "
            f"examples, 1) or (models, examples); found {shape}. With probabilities of {shape[2]} "
            "classes the labels must be class numbers, saved as integers, and the task is "
            "classification."
        )


@contextmanager
def open_predictions(path: Path, task: str | None = None) -> Iterator[PredictionFile]:
    """Predictions of any models, to be read a chunk at a time; `require_sound` is up to the caller.

    Args:
        path: An npz file as for `load_predictions`.
        task: As for `load_predictions`.

    Raises:
        StoreError: If the file cannot be read or lacks an array.
        UsageError: If the arrays have not the shape and dtype of predictions, or the task is not
            clear.
    """
    with Archive(path) as archive:
        _require_arrays(path, archive.names)
        p, labels, ids = (archive.member(name) for name in _NEEDED)
        said = archive.member("task") if "task" in archive.names else None
        marker = None if said is None or said.shape else _marker(said.scalar())
        task = decide_task(str(path), p.shape, labels, asked=task, marker=marker)
        _require_one_output(str(path), p.shape, task)
        require_form(str(path), _full_shape(p.shape, task), p.dtype, task)
        seeds: NDArray[Any] = np.arange(p.shape[0])
        if "seeds" in archive.names:
            found = archive.member("seeds")
            seeds = found[:] if found.shape else np.empty(())
        yield PredictionFile(str(path), p, labels, ids, seeds, task)


def _require_arrays(path: Path, names: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise StoreError(
            f"{path} has no array {', '.join(missing)}; it has: {', '.join(names) or 'none'}. "
            "Needed: predictions (models, examples, classes), labels and example_ids (examples,)."
        )


def load_predictions(path: Path, task: str | None = None) -> Predictions:
    """Predictions of any models, from an npz file.

    Arrays: ``predictions`` (M, N, C), or (M, N) for the positive class's probability of a binary
    problem; of a regression (M, N, 1) or (M, N); ``labels`` (N,); ``example_ids`` (N,); optionally
    ``seeds`` (M,) and ``task``, a text.

    Args:
        path: The file.
        task: ``classification`` or ``regression``; if None, what the file and its labels say
            (`rescu_cli.experiment.task.decide_task`).

    Raises:
        StoreError: If the file cannot be read or lacks an array.
        UsageError: If the arrays are not predictions, or the task is not clear.
    """
    arrays = read_arrays(path)
    _require_arrays(path, list(arrays))
    saved, labels = arrays["predictions"], arrays["labels"]
    said = arrays.get("task", np.empty(0))
    marker = None if said.shape else _marker(said[()])
    task = decide_task(str(path), saved.shape, labels, asked=task, marker=marker)
    _require_one_output(str(path), saved.shape, task)
    p = _all_outputs(saved, task)
    seeds = arrays.get("seeds", np.arange(p.shape[0] if p.shape else 0))
    return Predictions(str(path), p, labels, arrays["example_ids"], seeds, task)


def save_predictions(path: Path, **arrays: NDArray[Any]) -> None:
    """Writes arrays as an npz file, atomically.

    Raises:
        StoreError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def require_same_examples(first: Source, other: Source) -> None:
    """Refuses to compare predictions about different examples, or in a different order.

    Raises:
        UsageError: If the task, example ids, labels or the number of classes differ.
    """
    if first.task != other.task:
        raise UsageError(
            f"{first.name} is read as a {first.task} and {other.name} as a {other.task}; measure "
            "them apart, or say with '--task' what both are."
        )
    for what, a, b in (
        ("example_ids", first.example_ids, other.example_ids),
        ("labels", first.labels, other.labels),
    ):
        found = _difference(a, b)
        if found is not None:
            raise UsageError(
                f"{first.name} and {other.name} have different {what} ({found}). A prediction "
                "difference needs predictions of the same examples in the same order."
            )
    if first.shape[2] != other.shape[2]:
        raise UsageError(
            f"{first.name} and {other.name} have {first.shape[2]} and "
            f"{other.shape[2]} classes; they must have the same."
        )


def _difference(a: Column, b: Column) -> str | None:
    """Where two columns first differ, in words; None if they are equal."""
    if a.shape != b.shape:
        same_length = a.shape[0] == b.shape[0]
        return (
            f"{a.shape} against {b.shape}" if same_length else f"{a.shape[0]} against {b.shape[0]}"
        )
    for start, stop in stretches(a.shape[0], ROWS_AT_ONCE):
        one, two = a[start:stop], b[start:stop]
        unequal = one != two
        if unequal.any():
            place = int(np.argmax(unequal))
            return f"at position {start + place}: {one[place]} against {two[place]}"
    return None
