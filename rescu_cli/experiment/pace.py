"""How many models are trained together: measured on the machine, the data and the model at hand.

More models in a stack share the cost of each call, until the stack no longer fits the caches. Where
that is depends on the model and on the processor, so it is timed, with a few steps of the training
itself. What a model becomes does not depend on its company (see `train`): only time does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rescu_cli.experiment.work import train_batch

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.spec import Cell, ExperimentSpec
    from rescu_cli.experiment.subject import Subject

STEPS = 8  # timed of each size
ROUNDS = 2  # of a short one the better counts: a busy machine only makes things slower
LONG = 0.3  # seconds; what takes longer is timed once
GAIN = 0.05  # per model; a size twice as large that saves less is not worth what a killed run loses


def fastest(sizes: Sequence[int], seconds: Callable[[int], float]) -> int:
    """The first size from which the next saves less than `GAIN` of the time per model.

    Args:
        sizes: Ascending, at least one.
        seconds: How long so many models take together.
    """
    best, cost = sizes[0], seconds(sizes[0]) / sizes[0] if len(sizes) > 1 else 0.0
    for size in sizes[1:]:
        found = seconds(size) / size
        if found > (1 - GAIN) * cost:
            break
        best, cost = size, found
    return best


def measured_size(
    cells: Sequence[Cell],
    sizes: Sequence[int],
    activations: Mapping[str, Subject],
    dataset: Dataset,
    spec: ExperimentSpec,
) -> int:
    """The fastest of some batch sizes, by training the first of the cells for `STEPS` steps.

    A task of its own, so that an executor can run it where the batches will be trained.

    Args:
        cells: Of one learning rate, at least as many as the largest size.
        sizes: Ascending.
        activations: By canonical text.
        dataset: Data.
        spec: The experiment.
    """
    short = replace(spec, epochs=1, validation=False, stop_at=None)
    excerpt = dataset.excerpt(STEPS * spec.batch_size, spec.batch_size)

    def seconds(size: int) -> float:
        taken: list[float] = []
        while not taken or (len(taken) < ROUNDS and taken[0] < LONG):
            start = time.perf_counter()
            train_batch(cells[:size], activations, excerpt, short)
            taken.append(time.perf_counter() - start)
        return min(taken)

    return fastest(sizes, seconds)
