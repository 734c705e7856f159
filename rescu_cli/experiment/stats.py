"""Statistics whose unit is the trained model: jackknife, exact sign flips, Holm, equivalence.

S models give S(S − 1)/2 pairs but S independent units. Treating pairs as independent, or a
percentile bootstrap over few seeds, gives intervals that are far too short; the delete-one
jackknife with Student's t comes near its nominal level (``benchmarks/coverage.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isnan, log2, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError

Floats = NDArray[np.float64]
Verdict = Literal["lower", "higher", "no difference shown"]

LEVEL = 0.95
ALPHA = 0.05
EXACT_FLIPS_TO = 40  # two halves of 2^20 sums each
N_RANDOM_FLIPS = 200_000


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Args:
        value: The estimate.
        se: Standard error; None where it cannot be estimated.
        df: Degrees of freedom of Student's t.
    """

    value: float
    se: float | None
    df: int

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Two-sided t interval; None without a standard error."""
        if self.se is None:
            return None
        half = t_quantile((1 + level) / 2, self.df) * self.se
        return self.value - half, self.value + half

    def p_value(self) -> float | None:
        """Two-sided p of the value 0; None without a positive standard error, 1 for 0 ± 0."""
        if self.se is None:
            return None
        if self.se == 0:
            # Equal seeds do not make a certainty: no p is better than p = 0.
            return 1.0 if self.value == 0 else None
        return 2 * t_tail(abs(self.value) / self.se, self.df)


def t_quantile(probability: float, df: int) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit  # reason: scipy.special is light, scipy.stats is not

    return float(stdtrit(df, probability))


def t_tail(t: float, df: int) -> float:
    """P(T > t) for Student's t."""
    from scipy.special import stdtr

    return float(stdtr(df, -t))


def jackknife(value: float, leave_one_out: Floats) -> Estimate:
    """Delete-one jackknife: se² = (S − 1)/S · Σ_k (θ₍₋ₖ₎ − mean θ₍₋·₎)², with S − 1 degrees.

    Args:
        value: θ over all S units.
        leave_one_out: Float64, shape (S,): θ without unit k. With a NaN among them, or fewer than
            two, there is no standard error. For a mean this is the ordinary one.
    """
    n = len(leave_one_out)
    if n < 2 or np.isnan(leave_one_out).any():
        return Estimate(value, None, max(n - 1, 0))
    spread = float(((leave_one_out - leave_one_out.mean()) ** 2).sum())
    return Estimate(value, sqrt((n - 1) / n * spread), n - 1)


def mean_estimate(values: Floats) -> Estimate:
    """The mean of independent values, shape (S,), S ≥ 1, with its standard error."""
    n = len(values)
    value = float(values.mean())
    return Estimate(value, float(values.std(ddof=1)) / sqrt(n) if n > 1 else None, n - 1)


@dataclass(frozen=True)
class SignFlip:
    """Result of a sign-flip test.

    Args:
        p: Two-sided p.
        exact: Whether all 2^S sign patterns were counted.
        least_p: The smallest p that S differences can give, 2/2^S.
        n: Number of differences, S.
    """

    p: float
    exact: bool
    least_p: float
    n: int

    @property
    def method(self) -> str:
        """For printing beside p."""
        if self.exact:
            return "sign-flip, exact"
        return f"sign-flip, Monte Carlo with {N_RANDOM_FLIPS} draws"


