"""Prediction difference in each of its definitions, accuracy, loss and squared error.

Notation of the formulas: P[m,n,c] is the probability that model m of M gives class c for example
n of N, or for a regression its output c; P̄ the mean over the models; y_n the true class; p[m,n] the
probability of the true class, and with two classes that of class 1.

A metric is an `Accumulator`: it is fed chunks of examples and adds up what its value needs and what
its uncertainty needs: the value without each model (for the jackknife over seeds) and the
contribution of each example (for the error over examples). `measure` feeds it everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.chunks import Chunk, Floats, Source, chunk_of
from rescu_cli.experiment.predictions import Predictions

BOTH_ZERO = 1e-7  # below it, numerator and denominator of the relative difference count as 0/0 = 0
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)
CLASSES_ONLY = ("classification",)
ANY_TASK = ("classification", "regression")


@dataclass(frozen=True, eq=False)
class Totals:
    """What a metric is over all the examples that were fed.

    Args:
        value: The metric over all M models.
        leave_one_out: Float64, shape (M,): the metric without model m; NaN where it is undefined.
        pairs: Float64, shape (M, M), symmetric: the metric of each pair alone; None if the metric
            is not a mean over pairs.
    """

    value: float
    leave_one_out: Floats
    pairs: Floats | None = None


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


class Accumulator(Protocol):
    """A metric while examples are fed to it."""

    def add(self, chunk: Chunk) -> Floats | None:
        """Adds up a chunk.

        Returns:
            Each example's contribution, shape (n,); None if it depends on the totals: then the
            accumulator is a `Deferred`.
        """

    def totals(self) -> Totals:
        """What has been added up."""


class Deferred(Accumulator, Protocol):
    """A metric whose contributions depend on the totals."""

    def contributions(self, chunk: Chunk) -> Floats:
        """Each example's contribution, shape (n,), once every chunk has been fed."""


@dataclass(frozen=True)
class Metric:
    """A named definition.

    Args:
        key: Its name in tables and JSON.
        formula: For printing beside the figure.
        start: An empty accumulator for a number of models, at least two.
        free_of_m: Whether its size at one number of models can be compared with another's: pairwise
            means can, mean-centred ones grow with M.
        tasks: What it is defined for: ``classification``, ``regression``.
    """

    key: str
    formula: str
    start: Callable[[int], Accumulator]
    free_of_m: bool
    tasks: tuple[str, ...]


class _Centred:
    """(1/N) Σ_n distance(all models, their mean)_n, with the mean taken anew without each model.

    Args:
        n_models: M.
        values: What of a chunk is compared, shape (M, …, n).
        distance: Maps values (M, …, n) and their mean (…, n) to contributions (n,).
    """

    def __init__(
        self,
        n_models: int,
        values: Callable[[Chunk], Floats],
        distance: Callable[[Floats, Floats], Floats],
    ) -> None:
        self._values, self._distance = values, distance
        self._n, self._sum, self._without = 0, 0.0, np.zeros(n_models)

    def add(self, chunk: Chunk) -> Floats:
        values = self._values(chunk)
        found = self._distance(values, values.mean(0))
        self._n += len(found)
        self._sum += float(found.sum())
        # One model alone has no difference: its 0 would pass for a value.
        if len(values) > 2:
            for m, rest in enumerate(_without_each(values)):
                self._without[m] += self._distance(rest, rest.mean(0)).sum()
        return found

    def totals(self) -> Totals:
        undefined = len(self._without) < 3
        without = np.full(2, np.nan) if undefined else self._without / self._n
        return Totals(self._sum / self._n, without)


def _without_each(values: Floats) -> Iterator[Floats]:
    """`values` without its first row, without its second, …: one array, changed at each step."""
    rest = values[1:].copy()
    yield rest
    for m in range(len(rest)):
        rest[m] = values[m]
        yield rest


class _Pairwise:
    """Mean over pairs i < j and over n of difference(values i, values j)_n.

    Args:
        n_models: M.
        values: What of a chunk is compared, shape (M, …, n).
        difference: Maps values (…, n) of one model and (K, …, n) of others to (K, n).
    """

    def __init__(
        self,
        n_models: int,
        values: Callable[[Chunk], NDArray[Any]],
        difference: Callable[[NDArray[Any], NDArray[Any]], Floats],
    ) -> None:
        self._values, self._difference = values, difference
        self._n, self._sums = 0, np.zeros((n_models, n_models))

    def add(self, chunk: Chunk) -> Floats:
        values = self._values(chunk)
        n_models, n = len(values), values.shape[-1]
        contributions = np.zeros(n)
        for i in range(n_models - 1):
            found = self._difference(values[i], values[i + 1 :])
            contributions += found.sum(0)
            self._sums[i, i + 1 :] += found.sum(1)
        self._n += n
        return contributions / _n_pairs(n_models)

    def totals(self) -> Totals:
        return _of_pairs(self._sums / self._n)


