"""One batch of training as a task that an executor can run here or in another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from rescu_cli.errors import InternalError, UsageError
from rescu_cli.experiment.scores import SCORES
from rescu_cli.experiment.spec import VALIDATION_SHARE
from rescu_cli.experiment.store import CellRecord, predictions_hash
from rescu_cli.experiment.subject import Subject, code_of
from rescu_cli.experiment.train import Member, Recipe, Trained, train

if TYPE_CHECKING:
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
    activations: Mapping[str, Subject],
    dataset: Dataset,
    spec: ExperimentSpec,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[CellRecord], list[NDArray[np.float32]]]:
    """Trains cells together, with the exported code of their activations.

    Args:
        cells: What to train.
        activations: Or formulas, by canonical text; those of the cells at least.
        dataset: Data.
        spec: The experiment.
        progress: Called with the number of epochs done; only within one process.

    Returns:
        A record and the predictions (N, C) for each cell.
    """
    names = list(dict.fromkeys(cell.activation for cell in cells))
    gains = {key.spec: key.init_gain if spec.init == "gain" else None for key in spec.activations}
    rates = {spec.lr_of(name) for name in names}
    if len(rates) > 1:
        raise InternalError(f"A batch has one learning rate; found {sorted(rates)}.")
    recipe = Recipe(
        model=spec.model,
        hidden=spec.hidden,
        norm=spec.norm,
        vary=spec.vary,
        epochs=spec.epochs,
        lr=rates.pop(),
        batch_size=spec.batch_size,
        dtype=spec.dtype,
        device=spec.device,
        dropout=spec.dropout,
        optimizer=spec.optimizer,
        stop_at=spec.stop_at,
    )
    held = dataset.validation(VALIDATION_SHARE) if spec.validation else None
    if held is not None:
        dataset = replace(dataset, x_train=held.x_train, y_train=held.y_train)
    trained = train(
        [code_of(activations[name]) for name in names],
        [Member(names.index(c.activation), gains[c.activation], c.seed) for c in cells],
        dataset,
        recipe,
        progress,
        held,
    )
    table = SCORES[spec.score].table
    records = [
        _record(cell, model, float(table(model.predictions[None], dataset.y_test).mean()))
        for cell, model in zip(cells, trained, strict=True)
    ]
    return records, [model.predictions for model in trained]


def _record(cell: Cell, model: Trained, score: float) -> CellRecord:
    return CellRecord(
        id=cell.id,
        activation=cell.activation,
        seed=cell.seed,
        score=score if isfinite(score) else None,
        loss=model.loss if isfinite(model.loss) else None,
        train_loss=model.train_loss if isfinite(model.train_loss) else None,
        curve=_finite(model.curve),
        validation=_finite(model.validation),
        epoch=model.epoch,
        diverged=model.diverged,
        seconds=model.seconds,
        predictions_sha256=predictions_hash(model.predictions),
        torch=torch.__version__,
        threads=torch.get_num_threads(),
    )


def _finite(losses: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(loss if isfinite(loss) else None for loss in losses)
