"""`compare`: activations on real data, many seeds each, with statistics that decide."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from math import inf
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rescu_cli.core import surrogate
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.analyse import Trial, analyse
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.engine import InProcessExecutor, at_once, open_executor, results
from rescu_cli.experiment.models import MODELS, load_plan
from rescu_cli.experiment.plan import batch_sizes, by_rate, plan
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.report import write_table
from rescu_cli.experiment.scores import score_name
from rescu_cli.experiment.spec import (
    MAX_MODELS,
    VALIDATION_SHARE,
    ActivationKey,
    ExperimentSpec,
)
from rescu_cli.experiment.store import RunStore, locked

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.report import Report
    from rescu_cli.experiment.subject import Subject

RUNS = Path("rescu-runs")

Progress = Callable[[int, int], None]


def compare(
    activations: Sequence[str | Activation],
    *,
    data: str | Dataset = "digits",
    label: str | None = None,
    task: str | None = None,
    model: str = "mlp",
    seeds: int | Sequence[int] = 5,
    epochs: int | None = None,
    lr: float | None = None,
    tune: Sequence[float] | None = None,
    optimizer: str | None = None,
    batch_size: int | None = None,
    hidden: Sequence[int] | None = None,
    norm: str = "none",
    dropout: float = 0.0,
    init: str = "gain",
    vary: Sequence[str] = ("init", "order"),
    baseline: str | None = None,
    match: str | None = None,
    match_scale: str | None = None,
    margin: float | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    engine: str | Executor = "local",
    workers: int | None = None,
    out: str | Path | None = None,
    resume: bool = True,
    progress: Progress | None = None,
) -> Report:
    """Trains every activation with every seed and reports how much the models differ.

    The same seed gives every activation the same initial draws and the same order of the data.
    Finished cells found in the run directory are not trained again.

    Args:
        activations: Names as typed on the command line, or `Activation` objects; parameters left
            out take their documented defaults.
        data: Name in the table of data sets, a path, or a `Dataset`.
        label: Label column of a file.
        task: Of a file: ``classification`` or ``regression``.
        model: Name in the table of models.
        seeds: How many (0, 1, …), or which.
        epochs: Passes over the data; the model's own if None, as all that follow.
        lr: First learning rate.
        tune: Learning rates of which each activation gets its best: all are tried with the first
            `TUNE_SEEDS` seeds, and judged by their loss on a validation part.
        optimizer: ``adam`` along half a cosine, or ``adagrad``.
        batch_size: Examples per step.
        hidden: Hidden widths, or channels.
        norm: ``none``, ``layer`` or ``batch``.
        dropout: Share of hidden units dropped in training.
        init: ``gain``, matched to each activation, or ``default``, the framework's.
        vary: What differs between seeds: any of ``init``, ``order``, ``dropout``, ``split`` (each
            seed sees another 80 % of the training part); nothing for the control.
        baseline: The activation that the others are compared with; the first if None.
        match: ``loss`` compares at equal validation loss: each model's predictions are those of the
            first epoch at which it is as good as the worst activation ever is on average.
        match_scale: ``variance`` or ``curvature``: the scale parameters that are left open are
            chosen so that all smooth like the first activation (`rescu_cli.core.match`).
        margin: Scores that differ by less count as equal, and are tested for it.
        device: ``cpu`` or ``cuda``.
        dtype: ``float32`` or ``float64``.
        engine: ``local``, ``loky``, ``dask://HOST:PORT``, or a `concurrent.futures.Executor`.
        workers: Worker processes for ``loky``.
        out: Run directory; ``rescu-runs/<data>-<hash of the experiment>`` if None. Tuning and the
            run that is matched are kept in folders inside it.
        resume: False trains cells again that are finished.
        progress: Called with (epochs done, epochs to do), summed over the batches.

    Returns:
        A `Report`; its ``to_dict`` is the JSON of the command line.

    Raises:
        UsageError: If something asked is not possible.
        StoreError: If the run directory holds another experiment or cannot be trusted.
        DisagreementError: If two different activations give identical predictions.
    """
    if isinstance(activations, str):
        activations = [activations]
    if match not in (None, "loss"):
        raise UnknownNameError("quantity to match", str(match), ["loss"])
    if margin is not None and not margin > 0:
        raise UsageError(f"Margin {margin!r} must be positive: the largest difference that counts "
                         "as none.")  # fmt: skip
    if model not in MODELS:
        raise UnknownNameError("model", model, sorted(MODELS))
    chosen = _resolved(activations, match_scale)
    keys = tuple(key_of(activation) for activation in chosen)
    dataset = data if isinstance(data, Dataset) else load_dataset(data, label=label, task=task)
    row = MODELS[model]
    spec = ExperimentSpec(
        activations=keys,
        data=dataset.name if isinstance(data, Dataset) else data,
        data_digest=dataset.digest,
        baseline=_baseline(baseline, keys),
        seeds=_seeds(seeds),
        score=score_name(dataset.task, row.score),
        model=model,
        hidden=row.hidden if hidden is None else _whole_numbers("hidden widths", hidden),
        norm=norm,
        dropout=dropout,
        init=init,
        vary=(vary,) if isinstance(vary, str) else tuple(vary),
        epochs=row.epochs if epochs is None else epochs,
        optimizer=row.optimizer if optimizer is None else optimizer,
        lr=row.lr if lr is None else lr,
        batch_size=row.batch_size if batch_size is None else batch_size,
        validation=match is not None,
        dtype=dtype,
        device=device,
    )
    _require(spec, dataset, tune=tune, lr=lr)
    folder = default_run_dir(spec, tune, match) if out is None else Path(out)
    with open_executor(engine, workers) as executor, locked(folder):
        run = Run(dataset, chosen, executor, workers, resume, progress)
        if tune is not None:
            spec = _tuned(run, spec, folder / "tuning", tune)
        if match is not None:
            before = run(replace(spec, stop_at=None), folder / "unmatched")
            spec = replace(spec, stop_at=_worst_of_the_best(before))
        trials = run(spec, folder)
    report = analyse(spec, folder, trials, margin)
    labels = {a.spec: surrogate.label(a) for a in chosen}
    surrogates = [f"{spec} {surrogate.MARK}: {said}." for spec, said in labels.items() if said]
    return replace(
        report,
        activations=tuple(replace(r, surrogate=labels[r.activation]) for r in report.activations),
        advice=(*dataset.caveats, *run.remarks, *surrogates, *report.advice),
    )


TUNE_SEEDS = 3


def _require(
    spec: ExperimentSpec, dataset: Dataset, *, tune: Sequence[float] | None, lr: float | None
) -> None:
    """What can be refused before anything is trained."""
    if spec.device != "cpu":
        from rescu_cli.experiment.work import require_device

        require_device(spec.device)
    if spec.score == "auc" and dataset.n_classes != 2:
        raise UsageError(
            f"The model {spec.model!r} reports an AUC, which needs two classes; "
            f"{dataset.name!r} has {dataset.n_classes}. Use '--model mlp'."
        )
    if spec.batch_size > len(dataset.y_train):
        raise UsageError(
            f"A batch of {spec.batch_size} examples asked, but {dataset.name!r} has only "
            f"{len(dataset.y_train)} for training; use '--batch-size' with less."
        )
    if tune is not None and lr is not None:
        raise UsageError("'--lr' gives one learning rate and '--tune' searches for it; name one.")
    if MODELS[spec.model].takes_no_activation and len(spec.activations) > 1:
        raise UsageError(
            f"The model {spec.model!r} has no activation: {len(spec.activations)} named would be "
            "one and the same. Name one, e.g. identity."
        )
    load_plan(spec.model, dataset, spec.hidden)  # refuses data that do not suit the model


class Run:
    """Trains what is missing of an experiment in a folder.

    Attributes:
        progress: Called with (epochs done, epochs to do).
        remarks: What is to be said of the result, such as what was found damaged and trained again.
    """

    def __init__(
        self, dataset: Dataset, chosen: Sequence[Subject], executor: Executor,
        workers: int | None, resume: bool, progress: Progress | None,
    ) -> None:  # fmt: skip
        self.dataset, self._chosen, self._executor = dataset, chosen, executor
        self._workers, self._resume, self.progress = workers, resume, progress
        self.remarks: list[str] = []

    def __call__(
        self, spec: ExperimentSpec, folder: Path, dataset: Dataset | None = None
    ) -> list[Trial]:
        """The finished trials, one per activation; the table is written too."""
        dataset = dataset or self.dataset
        store = RunStore(folder, spec, dataset)
        self.remarks += store.repairs
        if not self._resume:
            store.discard()
        _finish(store, spec, dataset, self._chosen, self._executor, self._workers, self.progress)
        trials = [_trial(store, spec, dataset, key) for key in spec.activations]
        write_table(folder / "table.csv", [r for trial in trials for r in trial.records])
        return trials


def _tuned(run: Run, spec: ExperimentSpec, folder: Path, rates: Sequence[float]) -> ExperimentSpec:
    """The experiment with each activation's best learning rate: the same budget for all.

    Judged by the mean loss on a validation part that is cut from the training part, over the first
    seeds; a rate at which a training diverges is out. What diverges at every rate gets the
    smallest, and a sentence that says so: the others need not fall with it. The test part is not
    looked at.
    """
    if len(set(rates)) < 2:
        raise UsageError(f"'--tune' needs at least two learning rates; found {list(rates)}.")
    held = run.dataset.validation(VALIDATION_SHARE)
    losses: dict[str, dict[float, float]] = {key.spec: {} for key in spec.activations}
    for rate in rates:
        trial_spec = replace(
            spec, lr=rate, seeds=spec.seeds[:TUNE_SEEDS], validation=False, stop_at=None,
            data_digest=held.digest,
        )  # fmt: skip
        for trial in run(trial_spec, folder / f"lr-{rate:g}", held):
            found = [record.loss for record in trial.records]
            if None not in found:
                losses[trial.key.spec][rate] = float(np.mean([v for v in found if v is not None]))
    if not any(losses.values()):
        raise UsageError(
            f"{', '.join(losses)} diverged at every learning rate tried: {list(rates)}. Try "
            "smaller ones."
        )
    keys = []
    for key in spec.activations:
        tried = losses[key.spec] or {min(rates): inf}
        keys.append(replace(key, lr=min(tried, key=lambda rate: tried[rate])))
        if not losses[key.spec]:
            run.remarks.append(
                f"{key.spec} diverged at every learning rate tried: {list(rates)}. It was trained "
                "at the smallest; try smaller ones."
            )
    chosen = {key.spec: key.lr for key in keys if losses[key.spec]}
    for edge, what in ((max(rates), "larger"), (min(rates), "smaller")):
        names = [name for name, lr in chosen.items() if lr == edge]
        if names:
            shown = ", ".join(names[:3]) + ", …" * (len(names) > 3)
            run.remarks.append(
                f"{shown}: best at {edge:g}, the last of the learning rates tried; a {what} one "
                "may be better still."
            )
    return replace(spec, activations=tuple(keys))


def _worst_of_the_best(trials: Sequence[Trial]) -> float:
    """The validation loss that every activation reaches: the largest of their best means."""
    best = []
    for trial in trials:
        curves = [r.validation for r in trial.records if not r.diverged]
        if not curves:
            raise UsageError(f"{trial.key.spec} diverged with every seed; nothing can be matched.")
        best.append(float(np.mean(np.array(curves, dtype=np.float64), axis=0).min()))
    return max(best)


def default_run_dir(
    spec: ExperimentSpec, tune: Sequence[float] | None = None, match: str | None = None
) -> Path:
    """Where a run is kept if no folder is named."""
    more = "" if tune is None else f"-tuned-{'-'.join(f'{rate:g}' for rate in tune)}"
    name = re.sub(r"[^A-Za-z0-9_.=,-]+", "-", Path(spec.data).name)
    return RUNS / f"{name}-{spec.digest[:10]}{more}{'' if match is None else '-matched'}"


def _resolved(activations: Sequence[str | Activation], match_scale: str | None) -> list[Activation]:
    """All parameters bound: by default, or by the smoothing of the first activation."""
    if match_scale is None:
        return [_resolve(activation) for activation in activations]
    from rescu_cli.catalogue import resolve
    from rescu_cli.core import match

    found = [resolve(a) if isinstance(a, str) else a for a in activations]
    return match.match_scale(found, match_scale)


def _resolve(activation: str | Activation) -> Activation:
    if isinstance(activation, str):
        from rescu_cli.catalogue import resolve

        activation = resolve(activation)
    return activation.with_defaults()


def key_of(activation: Subject) -> ActivationKey:
    """What an experiment is tied to of an activation, or of a formula that brings its own code.

    Raises:
        UsageError: If a parameter has neither value nor default, or there is no gain.
    """
    gain = activation.init_gain
    if gain is None:
        free = activation.free_parameters
        names = ", ".join(p.name for p in free)
        raise UsageError(
            f"{activation.spec!r} has parameters without a value and without a default: {names}. "
            f"Give each one, e.g. '{activation.name}:{free[0].name}=1'."
        )
    # Rounded: the last bits of a quadrature must not turn a finished run into another experiment.
    return ActivationKey(activation.spec, activation.slug, activation.digest, float(f"{gain:.12g}"))


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """0 … n - 1 for a number, or the seeds named."""
    if not isinstance(seeds, int):
        return _whole_numbers("seeds", seeds)
    if isinstance(seeds, bool) or not 1 <= seeds <= MAX_MODELS:
        raise UsageError(
            f"{seeds} seeds asked; give how many, 1 … {MAX_MODELS}, or a list of seeds."
        )
    return tuple(range(seeds))


def _whole_numbers(what: str, values: Sequence[int]) -> tuple[int, ...]:
    """Python integers, also from NumPy's."""
    try:
        return tuple(index(value) for value in values)
    except TypeError:
        raise UsageError(
            f"The {what} must be whole numbers, e.g. [1, 2]; found {values!r}."
        ) from None