class _RatioOfSums:
    """Mean over pairs i < j of r = A/B with A = Σ_n a_n, B = Σ_n b_n.

    a_n = |p[i,n] − p[j,n]| and b_n = (p[i,n] + p[j,n])/2; 0/0 = 0: both models deny every label. An
    example's contribution is the linearised r + (a_n − r·b_n)·N/B, whose mean over n is r.
    """

    def __init__(self, n_models: int) -> None:
        self._n, self._top, self._models = 0, np.zeros((n_models, n_models)), np.zeros(n_models)

    def add(self, chunk: Chunk) -> None:
        p = chunk.compared
        for i in range(len(p) - 1):
            self._top[i, i + 1 :] += np.abs(p[i] - p[i + 1 :]).sum(1)
        self._models += p.sum(1)
        self._n += p.shape[1]

    def contributions(self, chunk: Chunk) -> Floats:
        p, ratio, bottom = chunk.compared, self._ratio(), self._bottom()
        weight = self._n / bottom / _n_pairs(len(p))
        top = np.zeros(p.shape[1])
        for i in range(len(p) - 1):
            top += weight[i, i + 1 :] @ np.abs(p[i] - p[i + 1 :])
        # Σ over pairs of w·r·(p[i,n] + p[j,n])/2 holds each model's p once for each partner.
        share = np.triu(weight * ratio, 1) / 2
        return np.asarray(self.totals().value + top - (share.sum(0) + share.sum(1)) @ p)

    def totals(self) -> Totals:
        return _of_pairs(self._ratio())

    def _bottom(self) -> Floats:
        found = (self._models[:, None] + self._models) / 2
        return np.where(found > 0, found, 1.0)

    def _ratio(self) -> Floats:
        return self._top / self._bottom()


def _n_pairs(n_models: int) -> float:
    return n_models * (n_models - 1) / 2


def _of_pairs(upper: Floats) -> Totals:
    """Totals of a mean over pairs, from the values of the pairs i < j, float64, shape (M, M)."""
    pairs = upper + upper.T
    return Totals(float(pairs.sum() / 2 / _n_pairs(len(pairs))), pairs_without_one(pairs), pairs)


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


def _outputs(chunk: Chunk) -> Floats:
    return chunk.outputs


def _compared(chunk: Chunk) -> Floats:
    return chunk.compared


def _of_label(chunk: Chunk) -> Floats:
    return chunk.of_label


def _winners(chunk: Chunk) -> NDArray[np.intp]:
    return chunk.winners


def _l1_to_mean(outputs: Floats, mean: Floats) -> Floats:
    return np.asarray(np.abs(outputs - mean).sum(1).mean(0))


def _l2_to_mean(outputs: Floats, mean: Floats) -> Floats:
    return np.asarray(np.sqrt(((outputs - mean) ** 2).sum(1).mean(0)))


def _distance_to_mean(p: Floats, mean: Floats) -> Floats:
    return np.asarray(np.abs(p - mean).mean(0))


def _relative_to_mean(p: Floats, mean: Floats) -> Floats:
    deviation = np.abs(p - mean)
    nothing = (deviation < BOTH_ZERO) & (mean < BOTH_ZERO)
    # The quotient is taken where the denominator is safe; 1 stands in elsewhere.
    return np.asarray(np.where(nothing, 0.0, deviation / np.where(nothing, 1.0, mean)).mean(0))


def _l1(one: Floats, others: Floats) -> Floats:
    return np.asarray(np.abs(one - others).sum(1))


def _relative(one: Floats, others: Floats) -> Floats:
    difference, total = np.abs(one - others), one + others
    nothing = (difference < BOTH_ZERO) & (total < BOTH_ZERO)
    return np.where(nothing, 0.0, 2 * difference / np.where(nothing, 1.0, total))


def _unequal(one: NDArray[np.intp], others: NDArray[np.intp]) -> Floats:
    return (one != others).astype(np.float64)


