"""What is asked of a search."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.search.budget import Budget
from rescu_cli.search.halving import RUNGS, Rung
from rescu_cli.search.outcome import Objective

BLOCK = 10_000
MOST_SEED = 100_000
SPACES = ("units", "gradient")
STRATEGIES = ("exhaustive", "evolution", "reinforce")


@dataclass(frozen=True)
class Request:
    """What is searched, and how.

    Args:
        space: ``units`` or ``gradient``.
        strategy: ``exhaustive``, ``evolution`` or ``reinforce``.
        objective: ``accuracy`` or ``pd-at-accuracy``.
        n_units: Units of a formula, 1 or 2.
        n_knots: Of a gradient.
        interpolation: ``linear`` or ``pchip``, of a gradient.
        budget: When to stop.
        top: How many are confirmed.
        seed: Of everything that the search draws.
        seeds: Trainings per candidate.
        confirm: Trainings of each of the best, with other seeds.
        rungs: Epochs and shares of successive halving; evolution and reinforcement train as long as
            the last.

    Raises:
        UsageError: If something does not go together.
    """

    space: str = "units"
    strategy: str = "exhaustive"
    objective: str = "accuracy"
    n_units: int = 1
    n_knots: int = 4
    interpolation: str = "pchip"
    budget: Budget = field(default_factory=Budget)
    top: int = 10
    seed: int = 0
    seeds: int = 3
    confirm: int = 12
    rungs: tuple[Rung, ...] = RUNGS

    def __post_init__(self) -> None:
        for what, name, known in (("space", self.space, SPACES),
                                  ("strategy", self.strategy, STRATEGIES)):  # fmt: skip
            if name not in known:
                raise UnknownNameError(what, name, list(known))
        Objective(self.objective)  # refuses an unknown one
        if self.n_units not in (1, 2):
            raise UsageError(f"{self.n_units} units asked; a formula has 1 or 2.")
        endless = self.budget.seconds is None and self.budget.candidates is None
        whole = self.space == "units" and self.n_units == 1 and self.strategy == "exhaustive"
        if endless and not whole:
            raise UsageError(
                "Only the one-unit space is small enough to be searched to its end; give a budget, "
                "e.g. '--budget 300s' or '--budget 500'."
            )
        if self.space == "units" and self.n_units == 2 and self.strategy == "exhaustive":
            raise UsageError(
                "Two units have more than 100 million formulas; use '--strategy evolution' or "
                "'--strategy reinforce'."
            )
        if self.space == "gradient" and self.strategy == "reinforce":
            raise UsageError(
                "The controller writes formulas; for gradients use '--strategy evolution', or "
                "'exhaustive' for a random sample."
            )
        if max(self.seeds, self.confirm) > BLOCK or self.seed > MOST_SEED:
            raise UsageError(
                f"seeds {self.seeds}, confirm {self.confirm}, seed {self.seed}: at most {BLOCK}, "
                f"{BLOCK} and {MOST_SEED}."
            )
        if self.top < 1 or self.seeds < 2 or self.confirm < 2 or self.seed < 0:
            raise UsageError(
                f"top {self.top}, seeds {self.seeds}, confirm {self.confirm}, seed {self.seed}: "
                "needed are at least 1, 2, 2 and 0; a prediction difference takes two models."
            )

    @property
    def searching(self) -> range:
        """Seeds of the trainings that choose; another ``seed`` has others."""
        first = 2 * BLOCK * self.seed
        return range(first, first + self.seeds)

    @property
    def confirming(self) -> range:
        """Seeds of the confirmation: none of them is a seed of any search."""
        first = 2 * BLOCK * self.seed + BLOCK
        return range(first, first + self.confirm)
