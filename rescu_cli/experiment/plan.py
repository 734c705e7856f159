"""Cuts the cells of an experiment into batches that are trained and saved together."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from rescu_cli.experiment.models import load_plan

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.spec import Cell, ExperimentSpec

MAX_MODELS = 64  # more do not train faster per model, and a killed run would lose more
MAX_PARAMETERS = 2**26  # of a whole batch; with gradient and two moments, 1 GiB in float32


def plan(
    missing: Sequence[Cell], spec: ExperimentSpec, dataset: Dataset, min_batches: int = 1
) -> list[list[Cell]]:
    """Batches that cover the missing cells, seed by seed with all activations of a seed.

    The cells of a batch have one learning rate.

    Args:
        missing: Cells to train.
        spec: The experiment they belong to.
        dataset: For the size of a model.
        min_batches: At least so many, if there are so many cells.
    """
    n_parameters = load_plan(spec.model, dataset, spec.hidden).n_parameters
    largest = max(1, min(MAX_MODELS, MAX_PARAMETERS // n_parameters))
    position = {seed: number for number, seed in enumerate(spec.seeds)}
    by_rate: dict[float, list[Cell]] = {}
    for cell in missing:
        by_rate.setdefault(spec.lr_of(cell.activation), []).append(cell)
    batches = []
    for found in by_rate.values():
        # A stable sort: within a seed the activations stay in their order.
        cells = sorted(found, key=lambda cell: position[cell.seed])
        n_batches = max(ceil(len(cells) / largest), min(min_batches, len(cells)))
        batches += [
            cells[number * len(cells) // n_batches : (number + 1) * len(cells) // n_batches]
            for number in range(n_batches)
        ]
    return batches
