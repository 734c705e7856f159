"""Predictions of many models, a few examples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
VALUES_AT_ONCE = 2**17  # 1 MB of float64: every step of a metric finds its chunk in the cache


class Column(Protocol):
    """Values of the examples in order: an array, or a member of a file that is read in slices."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


class Source(Protocol):
    """What M models say about N examples, in memory or in a file."""

    @property
    def name(self) -> str:
        """Where it is from, for messages."""

    @property
    def task(self) -> str:
        """``classification`` or ``regression``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, N, C)."""

    @property
    def labels(self) -> Column: ...

    @property
    def example_ids(self) -> Column: ...

    @property
    def seeds(self) -> NDArray[Any]: ...

    def outputs(self, start: int, stop: int) -> NDArray[Any]:
        """Of the examples ``start`` … ``stop`` − 1 as saved, shape (M, n, C)."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """What M models say about n consecutive examples.

    Args:
        outputs: Float64, shape (M, C, n): sums over classes then run along the examples.
        labels: Shape (n,); for a regression with several outputs (n, C).
    """

    outputs: Floats
    labels: NDArray[Any]

    @cached_property
    def of_label(self) -> Floats:
        """P[m,n,y_n], the probability of the true class, float64, shape (M, n)."""
        n = self.outputs.shape[2]
        return np.ascontiguousarray(self.outputs[:, self.labels, np.arange(n)])

    @cached_property
    def compared(self) -> Floats:
        """p[m,n] of the relative metrics: of class 1 of two, else of the true class, (M, n)."""
        if self.outputs.shape[1] == 2:
            return np.ascontiguousarray(self.outputs[:, 1])
        return self.of_label

    @cached_property
    def winners(self) -> NDArray[np.intp]:
        """The most probable class, shape (M, n); of equal ones that with the smaller number."""
        return self.outputs.argmax(1)


def classes_in_the_middle(outputs: NDArray[Any]) -> Floats:
    """(M, n, C) of any float format as float64, shape (M, C, n), contiguous."""
    return np.ascontiguousarray(np.moveaxis(outputs, 2, 1), dtype=np.float64)


def chunk_of(source: Source, start: int, stop: int) -> Chunk:
    """The examples ``start`` … ``stop`` − 1."""
    return Chunk(classes_in_the_middle(source.outputs(start, stop)), source.labels[start:stop])


def stretches(n: int, length: int) -> Iterator[tuple[int, int]]:
    """0 … n cut into pieces (start, stop) of ``length``; the last may be shorter."""
    for start in range(0, n, length):
        yield start, min(start + length, n)


def length_for(source: Source) -> int:
    """How many examples make `VALUES_AT_ONCE`, at least 1."""
    n_models, _, n_outputs = source.shape
    return max(1, VALUES_AT_ONCE // (n_models * n_outputs))
