"""`Dataset`: what a model is trained and judged on, frozen, with the hash of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification problem, already split and standardised.

    Args:
        name: Name in the table of data sets.
        x_train: Features, float32, shape (n_train, n_features), finite.
        y_train: Class numbers 0 … n_classes − 1, int64, shape (n_train,).
        x_test: Features, float32, shape (n_test, n_features), finite.
        y_test: Class numbers, int64, shape (n_test,).
        example_ids: Row numbers of the test examples in the source, int64, shape (n_test,), unique.
        n_classes: Number of classes, at least 2.
        source: Where the data is from.
        preparation: How it was split and scaled, in one sentence.

    Raises:
        UsageError: If shapes, labels or values do not fit together. Empty parts and NaN are
            refused. A class may be missing from the test part, not from the training part.
    """

    name: str
    x_train: Floats
    y_train: Integers
    x_test: Floats
    y_test: Integers
    example_ids: Integers
    n_classes: int
    source: str
    preparation: str

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            self._check_part(part, getattr(self, f"x_{part}"), getattr(self, f"y_{part}"))
        if self.x_train.shape[1] != self.x_test.shape[1]:
            raise UsageError(
                f"Data {self.name!r}: {self.x_train.shape[1]} features in x_train, "
                f"{self.x_test.shape[1]} in x_test; both must have the same."
            )
        missing = sorted(set(range(self.n_classes)) - set(self.y_train.tolist()))
        if self.n_classes < 2 or missing:
            raise UsageError(
                f"Data {self.name!r}: training needs at least 2 classes and an example of each; "
                f"n_classes is {self.n_classes}, classes without an example: {missing}."
            )
        ids = self.example_ids
        if ids.shape != self.y_test.shape or len(set(ids.tolist())) != len(ids):
            raise UsageError(
                f"Data {self.name!r}: example_ids must be {len(self.y_test)} different integers, "
                f"found shape {ids.shape} with {len(set(ids.ravel().tolist()))} different values."
            )
        for array in (self.x_train, self.y_train, self.x_test, self.y_test, ids):
            array.setflags(write=False)

    def _check_part(self, part: str, x: NDArray[Any], y: NDArray[Any]) -> None:
        if x.dtype != np.float32 or y.dtype != np.int64:
            raise UsageError(
                f"Data {self.name!r}: x_{part} must be float32 and y_{part} int64, "
                f"found {x.dtype} and {y.dtype}."
            )
        if x.ndim != 2 or y.shape != x.shape[:1] or x.size == 0:
            raise UsageError(
                f"Data {self.name!r}: x_{part} must be (examples, features) and y_{part} "
                f"(examples,), neither empty; found {x.shape} and {y.shape}."
            )
        if not np.isfinite(x).all():
            row, column = np.argwhere(~np.isfinite(x))[0]
            raise UsageError(
                f"Data {self.name!r}: x_{part}[{row}, {column}] is {x[row, column]}; "
                "every feature must be a finite number."
            )
        if y.min() < 0 or y.max() >= self.n_classes:
            raise UsageError(
                f"Data {self.name!r}: labels in y_{part} run from {y.min()} to {y.max()}; "
                f"with {self.n_classes} classes they must lie in 0 … {self.n_classes - 1}."
            )

    @property
    def n_features(self) -> int:
        """Number of features of an example."""
        return int(self.x_train.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all arrays with their names, dtypes and shapes, as hexadecimal text."""
        total = hashlib.sha256(f"n_classes={self.n_classes}".encode())
        for name in ("x_train", "y_train", "x_test", "y_test", "example_ids"):
            array: NDArray[Any] = getattr(self, name)
            total.update(f"|{name}:{array.dtype.str}:{array.shape}|".encode())
            # Little-endian bytes, so that the digest does not depend on the machine.
            total.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).data)
        return total.hexdigest()
