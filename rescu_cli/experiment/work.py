"""One batch of training as a task that an executor can run here or in another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.store import CellRecord, predictions_hash
from rescu_cli.experiment.train import Member, Recipe, Trained, train
from rescu_cli.export import torch_functions

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.spec import Cell, ExperimentSpec


def require_device(device: str) -> None:
    """Refuses a device that is not there.

    Raises:
        UsageError: If CUDA is asked and the framework sees none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "Device 'cuda' asked, but PyTorch finds no CUDA device here; use '--device cpu'."
        )


def train_batch(
    cells: Sequence[Cell],
    activations: Mapping[str, Activation],
    dataset: Dataset,
    spec: ExperimentSpec,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[CellRecord], list[NDArray[np.float32]]]:
    """Trains cells together, with the exported code of their activations.

    Args:
        cells: What to train.
        activations: By canonical text; those of the cells at least.
        dataset: Data.
        spec: The experiment.
        progress: Called with the number of epochs done; only within one process.

    Returns:
        A record and the predictions (N, C) for each cell.
    """
    names = list(dict.fromkeys(cell.activation for cell in cells))
    gains = {key.spec: key.init_gain if spec.init == "gain" else None for key in spec.activations}
    recipe = Recipe(
        model=spec.model,
        hidden=spec.hidden,
        norm=spec.norm,
        vary=spec.vary,
        epochs=spec.epochs,
        lr=spec.lr,
        batch_size=spec.batch_size,
        dtype=spec.dtype,
        device=spec.device,
    )
    trained = train(
        [torch_functions(activations[name]) for name in names],
        [Member(names.index(c.activation), gains[c.activation], c.seed) for c in cells],
        dataset,
        recipe,
        progress,
    )
    records = [_record(cell, model) for cell, model in zip(cells, trained, strict=True)]
    return records, [model.probabilities for model in trained]


def _record(cell: Cell, model: Trained) -> CellRecord:
    return CellRecord(
        id=cell.id,
        activation=cell.activation,
        seed=cell.seed,
        accuracy=model.accuracy,
        loss=model.loss if isfinite(model.loss) else None,
        train_loss=model.train_loss if isfinite(model.train_loss) else None,
        diverged=model.diverged,
        seconds=model.seconds,
        predictions_sha256=predictions_hash(model.probabilities),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
    )
