"""`Dataset`: what a model is trained and judged on, frozen, with the hash of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.data.split import stratified_split

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

TASKS = ("classification", "regression")
LARGEST_CATEGORY = 2**24
"""Whole numbers below it are floats of single precision."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification or regression problem, already split and standardised.

    Args:
        name: As asked for, e.g. ``digits`` or ``ctr:n=20000``.
        x_train: Features, float32, shape (n_train, n_features), finite.
        y_train: Class numbers 0 … n_classes − 1, int64, shape (n_train,); for a regression the
            standardised target, float32.
        x_test: Features, float32, shape (n_test, n_features), finite.
        y_test: The same as ``y_train`` of the test examples, shape (n_test,).
        example_ids: Row numbers of the test examples in the source, int64, shape (n_test,), unique.
        n_classes: Number of classes, at least 2; 1 for a regression.
        source: Where the data is from.
        preparation: How it was split and scaled, in one sentence.
        task: ``classification`` or ``regression``.
        cardinalities: The first columns are categories; how many each has. They are whole numbers
            0 … cardinality − 1 in both parts.
        caveats: What a result on these data must say, in sentences.
        shape: Of one example's numeric features, row by row: (channels, length) or (channels,
            height, width); empty for a table.

    Raises:
        UsageError: If shapes, labels or values do not fit together. Empty parts and NaN are
            refused. A class may be missing from the test part, not from the training part; of a
            text it may be any of the training characters.
    """

    name: str
    x_train: Floats
    y_train: NDArray[Any]
    x_test: Floats
    y_test: NDArray[Any]
    example_ids: Integers
    n_classes: int
    source: str
    preparation: str
    task: str = "classification"
    cardinalities: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            self._check_part(part, getattr(self, f"x_{part}"), getattr(self, f"y_{part}"))
        if self.x_train.shape[1] != self.x_test.shape[1]:
            raise UsageError(
                f"Data {self.name!r}: {self.x_train.shape[1]} features in x_train, "
                f"{self.x_test.shape[1]} in x_test; both must have the same."
            )
        self._check_task()
        self._check_categories()
        if self.shape and prod(self.shape) != self.n_features - len(self.cardinalities):
            raise UsageError(
                f"Data {self.name!r}: an example of shape {self.shape} has {prod(self.shape)} "
                f"numbers; found {self.n_features - len(self.cardinalities)}."
            )
        ids = self.example_ids
        if ids.shape != self.y_test.shape or len(set(ids.tolist())) != len(ids):
            raise UsageError(
                f"Data {self.name!r}: example_ids must be {len(self.y_test)} different integers, "
                f"found shape {ids.shape} with {len(set(ids.ravel().tolist()))} different values."
            )
        for array in (self.x_train, self.y_train, self.x_test, self.y_test, ids):
            array.setflags(write=False)

    def _check_task(self) -> None:
        if self.task not in TASKS:
            raise UnknownNameError("task", self.task, TASKS)
        if self.task == "regression":
            if self.n_classes != 1:
                raise UsageError(
                    f"Data {self.name!r}: a regression has one output; n_classes is "
                    f"{self.n_classes}."
                )
            return
        seen = set(np.unique(self.y_train).tolist())
        if self.cardinalities == (self.n_classes,) * self.n_features:  # a text: labels are letters
            seen |= set(np.unique(self.x_train).astype(int).tolist())
        missing = sorted(set(range(self.n_classes)) - seen)
        if self.n_classes < 2 or missing:
            raise UsageError(
                f"Data {self.name!r}: training needs at least 2 classes and an example of each; "
                f"n_classes is {self.n_classes}, classes without an example: {missing[:5]}."
            )

    def _check_categories(self) -> None:
        for column, size in enumerate(self.cardinalities):
            if not 1 <= size < LARGEST_CATEGORY:
                raise UsageError(
                    f"Data {self.name!r}: column {column} has {size} categories; possible are "
                    f"1 … {LARGEST_CATEGORY - 1}."
                )
            for part in ("train", "test"):
                values = getattr(self, f"x_{part}")[:, column]
                wrong = (values < 0) | (values >= size) | (values != np.floor(values))
                if wrong.any():
                    row = int(np.argmax(wrong))
                    raise UsageError(
                        f"Data {self.name!r}: x_{part}[{row}, {column}] is {values[row]}; a "
                        f"category of that column is a whole number 0 … {size - 1}."
                    )

    def _check_part(self, part: str, x: NDArray[Any], y: NDArray[Any]) -> None:
        wanted = np.int64 if self.task != "regression" else np.float32
        if x.dtype != np.float32 or y.dtype != wanted:
            raise UsageError(
                f"Data {self.name!r}: x_{part} must be float32 and y_{part} {wanted.__name__}, "
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
        if self.task == "regression":
            if not np.isfinite(y).all():
                row = int(np.argmax(~np.isfinite(y)))
                raise UsageError(
                    f"Data {self.name!r}: y_{part}[{row}] is {y[row]}; every target must be a "
                    "finite number."
                )
        elif y.min() < 0 or y.max() >= self.n_classes:
            raise UsageError(
                f"Data {self.name!r}: labels in y_{part} run from {y.min()} to {y.max()}; "
                f"with {self.n_classes} classes they must lie in 0 … {self.n_classes - 1}."
            )

    @property
    def n_features(self) -> int:
        """Number of features of an example."""
        return int(self.x_train.shape[1])

    def validation(self, share: float = 0.2, seed: int = 0) -> Dataset:
        """The training part alone, split again: what tuning may look at.

        Args:
            share: Of the training examples that become the test part of the result, stratified by
                class; between 0 and 1.
            seed: Of the split.

        Raises:
            UsageError: If a class has no example left for training.
        """
        train, test = stratified_split(self._strata(self.y_train), share, seed)
        return replace(
            self,
            x_train=self.x_train[train],
            y_train=self.y_train[train],
            x_test=self.x_train[test],
            y_test=self.y_train[test],
            example_ids=test,
            preparation=f"{self.preparation}; of its training part, {share:g} for validation",
        )

    @property
    def test_share(self) -> float:
        """Test examples over all examples."""
        return len(self.y_test) / (len(self.y_test) + len(self.y_train))

    def split_again(self, seed: int) -> Dataset:
        """All examples, divided anew into parts of the same size, stratified by class.

        The scaling stays as it is: an affine map of each feature, fitted on the first training
        part.

        Args:
            seed: Of the division; another one than that of the first.

        Raises:
            UsageError: If a class has no example left for training.
        """
        x = np.concatenate([self.x_train, self.x_test])
        y = np.concatenate([self.y_train, self.y_test])
        train, test = stratified_split(self._strata(y), self.test_share, seed)
        return replace(
            self,
            name=f"{self.name} (split {seed})",
            x_train=x[train],
            y_train=y[train],
            x_test=x[test],
            y_test=y[test],
            example_ids=test,
            preparation=f"{self.preparation}; all examples split again (seed {seed})",
        )

    def _strata(self, y: NDArray[Any]) -> NDArray[np.int64]:
        return y.astype(np.int64) if self.task == "classification" else np.zeros(len(y), np.int64)

    def excerpt(self, n_train: int, n_test: int) -> Dataset:
        """A part of the data to try something on: its first examples, and one of each class.

        Args:
            n_train: Training examples, if there are so many; at least one of each class.
            n_test: Test examples, if there are so many.
        """
        rows = np.arange(len(self.y_train))
        if self.task == "classification":
            firsts = np.unique(self.y_train, return_index=True)[1]
            rows = np.concatenate([firsts, np.setdiff1d(rows, firsts)])
            n_train = max(n_train, len(firsts))
        rows = np.sort(rows[:n_train])
        return replace(
            self,
            x_train=self.x_train[rows],
            y_train=self.y_train[rows],
            x_test=self.x_test[:n_test],
            y_test=self.y_test[:n_test],
            example_ids=self.example_ids[:n_test],
            preparation=f"{self.preparation}; an excerpt",
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all arrays with their names, dtypes and shapes, as hexadecimal text."""
        total = hashlib.sha256(f"n_classes={self.n_classes}".encode())
        if self.cardinalities or self.shape or self.task != "classification":
            total.update(f"|{self.task}:{self.cardinalities}:{self.shape}".encode())
        for name in ("x_train", "y_train", "x_test", "y_test", "example_ids"):
            array: NDArray[Any] = getattr(self, name)
            total.update(f"|{name}:{array.dtype.str}:{array.shape}|".encode())
            # Little-endian bytes, so that the digest does not depend on the machine.
            total.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).data)
        return total.hexdigest()