METRICS: dict[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric(
            "pd_l1",
            "(1/N) Σ_n (1/M) Σ_m Σ_c |P[m,n,c] − P̄[n,c]|",
            lambda n_models: _Centred(n_models, _outputs, _l1_to_mean),
            False,
            ANY_TASK,
        ),
        Metric(
            "pd_l2",
            "(1/N) Σ_n [(1/M) Σ_m Σ_c (P[m,n,c] − P̄[n,c])²]^½",
            lambda n_models: _Centred(n_models, _outputs, _l2_to_mean),
            False,
            ANY_TASK,
        ),
        Metric(
            "pd_pairwise_l1",
            "mean over pairs i<j and n of Σ_c |P[i,n,c] − P[j,n,c]|",
            lambda n_models: _Pairwise(n_models, _outputs, _l1),
            True,
            ANY_TASK,
        ),
        Metric(
            "pd_relative",
            "mean over pairs i<j and n of 2|p[i,n] − p[j,n]|/(p[i,n] + p[j,n])",
            lambda n_models: _Pairwise(n_models, _compared, _relative),
            True,
            CLASSES_ONLY,
        ),
        Metric(
            "pd_relative_centred",
            "(1/N) Σ_n (1/M) Σ_m |p[m,n] − p̄[n]|/p̄[n]",
            lambda n_models: _Centred(n_models, _compared, _relative_to_mean),
            False,
            CLASSES_ONLY,
        ),
        Metric(
            "pd_relative_global",
            "mean over pairs i<j of Σ_n |p[i,n] − p[j,n]| / (½ Σ_n (p[i,n] + p[j,n]))",
            _RatioOfSums,
            True,
            CLASSES_ONLY,
        ),
        Metric(
            "pd_label",
            "(1/N) Σ_n (1/M) Σ_m |P[m,n,y_n] − P̄[n,y_n]|",
            lambda n_models: _Centred(n_models, _of_label, _distance_to_mean),
            False,
            CLASSES_ONLY,
        ),
        Metric(
            "churn",
            "mean over pairs i<j and n of 1[argmax P[i,n] ≠ argmax P[j,n]]",
            lambda n_models: _Pairwise(n_models, _winners, _unequal),
            True,
            CLASSES_ONLY,
        ),
    )
}


def measure(key: str, predictions: Predictions) -> Measured:
    """One metric of the table `METRICS`.

    Raises:
        UsageError: For an unknown key, one of another task, or fewer than two models.
    """
    if key not in METRICS:
        raise UsageError(f"No metric named {key!r}; known: {', '.join(METRICS)}.")
    if predictions.task not in METRICS[key].tasks:
        fitting = ", ".join(k for k, metric in METRICS.items() if predictions.task in metric.tasks)
        raise UsageError(
            f"{predictions.name}: {key} is not defined for a {predictions.task}; defined are: "
            f"{fitting}."
        )
    require_two_models(predictions)
    accumulator = METRICS[key].start(predictions.n_models)
    chunk = _whole(predictions)
    contributions = accumulator.add(chunk)
    if contributions is None:
        contributions = cast("Deferred", accumulator).contributions(chunk)
    totals = accumulator.totals()
    return Measured(totals.value, totals.leave_one_out, contributions, totals.pairs)


def require_two_models(source: Source) -> None:
    """Refuses to speak of the difference of one model.

    Raises:
        UsageError: For fewer than two models.
    """
    if source.shape[0] < 2:
        raise UsageError(
            f"{source.name}: a prediction difference needs at least 2 models; found 1."
        )


def _whole(predictions: Predictions) -> Chunk:
    return chunk_of(predictions, 0, predictions.shape[1])


def _whole_for(task: str, score: str, predictions: Predictions) -> Chunk:
    if predictions.task != task:
        raise UsageError(
            f"{predictions.name}: {score} is defined for a {task}; these are of a "
            f"{predictions.task}."
        )
    return _whole(predictions)


def chunk_accuracy(chunk: Chunk) -> Floats:
    """1 where the most probable class is the label, else 0; float64, shape (M, n)."""
    return (chunk.winners == chunk.labels).astype(np.float64)


def chunk_log_loss(chunk: Chunk) -> Floats:
    """−ln of the label's probability, at least `LEAST_PROBABILITY`; float64, shape (M, n)."""
    return np.asarray(-np.log(np.maximum(chunk.of_label, LEAST_PROBABILITY)))


def chunk_squared_error(chunk: Chunk) -> Floats:
    """(1/C) Σ_c (P[m,n,c] − y[n,c])², in the labels' unit squared; float64, shape (M, n)."""
    wanted = chunk.labels.reshape(len(chunk.labels), -1).T.astype(np.float64)
    return np.asarray(((chunk.outputs - wanted) ** 2).mean(1))


def accuracy(predictions: Predictions) -> Floats:
    """1 where the most probable class is the label, else 0; float64, shape (M, N).

    Ties go to the class with the smaller number.

    Raises:
        UsageError: For a regression.
    """
    return chunk_accuracy(_whole_for("classification", "accuracy", predictions))


def log_loss(predictions: Predictions) -> Floats:
    """−ln of the label's probability, float64, shape (M, N).

    A probability of 0 counts as the smallest positive normal float32, about e^−87.3.

    Raises:
        UsageError: For a regression.
    """
    return chunk_log_loss(_whole_for("classification", "log loss", predictions))


def squared_error(predictions: Predictions) -> Floats:
    """(1/C) Σ_c (P[m,n,c] − y[n,c])² of a regression, float64, shape (M, N).

    Its unit is that of the labels, squared.

    Raises:
        UsageError: For a classification.
    """
    return chunk_squared_error(_whole_for("regression", "squared error", predictions))
