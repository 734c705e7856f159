"""Which test examples flip: on which the models of an activation vote for different classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError

Votes = NDArray[np.int64]
SHOWN = 12
EDGES = (0.0, 0.25, 0.5)
"""Upper ends of the groups of examples by share of disagreeing pairs; the last group is above."""


@dataclass(frozen=True)
class Ballot:
    """What the models of one activation say about one example.

    Args:
        votes: Models by class, as (class, models), most voted first.
        churn: Share of the pairs of models that vote for different classes; None for one model.
    """

    votes: tuple[tuple[int, int], ...]
    churn: float | None


@dataclass(frozen=True)
class Flip:
    """One example on which models differ.

    Args:
        position: Among the test examples.
        example_id: What names it.
        label: Its true class.
        churn: Mean over the activations of the share of disagreeing pairs.
        ballots: One per activation.
    """

    position: int
    example_id: str
    label: int
    churn: float
    ballots: tuple[Ballot, ...]


@dataclass(frozen=True)
class Agreement:
    """How the test examples of one activation spread over the shares of disagreeing pairs.

    Args:
        activation: Its text.
        n_models: Models that voted.
        groups: Shares of the test examples: all models alike, then above 0 to each edge of `EDGES`,
            then above the last. They sum to 1; empty for one model, which has no pairs.
    """

    activation: str
    n_models: int
    groups: tuple[float, ...]


@dataclass(frozen=True)
class Disagreement:
    """Where the models of an experiment disagree.

    Args:
        n_examples: Of the test part.
        n_models: Of all activations together.
        alike: Share of the examples for which all models of all activations give one class.
        agreements: One per activation that has a model.
        flips: The examples with the most disagreement, most first; only examples with any.
    """

    n_examples: int
    n_models: int
    alike: float
    agreements: tuple[Agreement, ...]
    flips: tuple[Flip, ...]


def count_votes(predictions: NDArray[Any]) -> Votes:
    """How many models give each class: (M, N, C) probabilities ↦ (N, C).

    A tie goes to the class with the smaller number, as in ``churn``.
    """
    winners = predictions.argmax(2)
    n_classes = predictions.shape[2]
    rows = np.arange(predictions.shape[1]) * n_classes
    counts = np.bincount((winners + rows).ravel(), minlength=len(rows) * n_classes)
    return np.asarray(counts.reshape(len(rows), n_classes), dtype=np.int64)


def disagreeing_pairs(votes: Votes) -> NDArray[np.float64]:
    """Share of the pairs of models that differ, 1 − Σ_c v_c(v_c − 1) / (M(M − 1)), per example.

    Its mean over the examples is ``churn``.

    Args:
        votes: (N, C), the same M ≥ 2 votes in every row.
    """
    n_models = int(votes[0].sum())
    return np.asarray(1 - (votes * (votes - 1)).sum(1) / (n_models * (n_models - 1)))


def find_disagreement(
    names: Sequence[str],
    votes: Sequence[Votes],
    labels: NDArray[Any],
    example_ids: NDArray[Any],
    shown: int = SHOWN,
) -> Disagreement:
    """The examples that flip most, each activation's votes side by side.

    Args:
        names: Of the activations.
        votes: One (N, C) per activation, from `count_votes`; each has at least one model.
        labels: True classes, (N,).
        example_ids: (N,).
        shown: Most examples to name.

    Raises:
        UsageError: If there is no activation, or they speak of different examples or classes.
    """
    shapes = {v.shape for v in votes}
    if len(shapes) != 1 or len(names) != len(votes) or len(labels) != len(votes[0]):
        raise UsageError(
            f"Votes must be of the same examples and classes for each of {len(names)} activations; "
            f"found shapes {sorted(shapes)} with {len(labels)} labels."
        )
    churns = [disagreeing_pairs(v) if v[0].sum() > 1 else None for v in votes]
    known = [churn for churn in churns if churn is not None]
    mean = np.mean(known, axis=0) if known else np.zeros(len(labels))
    # Stable: equal shares stay in the order of the test part.
    order = np.argsort(-mean, kind="stable")[:shown]
    together = np.sum(votes, axis=0)
    return Disagreement(
        n_examples=len(labels),
        n_models=int(together[0].sum()),
        alike=float(((together > 0).sum(1) == 1).mean()),
        agreements=tuple(
            Agreement(name, int(v[0].sum()), _groups(churn))
            for name, v, churn in zip(names, votes, churns, strict=True)
        ),
        flips=tuple(
            Flip(
                position=int(n),
                example_id=str(example_ids[n]),
                label=int(labels[n]),
                churn=float(mean[n]),
                ballots=tuple(
                    Ballot(_sorted(v[n]), None if churn is None else float(churn[n]))
                    for v, churn in zip(votes, churns, strict=True)
                ),
            )
            for n in order
            if mean[n] > 0
        ),
    )


def _groups(churn: NDArray[np.float64] | None) -> tuple[float, ...]:
    if churn is None:
        return ()
    group = np.searchsorted(EDGES, churn, side="left")
    counts = np.bincount(group, minlength=len(EDGES) + 1)
    return tuple(float(count) / len(churn) for count in counts)


def _sorted(votes: NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    ranked = sorted(((-int(n), c) for c, n in enumerate(votes) if n))
    return tuple((c, -n) for n, c in ranked)
