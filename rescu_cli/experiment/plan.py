"""Cuts the cells of an experiment into batches that are trained and saved together."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from rescu_cli.experiment.models import load_plan

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.spec import Cell, ExperimentSpec

# Models of a batch. `pace` measures which is fastest; more would be lost when a run is killed.
SIZES = (64, 128, 256, 512)
MAX_NUMBERS = 2**26  # 256 MiB in float32: of the parameters of a batch, and of what flows through
EXAMPLES_JUDGED = 256  # at once, when a trained network is judged


def batch_sizes(
    missing: Sequence[Cell], spec: ExperimentSpec, dataset: Dataset, at_once: int = 1
) -> tuple[int, ...]:
    """How many models may be trained together: at least one size, ascending.

    A batch fits the memory: its parameters, with gradient and two moments, take 1 GiB of float32 at
    most, and what its layers compute of the examples of a step about as much. Sizes beyond the
    first are named only where there are models to fill them on every worker.

    Args:
        missing: Cells to train.
        spec: The experiment they belong to.
        dataset: For the size of a model.
        at_once: How many batches are trained at the same time.
    """
    plan = load_plan(spec.model, dataset, spec.hidden)
    examples = max(spec.batch_size, EXAMPLES_JUDGED)
    of_one = max(plan.n_parameters, examples * plan.n_computed)
    largest = max(1, MAX_NUMBERS // of_one)
    share = max(len(cells) for cells in by_rate(missing, spec)) // at_once
    first, *more = SIZES
    return (min(first, largest), *(size for size in more if size <= min(largest, share)))


def by_rate(missing: Sequence[Cell], spec: ExperimentSpec) -> list[list[Cell]]:
    """Cells of one learning rate each, seed by seed with all activations of a seed."""
    position = {seed: number for number, seed in enumerate(spec.seeds)}
    found: dict[float, list[Cell]] = {}
    for cell in missing:
        found.setdefault(spec.lr_of(cell.activation), []).append(cell)
    # A stable sort: within a seed the activations stay in their order.
    return [sorted(cells, key=lambda cell: position[cell.seed]) for cells in found.values()]


def plan(
    missing: Sequence[Cell], spec: ExperimentSpec, largest: int, min_batches: int = 1
) -> list[list[Cell]]:
    """Batches that cover the missing cells; the cells of a batch have one learning rate.

    Args:
        missing: Cells to train.
        spec: The experiment they belong to.
        largest: Cells of a batch at most.
        min_batches: At least so many, if there are so many cells.
    """
    batches = []
    for cells in by_rate(missing, spec):
        n_batches = max(ceil(len(cells) / largest), min(min_batches, len(cells)))
        batches += [
            cells[number * len(cells) // n_batches : (number + 1) * len(cells) // n_batches]
            for number in range(n_batches)
        ]
    return batches
