"""Synthetic click-through data: categories only, few clicks, in order of time.

What makes advertising models hard to reproduce is in it: rare categories, a low base rate, and
labels that are mostly noise. The teacher is known, so the best possible loss is too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.generated import (
    full_name,
    normal_quantiles,
    require_number,
    require_seed,
    require_whole,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

USUAL = {
    "n": 100_000,
    "fields": 10,
    "base_rate": 0.1,
    "noise": 0.5,
    "cardinality": 1000,
    "seed": 0,
}
TEST_SHARE = 0.2
CHUNK = 2**16
"""Rows generated at a time."""
CALIBRATION = 2**16
"""Rows on which the intercept is found."""
LATENT = 4
LINEAR_DEVIATION = 1.0
PAIR_DEVIATION = 1.0
ZIPF_EXPONENT = 1.0
FEWEST_CATEGORIES = 10
NODES = 32
"""Of the Gauss–Hermite formula that averages over the noise."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """The factorisation machine that decides who clicks.

    Args:
        cardinalities: Categories of each field.
        thresholds: For each field, P(category ≤ k), float64, shape (cardinality,).
        weights: For each field, w, float64, shape (cardinality,).
        vectors: For each field, v, float64, shape (cardinality, LATENT).
        noise: Standard deviation of the logit around its formula.
        intercept: b, such that the mean click probability is the base rate.
    """

    cardinalities: tuple[int, ...]
    thresholds: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    vectors: tuple[Floats, ...]
    noise: float
    intercept: float = 0.0

    def categories(self, uniform: Floats) -> Integers:
        """Zipf-distributed categories from uniform numbers, both of shape (rows, fields)."""
        columns = [
            np.minimum(
                np.searchsorted(cumulative, uniform[:, f], side="right"), len(cumulative) - 1
            )
            for f, cumulative in enumerate(self.thresholds)
        ]
        return np.stack(columns, axis=1).astype(np.int64)

    def logits(self, x: Integers) -> Floats:
        """b + Σ_f w_f[x_f] + Σ_{f<g} ⟨v_f[x_f], v_g[x_g]⟩, shape (rows,).

        Args:
            x: Categories, shape (rows, fields).
        """
        total = np.full(len(x), self.intercept)
        vectors, squares = np.zeros((len(x), LATENT)), np.zeros(len(x))
        for f in range(x.shape[1]):
            total += self.weights[f][x[:, f]]
            vector = self.vectors[f][x[:, f]]
            vectors += vector
            squares += (vector**2).sum(1)
        return total + ((vectors**2).sum(1) - squares) / 2

    def probabilities(self, x: Integers) -> Floats:
        """E[σ(logit + noise·ε)], the best prediction that the features allow, shape (rows,)."""
        logits = self.logits(x)
        if self.noise == 0:
            return sigmoid(logits)
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        total = np.zeros(len(x))
        for node, weight in zip(nodes, weights / weights.sum(), strict=True):
            total += weight * sigmoid(logits + self.noise * node)
        return total


def load(
    n: int = 100_000,
    fields: int = 10,
    base_rate: float = 0.1,
    noise: float = 0.5,
    cardinality: int = 1000,
    seed: int = 0,
) -> Dataset:
    """Categorical features and whether there was a click; the last 20 % of the rows are the test.

    Args:
        n: Number of rows, 1,000 … 20,000,000; four bytes per field and row are held.
        fields: Number of categorical features, 1 … 100.
        base_rate: Mean click probability, 0.02 … 0.2.
        noise: Standard deviation of the normal noise on the logit, 0 … 10.
        cardinality: Categories of the largest field, 2 … 1,000,000; the others fall to 10.
        seed: Of the generator.

    Raises:
        UsageError: For parameters out of range.
    """
    n = require_whole("ctr", "n", n, 1000, 20_000_000)
    fields = require_whole("ctr", "fields", fields, 1, 100)
    base_rate = require_number("ctr", "base_rate", base_rate, 0.02, 0.2)
    noise = require_number("ctr", "noise", noise, 0, 10)
    cardinality = require_whole("ctr", "cardinality", cardinality, 2, 1_000_000)
    seed = require_seed("ctr", seed)
    teacher = make_teacher(fields, base_rate, noise, cardinality, seed)
    x, y = np.empty((n, fields), dtype=np.float32), np.empty(n, dtype=np.int64)
    start = 0
    for categories, clicks in rows(teacher, n, seed):
        x[start : start + len(clicks)] = categories
        y[start : start + len(clicks)] = clicks
        start += len(clicks)
    n_train = n - round(n * TEST_SHARE)
    loss, auc = ceiling(teacher, x[n_train:], y[n_train:])
    given = {
        "n": n, "fields": fields, "base_rate": base_rate, "noise": noise,
        "cardinality": cardinality, "seed": seed,
    }  # fmt: skip
    return Dataset(
        name=full_name("ctr", given, USUAL),
        x_train=x[:n_train],
        y_train=y[:n_train],
        x_test=x[n_train:],
        y_test=y[n_train:],
        example_ids=np.arange(n_train, n, dtype=np.int64),
        n_classes=2,
        cardinalities=teacher.cardinalities,
        source=(
            "generated; the teacher is a factorisation machine (S. Rendle, Factorization machines, "
            "ICDM 2010) on Zipf-distributed categories"
        ),
        preparation=(
            "in order of time, the last 20 % are the test part; on it, the click probabilities of "
            f"the teacher have the log loss {loss:.4f} and the AUC {auc:.4f}, which no model can "
            "beat but by luck"
        ),
    )


def field_sizes(fields: int, cardinality: int) -> tuple[int, ...]:
    """Categories of each field: a geometric sequence from ``cardinality`` to 10.

    >>> field_sizes(3, 1000)
    (1000, 100, 10)
    """
    last = min(FEWEST_CATEGORIES, cardinality)
    ratio = (last / cardinality) ** (1 / max(fields - 1, 1))
    return tuple(max(last, round(cardinality * ratio**f)) for f in range(fields))


def make_teacher(
    fields: int, base_rate: float, noise: float, cardinality: int, seed: int
) -> Teacher:
    """Draws the teacher; arguments as for `load`.

    P(category k) ∝ 1/(k + 1). Weights are normal so that the linear part has deviation 1 over
    independent categories, the vectors so that the sum over pairs has too.
    """
    sizes = field_sizes(fields, cardinality)
    stream = np.random.default_rng(_seeds(seed)[0])
    pairs = max(fields * (fields - 1) / 2, 1)
    vector_deviation = (PAIR_DEVIATION**2 / (LATENT * pairs)) ** 0.25
    shares = [1 / np.arange(1, size + 1, dtype=np.float64) ** ZIPF_EXPONENT for size in sizes]
    teacher = Teacher(
        cardinalities=sizes,
        thresholds=tuple(np.cumsum(share) / share.sum() for share in shares),
        weights=tuple(
            LINEAR_DEVIATION / fields**0.5 * stream.standard_normal(size) for size in sizes
        ),
        vectors=tuple(vector_deviation * stream.standard_normal((size, LATENT)) for size in sizes),
        noise=noise,
    )
    return _with_base_rate(teacher, base_rate, seed)


def _with_base_rate(teacher: Teacher, base_rate: float, seed: int) -> Teacher:
    """The intercept by bisection, on rows of their own: it must not depend on n."""
    fields = len(teacher.cardinalities)
    uniform = np.random.default_rng(_seeds(seed)[1]).random((CALIBRATION, fields + 1))
    logits = teacher.logits(teacher.categories(uniform[:, :fields]))
    logits += teacher.noise * normal_quantiles(uniform[:, fields])
    # From here on, all probabilities are below or above every base rate that is allowed.
    high = float(np.abs(logits).max()) + 10.0
    low = -high
    for _ in range(60):
        middle = (low + high) / 2
        if sigmoid(logits + middle).mean() < base_rate:
            low = middle
        else:
            high = middle
    return replace(teacher, intercept=(low + high) / 2)


def rows(teacher: Teacher, n: int, seed: int) -> Iterator[tuple[Integers, Integers]]:
    """Categories, shape (rows, fields), and clicks, shape (rows,), in chunks of `CHUNK` rows.

    One stream, row by row, so that neither n nor the size of the chunks changes a row. With u, ε
    from the row, click = [u < σ(logit + noise·ε)].
    """
    fields = len(teacher.cardinalities)
    stream = np.random.default_rng(_seeds(seed)[2])
    for start in range(0, n, CHUNK):
        uniform = stream.random((min(CHUNK, n - start), fields + 2))
        x = teacher.categories(uniform[:, :fields])
        noisy = teacher.logits(x) + teacher.noise * normal_quantiles(uniform[:, fields])
        yield x, (uniform[:, fields + 1] < sigmoid(noisy)).astype(np.int64)


def ceiling(teacher: Teacher, x: NDArray[Any], y: Integers) -> tuple[float, float]:
    """Mean log loss in nats, and AUC, of the teacher's own probabilities for some rows.

    Args:
        teacher: Which generated them.
        x: Categories, whole numbers of any dtype, shape (rows, fields).
        y: Clicks, 0 or 1, shape (rows,).

    Returns:
        Both numbers; the AUC is NaN if all rows have the same label.
    """
    chunks = [
        teacher.probabilities(x[start : start + CHUNK].astype(np.int64))
        for start in range(0, len(x), CHUNK)
    ]
    p = np.concatenate(chunks)
    loss = -np.where(y == 1, np.log(p), np.log1p(-p)).mean()
    return float(loss), area_under_curve(p, y)


def area_under_curve(score: Floats, y: Integers) -> float:
    """P(score of a click > score of none) + ½·P(both are equal); NaN if one of them is missing."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    clicks = int(y.sum())
    others = len(y) - clicks
    if not clicks or not others:
        return float("nan")
    return float((rank[y == 1].sum() - clicks * (clicks + 1) / 2) / (clicks * others))


def sigmoid(x: Floats) -> Floats:
    """1/(1 + e^(−x)) without overflow."""
    from scipy.special import expit

    return np.asarray(expit(x))


def _seeds(seed: int) -> list[np.random.SeedSequence]:
    """Of the teacher, the calibration and the rows."""
    return np.random.SeedSequence(seed).spawn(3)
