"""An interval for a mean of 100, 50 and 0 that holds for few pairs, many ties and equal values.

With p₊, p₋ the probabilities of 100 and 0 the leak rate is 50 + 50 δ, δ = p₊ − p₋: a difference of
two proportions of a paired sample. Tango (Statistics in Medicine 17, 1998, 891–908) inverts its
score test: δ is inside where

    |b − c − nδ| ≤ z √(n (2q + δ(1 − δ))),

b and c being the counts of 100 and 0, and q the likeliest p₋ if the difference is δ, the larger
root of 2n q² + ((2n − b + c)δ − b − c) q − cδ(1 − δ) = 0. Without ties this is Wilson's interval. A
t interval has width 0 where all pairs are alike; this one has not.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

LEVEL = 0.95
METHOD = "Tango's score interval over pairs (Wilson's, with ties)"
_HALVINGS = 80


def score_interval(above: int, below: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of the leak rate, within [0, 100].

    Args:
        above: Pairs with 100.
        below: Pairs with 0.
        n: All pairs, n ≥ 1; the others have 50.
        level: Nominal coverage.

    Example:
        >>> [round(end, 2) for end in score_interval(0, 0, 10)]  # ten ties
        [36.12, 63.88]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    # The upper end is the lower one of the swapped pairs, so that swapping mirrors the interval.
    return 50 + 50 * _lower(above, below, n, z), 50 - 50 * _lower(below, above, n, z)


def _lower(b: int, c: int, n: int, z: float) -> float:
    """The least δ inside, by bisection between −1 and the estimate."""
    outside, inside = -1.0, (b - c) / n
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if b - c - n * middle > z * sqrt(n * _variance(b, c, n, middle)):
            outside = middle
        else:
            inside = middle
    return inside


def _variance(b: int, c: int, n: int, delta: float) -> float:
    """p₊ + p₋ − δ², with p₋ the likeliest one."""
    linear = (2 * n - b + c) * delta - b - c
    root = sqrt(max(linear**2 + 8 * n * c * delta * (1 - delta), 0.0))
    return max((root - linear) / (2 * n) + delta * (1 - delta), 0.0)
