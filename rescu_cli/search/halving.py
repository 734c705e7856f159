"""Successive halving: everything a little, the better part longer, and so on.

Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization,
2016 (arXiv:1502.07943).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

from rescu_cli.search.outcome import Objective, Outcome

C = TypeVar("C")


@dataclass(frozen=True)
class Rung:
    """One round.

    Args:
        epochs: Of each training in it.
        kept: Share of its candidates that go on.
        until: Share of the time budget at which it ends; what is not trained by then is left.
    """

    epochs: int
    kept: float
    until: float


RUNGS = (Rung(3, 0.25, 0.6), Rung(9, 0.25, 0.85), Rung(27, 1.0, 1.0))


@dataclass(frozen=True)
class Halved(Generic[C]):
    """What came of it.

    Args:
        results: Every candidate that was trained, with its longest training; best first.
        reached: How many candidates each rung trained.
        left: How many the budget left untrained in each rung.
    """

    results: tuple[tuple[C, Outcome], ...]
    reached: tuple[int, ...]
    left: tuple[int, ...]


def successive_halving(
    candidates: Sequence[C],
    evaluate: Callable[[Sequence[C], int, int], Sequence[Outcome]],
    objective_of: Callable[[int], Objective],
    *,
    chunk: int,
    spent: Callable[[], float] = lambda: 0.0,
    rungs: Sequence[Rung] = RUNGS,
) -> Halved[C]:
    """Trains in rungs.

    Args:
        candidates: In the order in which they are tried.
        evaluate: (candidates, rung, number of the chunk) ↦ an outcome for each.
        objective_of: What is better, by the number of the rung.
        chunk: Candidates trained together; the budget is looked at between chunks.
        spent: Share of the budget that is used up.
        rungs: The rounds.
    """
    latest: list[tuple[int, C, Outcome]] = []
    alive = list(enumerate(candidates))
    reached, left = [], []
    for number, rung in enumerate(rungs):
        done: list[tuple[int, C, Outcome]] = []
        for start in range(0, len(alive), chunk):
            if start and spent() >= rung.until:  # one chunk always: an empty answer helps nobody
                break
            part = alive[start : start + chunk]
            outcomes = evaluate([c for _, c in part], number, start // chunk)
            done += [(i, c, o) for (i, c), o in zip(part, outcomes, strict=True)]
        reached.append(len(done))
        left.append(len(alive) - len(done))
        objective = objective_of(number)
        trained = {i for i, _, _ in done}
        # A longer training replaces the shorter one; what is left keeps the shorter.
        latest = [*done, *(entry for entry in latest if entry[0] not in trained)]
        done.sort(key=lambda entry: (objective.key(entry[2]), -entry[0]), reverse=True)
        alive = [(i, c) for i, c, _ in done[: max(1, ceil(rung.kept * len(done)))]]
    # Trainings of different length do not compare: first the longest, then by the objective.
    by_epochs = {rung.epochs: objective_of(i) for i, rung in enumerate(rungs)}
    latest.sort(key=lambda e: (e[2].epochs, by_epochs[e[2].epochs].key(e[2]), -e[0]), reverse=True)
    return Halved(tuple((c, o) for _, c, o in latest), tuple(reached), tuple(left))