def sign_flip_test(differences: Floats, generator: np.random.Generator | None = None) -> SignFlip:
    """Two-sided test that paired differences are symmetric about 0.

    p is the share of the 2^S sign patterns s with |Σ s_k d_k| ≥ |Σ d_k|. All are counted up to
    S = 40, by sorting the sums of two halves; beyond, patterns are drawn (and the observed one
    counted among them).

    Args:
        differences: Float64, shape (S,), finite, S ≥ 1.
        generator: For S > 40; a fixed one if None.

    Raises:
        UsageError: If there is no difference, or one is not finite.
    """
    n = len(differences)
    if n < 1 or not np.isfinite(differences).all():
        raise UsageError(f"A sign-flip test needs finite differences; found {differences!r}.")
    size = np.abs(differences).sum()
    # Equal sums must count as equal although their terms were added in another order.
    reached = abs(differences.sum()) - 1e-12 * size * max(1, n)
    least = 2.0 ** (1 - n)
    if n <= EXACT_FLIPS_TO:
        half = n // 2
        left, right = _signed_sums(differences[:half]), np.sort(_signed_sums(differences[half:]))
        above = len(right) - np.searchsorted(right, reached - left, side="left")
        below = np.searchsorted(right, -reached - left, side="right")
        # Where the threshold is not positive both counts overlap: every pattern reaches it.
        share = 1.0 if reached <= 0 else float(above.sum() + below.sum()) / 2.0**n
        return SignFlip(share, True, least, n)
    draws = generator or np.random.default_rng(0)
    hits = 1
    for start in range(0, N_RANDOM_FLIPS, 10_000):
        count = min(10_000, N_RANDOM_FLIPS - start)
        signs = draws.integers(0, 2, size=(count, n)) * 2 - 1
        hits += int((np.abs(signs @ differences) >= reached).sum())
    return SignFlip(hits / (N_RANDOM_FLIPS + 1), False, least, n)


def _signed_sums(values: Floats) -> Floats:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment; None stands for a test that could not be made and is left out.

    The k-th smallest of m is multiplied by m − k + 1, kept above its predecessors and below 1.
    """
    made = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(made):
        highest = max(highest, min(1.0, p * (len(made) - rank)))
        adjusted[i] = highest
    return adjusted


def seeds_needed(n_comparisons: int = 1, alpha: float = ALPHA) -> int:
    """The fewest seeds with which one of n sign-flip tests can be significant after Holm.

    The least p of S seeds is 2/2^S and Holm's first step multiplies it by n, so S is the smallest
    number with n·2^(1−S) ≤ alpha.

    >>> [seeds_needed(n) for n in (1, 2, 5)]
    [6, 7, 8]

    Raises:
        UsageError: If n is below 1 or alpha is not between 0 and 1.
    """
    if n_comparisons < 1 or not 0 < alpha < 1:
        raise UsageError(
            f"{n_comparisons} comparisons at alpha {alpha}: needed are at least 1 comparison and "
            "an alpha between 0 and 1."
        )
    needed = max(1, ceil(1 + log2(n_comparisons / alpha)) - 1)  # one less: log2 may round up
    while n_comparisons * 2.0 ** (1 - needed) > alpha:
        needed += 1
    return needed


def verdict(difference: float, p_adjusted: float | None, alpha: float = ALPHA) -> Verdict:
    """Which side a difference lies on, or plainly that none was shown."""
    if p_adjusted is None or isnan(difference) or p_adjusted > alpha or difference == 0:
        return "no difference shown"
    return "lower" if difference < 0 else "higher"


@dataclass(frozen=True)
class Equivalence:
    """Result of two one-sided tests.

    Args:
        p: The larger of both p.
        margin: Half-width of the region of equivalence.
        equivalent: Whether p ≤ alpha: the difference is shown to lie inside ±margin.
    """

    p: float
    margin: float
    equivalent: bool

    @property
    def verdict(self) -> str:
        """Plain words; a failure to show equivalence is not a difference."""
        if self.equivalent:
            return f"equivalent within ±{self.margin:g}"
        return f"equivalence within ±{self.margin:g} not shown"


def equivalence(difference: Estimate, margin: float, alpha: float = ALPHA) -> Equivalence:
    """Two one-sided t tests (TOST) that |difference| < margin.

    Args:
        difference: Of two activations, with standard error.
        margin: Positive: what still counts as equal in practice.
        alpha: Level of each one-sided test.

    Raises:
        UsageError: If the margin is not positive, or there is no standard error.
    """
    if not margin > 0:
        raise UsageError(f"Margin {margin!r} must be positive: the largest difference that counts "
                         "as none.")  # fmt: skip
    if difference.se is None:
        raise UsageError("Equivalence needs a standard error, hence at least two seeds.")
    room = margin - abs(difference.value)
    if difference.se == 0:
        p = 0.0 if room > 0 else 1.0
    else:
        p = t_tail(room / difference.se, difference.df)
    return Equivalence(p, margin, p <= alpha)