def _baseline(name: str | None, keys: Sequence[ActivationKey]) -> str:
    """Canonical text of the baseline, which may be typed as one of the activations was."""
    if name is None:
        return keys[0].spec if keys else ""
    if any(key.spec == name for key in keys):
        return name
    wanted = key_of(_resolve(name))
    return next((key.spec for key in keys if key.digest == wanted.digest), wanted.spec)


def _finish(
    store: RunStore,
    spec: ExperimentSpec,
    dataset: Dataset,
    chosen: Sequence[Subject],
    executor: Executor,
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Trains what is missing, batch by batch, each saved as soon as it is finished."""
    missing = store.missing()
    if not missing:
        return
    from rescu_cli.experiment.work import train_batch  # reason: it loads torch

    by_spec = {activation.spec: activation for activation in chosen}
    n_workers = at_once(executor, workers)
    sizes = batch_sizes(missing, spec, dataset, n_workers)
    size = sizes[0]
    if len(sizes) > 1:
        from rescu_cli.experiment.pace import measured_size  # reason: it loads torch

        most = max(by_rate(missing, spec), key=len)[: sizes[-1]]
        (size,) = results(executor, measured_size, [(most, sizes, by_spec, dataset, spec)])
    batches = plan(missing, spec, size, n_workers)
    total, done = spec.epochs * len(batches), 0
    within = isinstance(executor, InProcessExecutor)

    def tick(epochs: int) -> None:
        if progress is not None:
            progress(done + epochs, total)

    shared = (by_spec, dataset, spec, tick if within else None)
    for records, rows in results(executor, train_batch, [(cells, *shared) for cells in batches]):
        store.add(records, rows)
        done += spec.epochs
        tick(0)


def _trial(store: RunStore, spec: ExperimentSpec, dataset: Dataset, key: ActivationKey) -> Trial:
    cells = [cell for cell in spec.expand() if cell.activation == key.spec]
    records = tuple(store.records[cell.id] for cell in cells)
    sound = [record.seed for record in records if not record.diverged]
    if not sound:
        return Trial(key, records, None)
    predictions = Predictions(
        name=key.spec,
        probabilities=store.predictions(key, sound),
        labels=dataset.y_test,
        example_ids=dataset.example_ids,
        seeds=np.array(sound, dtype=np.int64),
        task=dataset.task,
    )
    return Trial(key, records, predictions)
