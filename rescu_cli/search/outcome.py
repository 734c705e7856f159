"""What training says of a candidate, and which of two is better."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from rescu_cli.errors import UnknownNameError

OBJECTIVES = ("accuracy", "pd-at-accuracy")
MARGIN = 0.01


@dataclass(frozen=True)
class Outcome:
    """Means over the seeds that did not diverge, on the validation part.

    Of a candidate that was trained at several learning rates, it is that of the best of them.

    Args:
        score: Accuracy, or R² of a regression; None if every training diverged.
        loss: Mean loss.
        pd: Prediction difference ``pd_l1``; None with fewer than two sound models.
        n_diverged: Trainings that diverged.
        epochs: Passes over the training part.
        lr: Learning rate.
    """

    score: float | None = None
    loss: float | None = None
    pd: float | None = None
    n_diverged: int = 0
    epochs: int = 0
    lr: float | None = None


@dataclass(frozen=True)
class Objective:
    """``accuracy``, or the least prediction difference among those that are accurate enough.

    Args:
        name: One of `OBJECTIVES`.
        floor: Score that counts as accurate enough, for ``pd-at-accuracy``.

    Raises:
        UnknownNameError: If there is no such objective.
    """

    name: str = "accuracy"
    floor: float = -inf

    def __post_init__(self) -> None:
        if self.name not in OBJECTIVES:
            raise UnknownNameError("objective", self.name, list(OBJECTIVES))

    def key(self, outcome: Outcome) -> tuple[float, float, float]:
        """For sorting: larger is better; what diverged is worse than anything that did not."""
        if outcome.score is None or outcome.n_diverged:
            return (-inf, -float(outcome.n_diverged), -inf)
        loss = inf if outcome.loss is None else outcome.loss
        if self.name == "accuracy":
            return (0.0, outcome.score, -loss)
        if outcome.pd is None or outcome.score < self.floor:
            return (-1.0, outcome.score, -loss)
        return (0.0, -outcome.pd, -loss)

    def reward(self, outcome: Outcome) -> float:
        """The same order as one number in [−2, 1]: what a controller learns from."""
        level, first, _ = self.key(outcome)
        if level == -inf:
            return -2.0
        if self.name == "accuracy":
            return max(first, -2.0)
        # pd_l1 lies in [0, 2]; what is not accurate enough comes below all that is.
        return 1 + first / 2 if level == 0 else max(first - 1, -2.0)
