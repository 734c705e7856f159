"""`compare`: activations on real data, many seeds each, with statistics that decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rescu_cli.errors import UsageError
from rescu_cli.experiment.analyse import Trial, analyse
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.engine import InProcessExecutor, open_executor, results
from rescu_cli.experiment.plan import plan
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.report import write_table
from rescu_cli.experiment.spec import DEFAULT_HIDDEN, MAX_MODELS, ActivationKey, ExperimentSpec
from rescu_cli.experiment.store import RunStore, locked

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.report import Report

RUNS = Path("rescu-runs")

Progress = Callable[[int, int], None]


def compare(
    activations: Sequence[str | Activation],
    *,
    data: str = "digits",
    model: str = "mlp",
    seeds: int | Sequence[int] = 5,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    hidden: Sequence[int] | None = None,
    norm: str = "none",
    init: str = "gain",
    vary: Sequence[str] = ("init", "order"),
    baseline: str | None = None,
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
        data: Name in the table of data sets.
        model: Name in the table of models.
        seeds: How many (0, 1, …), or which.
        epochs: Passes over the data; 30 if None.
        lr: Adam's first learning rate, on a cosine schedule; 0.001 if None.
        batch_size: 64 if None.
        hidden: Hidden widths; (128, 64) if None.
        norm: ``none`` or ``layer``.
        init: ``gain``, matched to each activation, or ``default``, the framework's.
        vary: What differs between seeds: ``init``, ``order`` or both.
        baseline: The activation that the others are compared with; the first if None.
        device: ``cpu`` or ``cuda``.
        dtype: ``float32`` or ``float64``.
        engine: ``local``, ``loky``, or a `concurrent.futures.Executor`.
        workers: Worker processes for ``loky``.
        out: Run directory; ``rescu-runs/<data>-<hash of the experiment>`` if None.
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
    chosen = [_resolve(activation) for activation in activations]
    keys = tuple(_key(activation) for activation in chosen)
    dataset = load_dataset(data)
    spec = ExperimentSpec(
        activations=keys,
        data=data,
        data_digest=dataset.digest,
        baseline=_baseline(baseline, keys),
        seeds=_seeds(seeds),
        model=model,
        hidden=DEFAULT_HIDDEN if hidden is None else _whole_numbers("hidden widths", hidden),
        norm=norm,
        init=init,
        vary=(vary,) if isinstance(vary, str) else tuple(vary),
        epochs=30 if epochs is None else epochs,
        lr=1e-3 if lr is None else lr,
        batch_size=64 if batch_size is None else batch_size,
        dtype=dtype,
        device=device,
    )
    if device != "cpu":
        from rescu_cli.experiment.work import require_device

        require_device(device)
    folder = default_run_dir(spec) if out is None else Path(out)
    with open_executor(engine, workers) as executor, locked(folder):
        store = RunStore(folder, spec, dataset)
        if not resume:
            store.discard()
        _finish(store, spec, dataset, chosen, executor, workers, progress)
        trials = [_trial(store, spec, dataset, key) for key in keys]
        write_table(folder / "table.csv", [r for trial in trials for r in trial.records])
    return analyse(spec, folder, trials)


def default_run_dir(spec: ExperimentSpec) -> Path:
    """Where a run is kept if no folder is named."""
    return RUNS / f"{spec.data}-{spec.digest[:10]}"


def _resolve(activation: str | Activation) -> Activation:
    if isinstance(activation, str):
        from rescu_cli.catalogue import resolve

        activation = resolve(activation)
    return activation.with_defaults()


def _key(activation: Activation) -> ActivationKey:
    gain = activation.init_gain
    if gain is None:
        names = ", ".join(p.name for p in activation.free_parameters)
        raise UsageError(
            f"{activation.spec!r} has parameters without a value and without a default: {names}. "
            f"Give each one, e.g. '{activation.name}:{activation.free_parameters[0].name}=1'."
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
    wanted = _key(_resolve(name))
    return next((key.spec for key in keys if key.digest == wanted.digest), wanted.spec)


def _finish(
    store: RunStore,
    spec: ExperimentSpec,
    dataset: Dataset,
    chosen: Sequence[Activation],
    executor: Executor,
    workers: int | None,
    progress: Progress | None,
) -> None:
    """Trains what is missing, batch by batch, each saved as soon as it is finished."""
    missing = store.missing()
    if not missing:
        return
    from rescu_cli.experiment.work import train_batch  # reason: it loads torch

    batches = plan(missing, spec, dataset, min_batches=workers or 1)
    total, done = spec.epochs * len(batches), 0
    by_spec = {activation.spec: activation for activation in chosen}
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
    )
    return Trial(key, records, predictions)
