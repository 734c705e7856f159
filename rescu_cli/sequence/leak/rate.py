"""The leak rate (Gonen et al. 2024): 100, 50 or 0 for each pair, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from rescu_cli.errors import UsageError
from rescu_cli.sequence.leak.interval import score_interval
from rescu_cli.sequence.leak.pairs import Pair
from rescu_cli.sequence.leak.similarity import Similarity, closer, cosine

MANY_TIES = 0.3
"""A share of ties above which the rate says little; from word overlap's 80 % upwards, nothing."""


@dataclass(frozen=True)
class Judged:
    """One pair.

    Args:
        pair: The texts.
        leak: 100, 50 or 0 where the test output is more, equally or less similar to the concept
            than the control output is.
        control: Similarity of the control output, rounded to a float; None where it has none.
        test: The same of the test output.
    """

    pair: Pair
    leak: int
    control: float | None
    test: float | None


@dataclass(frozen=True)
class LeakRate:
    """How many pairs went which way.

    Args:
        above: Pairs whose test output is more similar to the concept.
        equal: Ties.
        below: Pairs whose control output is.

    Example:
        >>> found = LeakRate(above=2, equal=0, below=1)
        >>> found.exact, found.swapped().exact
        (Fraction(200, 3), Fraction(100, 3))
    """

    above: int
    equal: int
    below: int

    def __post_init__(self) -> None:
        if min(self.above, self.equal, self.below) < 0 or self.n == 0:
            raise UsageError(
                f"{self.above} above, {self.equal} equal, {self.below} below: no leak rate; one "
                "pair at least is needed."
            )

    @property
    def n(self) -> int:
        """How many pairs."""
        return self.above + self.equal + self.below

    @property
    def exact(self) -> Fraction:
        """The mean over pairs, (100 above + 50 equal)/n."""
        return Fraction(100 * self.above + 50 * self.equal, self.n)

    @property
    def value(self) -> float:
        """The same as a float."""
        return float(self.exact)

    @property
    def tie_share(self) -> float:
        """Ties among the pairs."""
        return self.equal / self.n

    def interval(self) -> tuple[float, float]:
        """95 % over pairs."""
        return score_interval(self.above, self.below, self.n)

    def swapped(self) -> LeakRate:
        """With control and test exchanged: 100 − L."""
        return LeakRate(self.below, self.equal, self.above)


def judge(pairs: Sequence[Pair], similarity: Similarity) -> list[Judged]:
    """Every pair by one similarity."""
    found = []
    for pair in pairs:
        concept, control, test = (
            similarity.of(text) for text in (pair.concept, pair.control, pair.test)
        )
        leak = 50 + 50 * closer(concept, test, control)
        found.append(Judged(pair, leak, cosine(concept, control), cosine(concept, test)))
    return found


def leak_rate(judged: Sequence[Judged]) -> LeakRate:
    """The rate of judged pairs, one at least."""
    leaks = [j.leak for j in judged]
    return LeakRate(leaks.count(100), leaks.count(50), leaks.count(0))
