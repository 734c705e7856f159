"""How good models are: accuracy, AUC, R², each with the share of every example in it.

A score comes as a table (M, N) whose mean over the examples is the score of each model. For
accuracy that is right or wrong; for the others the linearised contribution, so that its deviation
over the examples gives the score's standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreKind:
    """One score.

    Args:
        name: Its key in the results.
        formula: For printing beside the figure.
        table: (M, N, C) predictions and (N,) labels ↦ (M, N).
        nothing: Labels ↦ the score of a model that has learned nothing.
    """

    name: str
    formula: str
    table: Callable[[NDArray[np.floating], NDArray[np.generic]], Floats]
    nothing: Callable[[NDArray[np.generic]], float]


def _accuracy(p: NDArray[np.floating], labels: NDArray[np.generic]) -> Floats:
    return (p.argmax(2) == labels).astype(np.float64)


def _majority(labels: NDArray[np.generic]) -> float:
    counts = np.unique(labels, return_counts=True)[1]
    return float(counts.max() / counts.sum())


def _r2(p: NDArray[np.floating], labels: NDArray[np.generic]) -> Floats:
    y = labels.astype(np.float64)
    variance = y.var()
    if variance == 0:
        raise UsageError("R² needs targets that differ; all test examples have the same.")
    return np.asarray(1 - (p[:, :, 0].astype(np.float64) - y) ** 2 / variance)


def _auc(p: NDArray[np.floating], labels: NDArray[np.generic]) -> Floats:
    """DeLong's placement values: of a positive, the share of negatives ranked below it."""
    positive = labels == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        raise UsageError("An AUC needs test examples of both classes; found one.")
    table = np.empty(p.shape[:2])
    for m, row in enumerate(p[:, :, 1].astype(np.float64)):
        ahead, behind = row[positive], row[~positive]
        below = _share_below(ahead, behind)
        above = 1 - _share_below(behind, ahead)
        area = below.mean()
        # Both averages are the area; weighted so, the deviation over the examples is DeLong's.
        table[m, positive] = area + (below - area) * len(row) / n_positive
        table[m, ~positive] = area + (above - area) * len(row) / n_negative
    return table


def _share_below(values: Floats, others: Floats) -> Floats:
    """Of each value, the share of the others that lie below; ties count half."""
    ordered = np.sort(others)
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    return np.asarray((left + right) / (2 * len(ordered)))


SCORES: dict[str, ScoreKind] = {
    kind.name: kind
    for kind in (
        ScoreKind("accuracy", "share of examples whose most probable class is the label",
                  _accuracy, _majority),
        ScoreKind("auc", "share of pairs (positive, negative) ranked rightly, ties half",
                  _auc, lambda labels: 0.5),
        ScoreKind("r2", "1 − Σ_n (f_n − y_n)² / Σ_n (y_n − ȳ)²", _r2, lambda labels: 0.0),
    )
}  # fmt: skip


def score_name(task: str, asked: str) -> str:
    """The score of an experiment: R² for a regression, else what its model reports."""
    return "r2" if task == "regression" else asked
