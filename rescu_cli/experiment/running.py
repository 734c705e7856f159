"""Mean and standard error of values that come a chunk at a time."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from rescu_cli.experiment.stats import Estimate


class RunningMean:
    """`mean_estimate` of values that are never all there.

    Kept are the number n, the mean x̄ and S = Σ (x − x̄)². Two groups merge as

        x̄ = x̄₁ + (x̄₂ − x̄₁)·n₂/n,   S = S₁ + S₂ + (x̄₂ − x̄₁)²·n₁n₂/n,

    which, unlike Σx² − n·x̄², loses no digits to a mean far above the spread.
    """

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0
        self._spread = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Takes in values, shape (k,), k ≥ 1."""
        n, k = self._n, len(values)
        mean = float(values.mean())
        step = mean - self._mean
        share = k / (n + k)
        self._mean += step * share
        self._spread += float(((values - mean) ** 2).sum()) + step**2 * n * share
        self._n = n + k

    def estimate(self) -> Estimate:
        """The mean with its standard error [S/(n − 1)/n]^½; none for a single value."""
        n = self._n
        se = sqrt(self._spread / (n - 1) / n) if n > 1 else None
        return Estimate(self._mean, se, n - 1)

    def variance(self) -> float:
        """S/n, of the values themselves."""
        return self._spread / self._n
