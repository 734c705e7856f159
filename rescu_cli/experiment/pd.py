"""Prediction differences of saved predictions, of any models trained anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from rescu_cli.errors import UsageError
from rescu_cli.experiment.analyse import applicable
from rescu_cli.experiment.checks import require_different_targets, require_sound
from rescu_cli.experiment.chunks import Chunk, Floats, Source, chunk_of, length_for, stretches
from rescu_cli.experiment.identity import identical_models
from rescu_cli.experiment.metrics import (
    METRICS,
    Accumulator,
    Deferred,
    chunk_accuracy,
    chunk_log_loss,
    chunk_squared_error,
    require_two_models,
)
from rescu_cli.experiment.predictions import (
    PredictionFile,
    open_predictions,
    require_same_examples,
)
from rescu_cli.experiment.running import RunningMean
from rescu_cli.experiment.stats import Estimate, jackknife, mean_estimate

Progress = Callable[[int, int], None]

# How the time of one example divides among the three readings, in hundredths.
_CHECKING, _MEASURING, _LINEARISING = 5, 88, 7


def prediction_difference(
    paths: Sequence[str | Path],
    *,
    task: str | None = None,
    progress: Progress | None = None,
    chunk_examples: int | None = None,
) -> dict[str, Any]:
    """Every prediction difference, with both intervals, of the models of each file.

    The files are read a chunk of examples at a time, so they may be larger than the memory.

    Args:
        paths: npz files with ``predictions`` (M, N, C) or (M, N), of a regression (M, N, 1) or
            (M, N), ``labels`` (N,), ``example_ids`` (N,) and optionally ``seeds`` (M,) and
            ``task``, a text; at least two models each. Pickled objects are not loaded.
        task: ``classification`` or ``regression``; if None, what each file and its labels say
            (`rescu_cli.experiment.task.decide_task`).
        progress: Called with the number of examples done, and that of all files together.
        chunk_examples: How many examples are held at a time; about a megabyte of them if None. The
            figures agree for any number, up to rounding in the last digits.

    Returns:
        ``files``: for each file ``path``, ``task``, ``n_models``, ``n_examples``; of a
        classification ``n_classes`` and ``accuracy``, of a regression ``r2``; ``loss`` (the mean
        log loss, or half the squared error, as of `compare`), and ``pd`` by key, as far as defined
        for the task, with ``value``, ``ci`` (over seeds, None for fewer than three models),
        ``ci_examples`` and ``n_models``; ``formulas`` by key; ``advice``.

    Raises:
        StoreError: If a file cannot be read.
        UsageError: If arrays are not predictions, it is not clear of which task, or the files
            speak of different tasks or examples.
    """
    if not paths:
        raise UsageError("No file named; 'rescu pd FILE.npz …' needs at least one.")
    if chunk_examples is not None and chunk_examples < 1:
        raise UsageError(f"chunk_examples is {chunk_examples}; needed is at least 1.")
    with ExitStack() as opened:
        files = [opened.enter_context(open_predictions(Path(path), task)) for path in paths]
        meter = _Meter(progress, sum(file.shape[1] for file in files))
        for file in files:
            require_two_models(file)
            require_sound(file, length=chunk_examples, read=meter.reader(_CHECKING))
            if file.task == "regression":
                require_different_targets(file)
        for other in files[1:]:
            require_same_examples(files[0], other)
        return {
            "files": [_one(file, chunk_examples or length_for(file), meter) for file in files],
            "formulas": {key: METRICS[key].formula for key in applicable(files[0].task)},
            "advice": [*_counts(files), *_copies(files, chunk_examples)],
        }


class _Meter:
    """Turns several readings of the same examples into one count of examples."""

    def __init__(self, progress: Progress | None, n_examples: int) -> None:
        self._progress, self._n_examples, self._hundredths = progress, n_examples, 0

    def reader(self, share: int) -> Callable[[int], None]:
        """To be told of each chunk of a reading that takes this share of the time."""

        def read(n: int) -> None:
            self._hundredths += n * share
            if self._progress is not None:
                self._progress(self._hundredths // 100, self._n_examples)

        return read


class _Score:
    """A table (M, N) while examples are fed to it: both means."""

    def __init__(self, n_models: int, table: Callable[[Chunk], Floats]) -> None:
        self._table, self._n, self._sums = table, 0, np.zeros(n_models)
        self._examples = RunningMean()

    def add(self, chunk: Chunk) -> None:
        table = self._table(chunk)
        self._n += table.shape[1]
        self._sums += table.sum(1)
        self._examples.add(table.mean(0))

    def result(self, start: float = 0.0, factor: float = 1.0) -> dict[str, Any]:
        """Of the table start + factor·x in place of x."""
        per_seed = self._sums / self._n
        over_seeds = _scaled(mean_estimate(per_seed), start, factor)
        return {
            "mean": over_seeds.value,
            "ci": _pair(over_seeds.interval()),
            "ci_examples": _pair(_scaled(self._examples.estimate(), start, factor).interval()),
            "per_seed": (start + factor * per_seed).tolist(),
        }


def _scaled(found: Estimate, start: float, factor: float) -> Estimate:
    se = None if found.se is None else abs(factor) * found.se
    return Estimate(start + factor * found.value, se, found.df)


class _Scores(Protocol):
    """Score and loss of a task while examples are fed to it."""

    def add(self, chunk: Chunk) -> None: ...

    def result(self) -> dict[str, Any]: ...


class _OfClasses:
    """Accuracy and log loss."""

    def __init__(self, n_models: int) -> None:
        self._accuracy = _Score(n_models, chunk_accuracy)
        self._loss = _Score(n_models, chunk_log_loss)

    def add(self, chunk: Chunk) -> None:
        self._accuracy.add(chunk)
        self._loss.add(chunk)

    def result(self) -> dict[str, Any]:
        return {"accuracy": self._accuracy.result(), "loss": self._loss.result()}


class _OfValues:
    """R² = 1 − e/v and half of e, with e the mean squared error and v the targets' variance.

    The share of an example in R² is 1 − e_n/v, so that one table and v, known at the end, do.
    """

    def __init__(self, n_models: int) -> None:
        self._error, self._targets = _Score(n_models, chunk_squared_error), RunningMean()

    def add(self, chunk: Chunk) -> None:
        self._error.add(chunk)
        self._targets.add(chunk.labels.reshape(-1).astype(np.float64))

    def result(self) -> dict[str, Any]:
        return {
            "r2": self._error.result(1.0, -1 / self._targets.variance()),
            "loss": self._error.result(0.0, 0.5),
        }


class _Difference:
    """A metric while examples are fed to it, with the mean over their contributions."""

    def __init__(self, accumulator: Accumulator) -> None:
        self._accumulator, self._examples = accumulator, RunningMean()
        self.needs_totals = False

    def add(self, chunk: Chunk) -> None:
        found = self._accumulator.add(chunk)
        if found is None:
            self.needs_totals = True
        else:
            self._examples.add(found)

    def add_again(self, chunk: Chunk) -> None:
        """For contributions that depend on the totals: every chunk once more."""
        self._examples.add(cast("Deferred", self._accumulator).contributions(chunk))

    def result(self) -> dict[str, Any]:
        totals = self._accumulator.totals()
        return {
            "value": totals.value,
            "ci": _pair(jackknife(totals.value, totals.leave_one_out).interval()),
            "ci_examples": _pair(self._examples.estimate().interval()),
            "n_models": len(totals.leave_one_out),
        }


def _one(file: PredictionFile, length: int, meter: _Meter) -> dict[str, Any]:
    n_models, n_examples, n_classes = file.shape
    classes = file.task == "classification"
    scores: _Scores = _OfClasses(n_models) if classes else _OfValues(n_models)
    differences = {key: _Difference(METRICS[key].start(n_models)) for key in applicable(file.task)}
    once = [scores.add, *(one.add for one in differences.values())]
    _feed(file, length, once, meter.reader(_MEASURING))
    again = [one.add_again for one in differences.values() if one.needs_totals]
    if again:
        _feed(file, length, again, meter.reader(_LINEARISING))
    else:
        meter.reader(_LINEARISING)(n_examples)
    return {
        "path": file.name,
        "task": file.task,
        "n_models": n_models,
        "n_examples": n_examples,
        **({"n_classes": n_classes} if classes else {}),
        **scores.result(),
        "pd": {key: difference.result() for key, difference in differences.items()},
    }


def _feed(
    source: Source,
    length: int,
    takers: Sequence[Callable[[Chunk], None]],
    read: Callable[[int], None],
) -> None:
    for start, stop in stretches(source.shape[1], length):
        chunk = chunk_of(source, start, stop)
        for take in takers:
            take(chunk)
        read(stop - start)


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _counts(files: Sequence[PredictionFile]) -> list[str]:
    if len({file.n_models for file in files}) < 2:
        return []
    defined = applicable(files[0].task)
    centred = ", ".join(key for key in defined if not METRICS[key].free_of_m)
    counts = ", ".join(f"{file.name}: {file.n_models}" for file in files)
    return [
        f"The files hold different numbers of models ({counts}). {centred} grow with that number; "
        "compare only the others across these files."
    ]


def _copies(files: Sequence[PredictionFile], length: int | None) -> list[str]:
    texts = []
    for file in files:
        twins = identical_models(file, length)
        if twins:
            i, j = twins[0]
            texts.append(
                f"{file.name}: {len(twins)} model{'s' * (len(twins) > 1)} equal to another "
                f"in every bit, e.g. {i} and {j}. Copies are not independent trainings: was the "
                "seed used?"
            )
    return texts
