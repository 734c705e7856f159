"""Randomness of an experiment: one generator per seed and purpose, no global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PURPOSES = {"init": 1, "order": 2}


def generator_for(purpose: str, seed: int, vary: Sequence[str]) -> np.random.Generator:
    """The generator of one model for one purpose.

    It is a function of (purpose, seed) alone: neither the activation nor the other models of the
    batch enter, so that every activation meets the same draws. A purpose that is not varied takes
    the same generator for every seed.

    Args:
        purpose: ``init`` or ``order``.
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
