"""Randomness of an experiment: one generator per seed and purpose, no global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PURPOSES = {"init": 1, "order": 2, "dropout": 3, "split": 4}
SPLIT_SHARE = 0.8  # of the training part, where it varies which examples a model sees


def generator_for(purpose: str, seed: int, vary: Sequence[str]) -> np.random.Generator:
    """The generator of one model for one purpose.

    It is a function of (purpose, seed) alone: neither the activation nor the other models of the
    batch enter, so that every activation meets the same draws. A purpose that is not varied takes
    the same generator for every seed.

    Args:
        purpose: ``init``, ``order``, ``dropout`` or ``split``.
        seed: The model's seed, not negative.
        vary: The purposes that differ between seeds.

    Returns:
        A PCG64 generator seeded with the sequence (purpose number, varied or not, seed or 0).
    """
    varied = purpose in vary
    return np.random.default_rng([PURPOSES[purpose], int(varied), seed if varied else 0])


def data_order(generator: np.random.Generator, n: int, n_epochs: int) -> NDArray[np.int64]:
    """Order of the training examples in each epoch, int64, shape (n_epochs, n)."""
    order = np.empty((n_epochs, n), dtype=np.int64)
    for epoch in range(n_epochs):
        order[epoch] = generator.permutation(n)
    return order


def seen_rows(generator: np.random.Generator, n: int, vary: Sequence[str]) -> NDArray[np.int64]:
    """The training examples that a model sees, ascending: all n, or a share if the split varies.

    The test examples are the same for every model, or there would be nothing to compare.
    """
    if "split" not in vary:
        return np.arange(n, dtype=np.int64)
    kept = max(1, round(n * SPLIT_SHARE))
    return np.sort(generator.permutation(n)[:kept]).astype(np.int64)
