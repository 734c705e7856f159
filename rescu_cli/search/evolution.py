"""Regularised evolution: the best of a few is changed a little, and the oldest dies.

Real, Aggarwal, Huang and Le, Regularized evolution for image classifier architecture search, 2019
(arXiv:1802.01548). Children are bred and trained by the batch, which is what stacked training
wants; they are ranked among each other only by the next tournament.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import numpy as np

from rescu_cli.search.outcome import Objective, Outcome
from rescu_cli.search.sampler import Sampler

C = TypeVar("C")
POPULATION, TOURNAMENT, BROOD = 64, 12, 32
_TRIES = 200


def evolve(
    sampler: Sampler[C],
    evaluate: Callable[[Sequence[C], int], Sequence[Outcome]],
    objective: Objective,
    rng: np.random.Generator,
    *,
    n_trained: int,
    spent: Callable[[], float] = lambda: 0.0,
    population: int = POPULATION,
    tournament: int = TOURNAMENT,
    brood: int = BROOD,
    known: Collection[bytes] = (),
) -> list[tuple[C, Outcome]]:
    """Evolves until so many candidates are trained, or the budget is spent.

    Args:
        sampler: The space.
        evaluate: (candidates, generation) ↦ an outcome for each.
        objective: What is better.
        rng: Everything that is drawn.
        n_trained: Candidates to train in all; no function is trained twice.
        spent: Share of the time budget that is used up, looked at between generations.
        population: Alive at a time.
        tournament: Drawn from them; the best becomes the parent.
        brood: Children bred at a time.
        known: Marks of what is not to be trained, such as the null rows.

    Returns:
        Every candidate that was trained, in the order of training.
    """
    seen = set(known)
    alive: deque[tuple[C, Outcome]] = deque()
    history: list[tuple[C, Outcome]] = []

    def fresh(make: Callable[[], C]) -> C | None:
        for _ in range(_TRIES):
            child = make()
            mark = sampler.mark(child)
            # Only what is trained is remembered: a multiple of it may have been refused.
            if mark not in seen and sampler.rejection(child) is None:
                seen.add(mark)
                return child
        return None

    def parent() -> C:
        drawn = rng.choice(len(alive), size=min(tournament, len(alive)), replace=False)
        return max((alive[int(i)] for i in drawn), key=lambda entry: objective.key(entry[1]))[0]

    def born() -> C:
        return sampler.sample(rng)

    def bred() -> C:
        return sampler.mutate(parent(), rng)

    generation = 0
    while len(history) < n_trained and (not history or spent() < 1):
        wanted = min(brood if generation else population, n_trained - len(history))
        breed = born if generation == 0 else bred
        made = [fresh(breed) for _ in range(wanted)]
        children = [child for child in made if child is not None]
        if not children:  # everything near is known
            break
        found = list(zip(children, evaluate(children, generation), strict=True))
        history += found
        alive.extend(found)
        while len(alive) > population:
            alive.popleft()
        generation += 1
    return history
