"""Prediction difference in each of its definitions, accuracy and loss.

Notation of the formulas: P[m,n,c] is the probability that model m of M gives class c for example
n of N; P̄ the mean over the models; y_n the true class; p[m,n] the probability of the true class,
and with two classes that of class 1.

A metric is computed together with what its uncertainty needs: the value without each model (for
the jackknife over seeds) and the contribution of each example (for the error over examples).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.predictions import Predictions

Floats = NDArray[np.float64]
BOTH_ZERO = 1e-7  # below it, numerator and denominator of the relative difference count as 0/0 = 0


@dataclass(frozen=True, eq=False)
class Measured:
    """A metric's value and what its two uncertainties are made of.

    Args:
        value: The metric over all M models.
        leave_one_out: Float64, shape (M,): the metric without model m; NaN where it is undefined.
        per_example: Float64, shape (N,), with mean ``value``: each example's contribution, for a
            ratio its linearised one.
        pairs: Float64, shape (M, M), symmetric: the metric of each pair alone; None if the metric
            is not a mean over pairs.
    """

    value: float
    leave_one_out: Floats
    per_example: Floats
    pairs: Floats | None = None


@dataclass(frozen=True)
class Metric:
    """A named definition.

    Args:
        key: Its name in tables and JSON.
        formula: For printing beside the figure.
        measure: Computes it; needs at least two models.
        free_of_m: Whether its size at one number of models can be compared with another's: pairwise
            means can, mean-centred ones grow with M.
    """

    key: str
    formula: str
    measure: Callable[[Predictions], Measured]
    free_of_m: bool


def _centred(distance: Callable[[Floats, Floats], Floats], values: Floats) -> Measured:
    """(1/N) Σ_n distance(all models, their mean)_n, with the mean taken anew without each model.

    Args:
        distance: Maps values (M, N, …) and their mean (N, …) to contributions (N,).
        values: Float64, shape (M, N, …).
    """
    n_models = len(values)
    total = values.sum(0)
    per_example = distance(values, total / n_models)
    without = np.full(n_models, np.nan)
    # One model alone has no difference: its 0 would pass for a value.
    for m in range(n_models) if n_models > 2 else ():
        rest = np.delete(values, m, axis=0)
        without[m] = distance(rest, rest.mean(0)).mean()
    return Measured(float(per_example.mean()), without, per_example)


def _pairwise(contributions: Callable[[Floats, Floats], Floats], values: Floats) -> Measured:
    """Mean over pairs i < j and over n of contributions(values i, values j)_n.

    Args:
        contributions: Maps values (N, …) of one model and (K, N, …) of others to (K, N).
        values: Float64, shape (M, N, …).
    """
    n_models, n_examples = values.shape[:2]
    pairs = np.zeros((n_models, n_models))
    per_example = np.zeros(n_examples)
    for i in range(n_models - 1):
        found = contributions(values[i], values[i + 1 :])
        per_example += found.sum(0)
        pairs[i, i + 1 :] = pairs[i + 1 :, i] = found.mean(1)
    n_pairs = n_models * (n_models - 1) / 2
    return Measured(
        float(pairs.sum() / 2 / n_pairs), pairs_without_one(pairs), per_example / n_pairs, pairs
    )


def pairs_without_one(pairs: Floats) -> Floats:
    """Mean over the pairs that do not touch model m, for each m; NaN for fewer than three models.

    Args:
        pairs: Symmetric with zero diagonal, float64, shape (M, M).
    """
    n_models = len(pairs)
    if n_models < 3:
        return np.full(n_models, np.nan)
    rows = pairs.sum(1)
    total = rows.sum() / 2
    return np.asarray((total - rows) / ((n_models - 1) * (n_models - 2) / 2))


def _all(predictions: Predictions) -> Floats:
    return predictions.probabilities.astype(np.float64)


def label_probability(predictions: Predictions) -> Floats:
    """p[m,n] of the formulas, float64, shape (M, N): of class 1 of two, else of the true class."""
    p = _all(predictions)
    if p.shape[2] == 2:
        return p[:, :, 1]
    return p[:, np.arange(p.shape[1]), predictions.labels]


def _pd_l1(predictions: Predictions) -> Measured:
    return _centred(lambda p, mean: np.abs(p - mean).sum(2).mean(0), _all(predictions))


def _pd_l2(predictions: Predictions) -> Measured:
    return _centred(lambda p, mean: np.sqrt(((p - mean) ** 2).sum(2).mean(0)), _all(predictions))


def _pd_pairwise_l1(predictions: Predictions) -> Measured:
    return _pairwise(lambda one, others: np.abs(one - others).sum(2), _all(predictions))


def _relative(one: Floats, others: Floats) -> Floats:
    difference, total = np.abs(one - others), one + others
    nothing = (difference < BOTH_ZERO) & (total < BOTH_ZERO)
    # The quotient is taken where the denominator is safe; 1 stands in elsewhere.
    return np.where(nothing, 0.0, 2 * difference / np.where(nothing, 1.0, total))


def _pd_relative(predictions: Predictions) -> Measured:
    return _pairwise(_relative, label_probability(predictions))


def _pd_relative_centred(predictions: Predictions) -> Measured:
    def distance(p: Floats, mean: Floats) -> Floats:
        deviation = np.abs(p - mean)
        nothing = (deviation < BOTH_ZERO) & (mean < BOTH_ZERO)
        return np.asarray(np.where(nothing, 0.0, deviation / np.where(nothing, 1.0, mean)).mean(0))

    return _centred(distance, label_probability(predictions))


def _pd_relative_global(predictions: Predictions) -> Measured:
    p = label_probability(predictions)
    n_models, n_examples = p.shape
    pairs = np.zeros((n_models, n_models))
    per_example = np.zeros(n_examples)
    for i in range(n_models - 1):
        top, bottom = np.abs(p[i] - p[i + 1 :]), (p[i] + p[i + 1 :]) / 2
        whole = bottom.sum(1)
        safe = np.where(whole > 0, whole, 1.0)  # 0/0 = 0: both models deny every label
        ratio = top.sum(1) / safe
        pairs[i, i + 1 :] = pairs[i + 1 :, i] = ratio
        # Linearised: ratio + (a_n − ratio·b_n)/mean(b), whose mean over n is the ratio itself.
        slack = (top - ratio[:, None] * bottom) * n_examples / safe[:, None]
        per_example += (ratio[:, None] + slack).sum(0)
    n_pairs = n_models * (n_models - 1) / 2
    value = float(pairs.sum() / 2 / n_pairs)
    return Measured(value, pairs_without_one(pairs), per_example / n_pairs, pairs)


def _pd_label(predictions: Predictions) -> Measured:
    p = _all(predictions)
    true = p[:, np.arange(p.shape[1]), predictions.labels]
    return _centred(lambda q, mean: np.abs(q - mean).mean(0), true)


def _churn(predictions: Predictions) -> Measured:
    winners = predictions.probabilities.argmax(2).astype(np.float64)
    return _pairwise(lambda one, others: (one != others).astype(np.float64), winners)


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("pd_l1", "(1/N) Σ_n (1/M) Σ_m Σ_c |P[m,n,c] − P̄[n,c]|", _pd_l1, False),
        Metric("pd_l2", "(1/N) Σ_n [(1/M) Σ_m Σ_c (P[m,n,c] − P̄[n,c])²]^½", _pd_l2, False),
        Metric(
            "pd_pairwise_l1",
            "mean over pairs i<j and n of Σ_c |P[i,n,c] − P[j,n,c]|",
            _pd_pairwise_l1,
            True,
        ),
        Metric(
            "pd_relative",
            "mean over pairs i<j and n of 2|p[i,n] − p[j,n]|/(p[i,n] + p[j,n])",
            _pd_relative,
            True,
        ),
        Metric(
            "pd_relative_centred",
            "(1/N) Σ_n (1/M) Σ_m |p[m,n] − p̄[n]|/p̄[n]",
            _pd_relative_centred,
            False,
        ),
        Metric(
            "pd_relative_global",
            "mean over pairs i<j of Σ_n |p[i,n] − p[j,n]| / (½ Σ_n (p[i,n] + p[j,n]))",
            _pd_relative_global,
            True,
        ),
        Metric("pd_label", "(1/N) Σ_n (1/M) Σ_m |P[m,n,y_n] − P̄[n,y_n]|", _pd_label, False),
        Metric(
            "churn", "mean over pairs i<j and n of 1[argmax P[i,n] ≠ argmax P[j,n]]", _churn, True
        ),
    )
}


def measure(key: str, predictions: Predictions) -> Measured:
    """One metric of the table `METRICS`.

    Raises:
        UsageError: For an unknown key or fewer than two models.
    """
    if key not in METRICS:
        raise UsageError(f"No metric named {key!r}; known: {', '.join(METRICS)}.")
    if predictions.n_models < 2:
        raise UsageError(
            f"{predictions.name}: a prediction difference needs at least 2 models; found 1."
        )
    return METRICS[key].measure(predictions)


def accuracy(predictions: Predictions) -> Floats:
    """1 where the most probable class is the label, else 0; float64, shape (M, N).

    Ties go to the class with the smaller number.
    """
    return (predictions.probabilities.argmax(2) == predictions.labels).astype(np.float64)


def log_loss(predictions: Predictions) -> Floats:
    """−ln of the label's probability, float64, shape (M, N).

    A probability of 0 counts as the smallest positive normal float32, about e^−87.3.
    """
    p = _all(predictions)
    true = p[:, np.arange(p.shape[1]), predictions.labels]
    return np.asarray(-np.log(np.maximum(true, np.finfo(np.float32).tiny)))
