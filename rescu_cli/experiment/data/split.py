"""The fixed split into training and test part, and scaling fitted on the training part only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TEST_SHARE = 0.2
SPLIT_SEED = 20201009  # submission date of arXiv 2010.09931; any fixed number would do

ROUNDING = 1e-14


def stratified_split(
    labels: NDArray[np.int64], test_share: float = TEST_SHARE, seed: int = SPLIT_SEED
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the training and of the test part, each class split in the same share.

    The split is a function of ``labels`` and ``seed`` alone: it uses a generator of its own and is
    never varied between the models of an experiment, which are all judged on the same examples.

    Args:
        labels: Class numbers, int64, shape (n,). A class keeps round(count·share) for the test.
        test_share: Share of the test part, between 0 and 1.
        seed: Seed of the split.

    Returns:
        Two ascending int64 arrays that partition 0 … n − 1; empty for empty ``labels``.
    """
    generator = np.random.default_rng(seed)
    chosen = [np.empty(0, dtype=np.int64)]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(generator.permutation(rows)[: round(len(rows) * test_share)])
    in_test = np.zeros(len(labels), dtype=bool)
    in_test[np.concatenate(chosen)] = True
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def standardise(
    train: NDArray[Any], test: NDArray[Any], *, per_feature: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(x − mean)/deviation, with both taken from the training part.

    Args:
        train: Shape (n_train, n_features), at least one row.
        test: Shape (n_test, n_features).
        per_feature: True where features have units of their own (tables). False where all share
            one (pixels): a pixel that is dark in nearly every image then stays unimportant instead
            of being blown up to unit variance.

    Returns:
        Both parts as float32. A constant feature becomes 0; NaN stays NaN.
    """
    axis = 0 if per_feature else None
    mean = train.mean(axis=axis, dtype=np.float64)
    deviation = np.asarray(train.std(axis=axis, dtype=np.float64))
    # The mean of equal numbers may be off by a rounding, which must not be blown up to 1.
    scale = np.where(deviation <= ROUNDING * np.abs(mean), 1.0, deviation)
    with np.errstate(over="ignore"):  # a test value beyond float32 is for `Dataset` to refuse
        return (
            ((train - mean) / scale).astype(np.float32),
            ((test - mean) / scale).astype(np.float32),
        )
