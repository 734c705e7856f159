"""Prediction differences of saved predictions, of any models trained anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rescu_cli.errors import UsageError
from rescu_cli.experiment.metrics import METRICS, accuracy, log_loss, measure
from rescu_cli.experiment.predictions import (
    Predictions,
    identical_models,
    load_predictions,
    require_same_examples,
)
from rescu_cli.experiment.stats import jackknife, mean_estimate


def prediction_difference(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Every prediction difference, with both intervals, of the models of each file.

    Args:
        paths: npz files with ``predictions`` (M, N, C), ``labels`` (N,), ``example_ids`` (N,) and
            optionally ``seeds`` (M,); at least two models each. Pickled objects are not loaded.

    Returns:
        ``files``: for each file ``path``, ``n_models``, ``n_examples``, ``n_classes``,
        ``accuracy``, ``loss``, and ``pd`` by key with ``value``, ``ci`` (over seeds, None for fewer
        than three models), ``ci_examples`` and ``n_models``; ``formulas`` by key; ``advice``.

    Raises:
        StoreError: If a file cannot be read.
        UsageError: If arrays are not predictions, or the files speak of different examples.
    """
    if not paths:
        raise UsageError("No file named; 'rescu pd FILE.npz …' needs at least one.")
    loaded = [load_predictions(Path(path)) for path in paths]
    for other in loaded[1:]:
        require_same_examples(loaded[0], other)
    return {
        "files": [_one(predictions) for predictions in loaded],
        "formulas": {key: metric.formula for key, metric in METRICS.items()},
        "advice": [*_counts(loaded), *_copies(loaded)],
    }


def _one(predictions: Predictions) -> dict[str, Any]:
    n_models, n_examples, n_classes = predictions.probabilities.shape
    pd = {}
    for key in METRICS:
        found = measure(key, predictions)
        pd[key] = {
            "value": found.value,
            "ci": _pair(jackknife(found.value, found.leave_one_out).interval()),
            "ci_examples": _pair(mean_estimate(found.per_example).interval()),
            "n_models": n_models,
        }
    scores = {}
    for name, table in (("accuracy", accuracy(predictions)), ("loss", log_loss(predictions))):
        over_seeds = mean_estimate(table.mean(1))
        scores[name] = {
            "mean": over_seeds.value,
            "ci": _pair(over_seeds.interval()),
            "ci_examples": _pair(mean_estimate(table.mean(0)).interval()),
            "per_seed": [float(value) for value in table.mean(1)],
        }
    return {
        "path": predictions.name,
        "n_models": n_models,
        "n_examples": n_examples,
        "n_classes": n_classes,
        **scores,
        "pd": pd,
    }


def _pair(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _counts(loaded: Sequence[Predictions]) -> list[str]:
    if len({predictions.n_models for predictions in loaded}) < 2:
        return []
    centred = ", ".join(key for key, metric in METRICS.items() if not metric.free_of_m)
    counts = ", ".join(f"{predictions.name}: {predictions.n_models}" for predictions in loaded)
    return [
        f"The files hold different numbers of models ({counts}). {centred} grow with that number; "
        "compare only the others across these files."
    ]


def _copies(loaded: Sequence[Predictions]) -> list[str]:
    texts = []
    for predictions in loaded:
        twins = identical_models(predictions)
        if twins:
            i, j = twins[0]
            texts.append(
                f"{predictions.name}: {len(twins)} model{'s' * (len(twins) > 1)} equal to another "
                f"in every bit, e.g. {i} and {j}. Copies are not independent trainings: was the "
                "seed used?"
            )
    return texts
