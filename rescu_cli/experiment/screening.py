"""Trains many candidates a little, to find out which deserve more: score, loss and PD of each.

Unlike `compare`, nothing is tested against a baseline and no page is drawn; the cells, the batches
and the run directory are the same, so that a screening that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rescu_cli.experiment.comparison import Run, key_of
from rescu_cli.experiment.metrics import measure
from rescu_cli.experiment.models import MODELS, load_plan
from rescu_cli.experiment.scores import score_name
from rescu_cli.experiment.spec import ExperimentSpec

if TYPE_CHECKING:
    from rescu_cli.experiment.analyse import Trial
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.subject import Subject

METRIC = "pd_l1"


@dataclass(frozen=True)
class Screened:
    """One candidate, over the seeds that did not diverge.

    Args:
        score: Mean accuracy, AUC or R² on the test part of the data; None if all diverged.
        loss: Mean loss there.
        pd: ``pd_l1``; None with fewer than two sound models.
        n_diverged: Trainings that diverged.
        lr: Learning rate.
    """

    score: float | None
    loss: float | None
    pd: float | None
    n_diverged: int
    lr: float


class Screening:
    """Trains candidates on one data set with one recipe.

    Args:
        dataset: Judged on its test part; for a search, `Dataset.validation` of the data.
        executor: Where batches run.
        workers: Worker processes, where the executor has them.
        model: Name in the table of models.
        hidden: Hidden widths; the model's own if None.
        lr: Learning rate; the model's own if None.
        batch_size: Examples per step; the model's own if None.
        resume: False trains cells again that are finished.

    Raises:
        UsageError: If the model does not suit the data.
    """

    def __init__(
        self, dataset: Dataset, executor: Executor, workers: int | None = None, *,
        model: str = "mlp", hidden: Sequence[int] | None = None, lr: float | None = None,
        batch_size: int | None = None, resume: bool = True,
    ) -> None:  # fmt: skip
        self.dataset, self._executor, self._workers = dataset, executor, workers
        row = MODELS[model]
        self._model, self._optimizer, self._resume = model, row.optimizer, resume
        self._hidden = row.hidden if hidden is None else tuple(hidden)
        self._lr = row.lr if lr is None else lr
        asked = row.batch_size if batch_size is None else batch_size
        self.batch_size = min(asked, len(dataset.y_train))
        self.score = score_name(dataset.task, row.score)
        load_plan(model, dataset, self._hidden)  # refuses data that do not suit the model

    @property
    def recipe(self) -> dict[str, Any]:
        """What every screening here has in common."""
        return {
            "data": self.dataset.name, "data_digest": self.dataset.digest, "model": self._model,
            "hidden": list(self._hidden), "lr": self._lr, "batch_size": self.batch_size,
        }  # fmt: skip

    def spec(
        self, subjects: Sequence[Subject], seeds: Sequence[int], epochs: int
    ) -> ExperimentSpec:
        """The experiment that a screening of these candidates is."""
        keys = tuple(key_of(subject) for subject in subjects)
        return ExperimentSpec(
            activations=keys, data=self.dataset.name, data_digest=self.dataset.digest,
            baseline=keys[0].spec, seeds=tuple(seeds), score=self.score, model=self._model,
            hidden=self._hidden, epochs=epochs, optimizer=self._optimizer, lr=self._lr,
            batch_size=self.batch_size,
        )  # fmt: skip

    def __call__(
        self, subjects: Sequence[Subject], seeds: Sequence[int], epochs: int, folder: Path,
        rates: Sequence[float] = (), progress: Callable[[int, int], None] | None = None,
    ) -> list[Screened]:  # fmt: skip
        """Trains what is missing in a folder; one result per candidate, in their order.

        With ``rates``, every candidate is trained at each learning rate, and its result is that of
        the rate with the least loss, of those at which the fewest trainings diverged.
        """
        run = Run(self.dataset, subjects, self._executor, self._workers, self._resume, None)
        spec = self.spec(subjects, seeds, epochs)
        tried = []
        for number, rate in enumerate(rates or (spec.lr,)):
            run.progress = _part(progress, number, len(rates) or 1)
            place = folder / f"lr-{rate:g}" if rates else folder
            tried.append([_screened(trial, rate) for trial in run(replace(spec, lr=rate), place)])
        return [min(one, key=_preference) for one in zip(*tried, strict=True)]


def _preference(found: Screened) -> tuple[int, float]:
    return found.n_diverged, inf if found.loss is None else found.loss


def _part(
    progress: Callable[[int, int], None] | None, number: int, of: int
) -> Callable[[int, int], None] | None:
    """The progress of all rates together, said by the run of one of them."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, of * total)


def _screened(trial: Trial, lr: float) -> Screened:
    sound = [record for record in trial.records if not record.diverged]
    n_diverged = len(trial.records) - len(sound)
    scores = [record.score for record in sound if record.score is not None]
    losses = [record.loss for record in sound if record.loss is not None]
    pd = None
    if trial.predictions is not None and len(sound) >= 2:
        pd = measure(METRIC, trial.predictions).value
    return Screened(
        float(np.mean(scores)) if scores else None,
        float(np.mean(losses)) if losses else None,
        pd,
        n_diverged,
        lr,
    )
