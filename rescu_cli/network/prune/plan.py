"""How pruning goes: methods, rounds, rates; all of it checked before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.network.toy.training import Training

METHODS = ("magnitude", "ap")
AP_SHARE = 0.02
RATE = 0.2


@dataclass(frozen=True)
class PrunePlan:
    """What is pruned, and how.

    Args:
        methods: Of `METHODS`, each once; all start from the same trained networks.
        rounds: Of pruning, ≥ 1; round 0 is the whole network.
        rate: p, the share of the weights left that goes in a round, in (0, 1).
        ap_share: q ≤ p, the part of p that AP takes from negative weights, as a share of the
            weights left. At q = 0 AP is the magnitude's pruner.
        model: Of the toy models.
        hidden: Widths, or channels; the model's own if None.
        training: Of every round.
        threshold: A unit is off where the size of its output is at most this.

    Raises:
        UnknownNameError: If a method is not known.
        UsageError: If a number is out of range.
    """

    methods: tuple[str, ...] = METHODS
    rounds: int = 5
    rate: float = RATE
    ap_share: float = AP_SHARE
    model: str = "mlp"
    hidden: tuple[int, ...] | None = None
    training: Training = field(default_factory=Training)
    threshold: float = 0.0

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in METHODS:
                raise UnknownNameError("pruning method", method, METHODS)
        if not self.methods or len(set(self.methods)) != len(self.methods):
            raise UsageError(
                f"Methods {', '.join(self.methods) or 'none'} asked; name each once: "
                f"{', '.join(METHODS)}."
            )
        if self.rounds < 1:
            raise UsageError(f"{self.rounds} rounds of pruning asked; at least 1.")
        if not 0 < self.rate < 1:
            raise UsageError(
                f"A rate of {self.rate:g} asked; it is the share of the weights left that goes in "
                "a round, above 0 and below 1."
            )
        if not 0 <= self.ap_share <= self.rate:
            raise UsageError(
                f"AP is to take {self.ap_share:g} of the weights left, but a round takes "
                f"{self.rate:g} in all; '--ap-share' is between 0 and '--rate'."
            )
        if not (isfinite(self.threshold) and self.threshold >= 0):
            raise UsageError(
                f"Threshold {self.threshold} asked; the size of an output is 0 or more."
            )

    def counts(self, method: str, n_left: int) -> tuple[int, int]:
        """How many weights go by magnitude and how many by AP, of those left.

        Whole numbers, the same sum for every method: round(p·n) in all, round(q·n) of them by AP.
        """
        total = min(round(self.rate * n_left), n_left - 1)
        by_ap = min(round(self.ap_share * n_left), total) if method == "ap" else 0
        return total - by_ap, by_ap

    def to_dict(self) -> dict[str, Any]:
        return {
            "methods": list(self.methods), "rounds": self.rounds, "rate": self.rate,
            "ap_share": self.ap_share, "model": self.model,
            "hidden": None if self.hidden is None else list(self.hidden),
            "epochs": self.training.epochs, "lr": self.training.lr,
            "batch_size": self.training.batch_size, "threshold": self.threshold,
        }  # fmt: skip
