"""`Predictions`: what M models say about the same N examples; the npz file that holds it."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.core.files import write_atomically
from rescu_cli.errors import StoreError, UsageError

SUM_TOLERANCE = 1e-3  # half-precision probabilities of a thousand classes still pass


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of M models that differ only in their randomness.

    Args:
        name: Where they are from, for messages.
        probabilities: Float, shape (M, N, C), each in [0, 1], summing to 1 over C; M, N ≥ 1, C ≥ 2.
        labels: True classes, integers 0 … C − 1, shape (N,).
        example_ids: What identifies an example, integers or text, shape (N,), all different.
        seeds: What tells the models apart, shape (M,).

    Raises:
        UsageError: Naming the first place where one of these does not hold. NaN is refused.
    """

    name: str
    probabilities: NDArray[Any]
    labels: NDArray[Any]
    example_ids: NDArray[Any]
    seeds: NDArray[Any]

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 3 or p.shape[0] < 1 or p.shape[1] < 1 or p.shape[2] < 2:
            raise UsageError(
                f"{self.name}: predictions must have the shape (models, examples, classes) with at "
                f"least 1, 1 and 2 of them; found {p.shape}."
            )
        if p.dtype.kind != "f":
            raise UsageError(f"{self.name}: predictions must be floats; found dtype {p.dtype}.")
        self._refuse(~np.isfinite(p), "is not finite; a model that diverged has to be left out")
        self._refuse((p < 0) | (p > 1), "is not a probability; logits need a softmax first")
        total = p.sum(2, dtype=np.float64)
        self._refuse(np.abs(total - 1) > SUM_TOLERANCE, "is a model and example whose classes do "
                     "not sum to 1; give probabilities of all classes")  # fmt: skip
        if self.labels.shape != p.shape[1:2] or self.labels.dtype.kind not in "iu":
            raise UsageError(
                f"{self.name}: labels must be {p.shape[1]} integers; found shape "
                f"{self.labels.shape}, dtype {self.labels.dtype}."
            )
        if self.labels.min() < 0 or self.labels.max() >= p.shape[2]:
            raise UsageError(
                f"{self.name}: labels run from {self.labels.min()} to {self.labels.max()}; with "
                f"{p.shape[2]} classes they must lie in 0 … {p.shape[2] - 1}."
            )
        ids = self.example_ids
        if ids.shape != p.shape[1:2] or len(np.unique(ids)) != len(ids):
            raise UsageError(
                f"{self.name}: example_ids must be {p.shape[1]} different values; found shape "
                f"{ids.shape}."
            )
        if self.seeds.shape != p.shape[:1]:
            raise UsageError(
                f"{self.name}: seeds must be {p.shape[0]} values; found shape {self.seeds.shape}."
            )

    def _refuse(self, wrong: NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise UsageError(f"{self.name}: predictions[{', '.join(map(str, place))}] {what}.")

    @property
    def n_models(self) -> int:
        """M."""
        return int(self.probabilities.shape[0])

    def models(self, kept: NDArray[Any]) -> Predictions:
        """The same for some of the models (a mask or positions)."""
        return Predictions(
            self.name, self.probabilities[kept], self.labels, self.example_ids, self.seeds[kept]
        )


def identical_models(predictions: Predictions) -> list[tuple[int, int]]:
    """Pairs of positions i < j whose predictions are equal in every bit; j names its first twin."""
    first: dict[bytes, int] = {}
    pairs = []
    for position, row in enumerate(predictions.probabilities):
        twin = first.setdefault(row.tobytes(), position)
        if twin != position:
            pairs.append((twin, position))
    return pairs


def require_same_examples(first: Predictions, other: Predictions) -> None:
    """Refuses to compare predictions about different examples, or in a different order.

    Raises:
        UsageError: If example ids, labels or the number of classes differ.
    """
    for what in ("example_ids", "labels"):
        a, b = getattr(first, what), getattr(other, what)
        if a.shape != b.shape:
            found = f"{len(a)} against {len(b)}"
        elif not (a == b).all():
            place = int(np.argmax(a != b))
            found = f"at position {place}: {a[place]} against {b[place]}"
        else:
            continue
        raise UsageError(
            f"{first.name} and {other.name} have different {what} ({found}). A prediction "
            "difference needs predictions of the same examples in the same order."
        )
    if first.probabilities.shape[2] != other.probabilities.shape[2]:
        raise UsageError(
            f"{first.name} and {other.name} have {first.probabilities.shape[2]} and "
            f"{other.probabilities.shape[2]} classes; they must have the same."
        )


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; pickled objects are never loaded.

    Raises:
        StoreError: If the file is missing, truncated or not an npz of plain arrays.
    """
    try:
        # Opened here: given a path, np.load leaves the file open when it is damaged.
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.lib.npyio.NpzFile):
                return {name: found[name] for name in found.files}
    except FileNotFoundError:
        raise StoreError(f"No file {path}.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError, zlib.error) as error:
        raise StoreError(
            f"{path} cannot be read as an .npz file of plain arrays ({error}); it may be "
            "truncated or hold pickled objects. Delete it and write it again."
        ) from error
    raise StoreError(f"{path} is one bare array, not an .npz file. Delete it and write it again.")


def load_predictions(path: Path) -> Predictions:
    """Predictions of any models, from an npz file.

    Arrays: ``predictions`` (M, N, C), or (M, N) for the positive class's probability of a binary
    problem; ``labels`` (N,); ``example_ids`` (N,); optionally ``seeds`` (M,).

    Raises:
        StoreError: If the file cannot be read or lacks an array.
        UsageError: If the arrays are not predictions.
    """
    arrays = read_arrays(path)
    missing = [name for name in ("predictions", "labels", "example_ids") if name not in arrays]
    if missing:
        raise StoreError(
            f"{path} has no array {', '.join(missing)}; it has: {', '.join(arrays) or 'none'}. "
            "Needed: predictions (models, examples, classes), labels and example_ids (examples,)."
        )
    p = arrays["predictions"]
    if p.ndim == 2:
        p = np.stack([1 - p, p], axis=2)
    seeds = arrays.get("seeds", np.arange(len(p)))
    return Predictions(str(path), p, arrays["labels"], arrays["example_ids"], seeds)


def save_predictions(path: Path, **arrays: NDArray[Any]) -> None:
    """Writes arrays as an npz file, atomically.

    Raises:
        StoreError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())
