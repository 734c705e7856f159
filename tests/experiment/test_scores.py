"""Accuracy, AUC and R²: against scikit-learn, and the errors over examples against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from rescu_cli.errors import UsageError
from rescu_cli.experiment.scores import SCORES, score_name
from rescu_cli.experiment.stats import mean_estimate


def binary(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < 0.3).astype(np.int64)
    logits = generator.standard_normal((3, n)) + labels
    p = np.round(1 / (1 + np.exp(-logits)), 2).astype(np.float32)  # rounded: there are ties
    return np.stack([1 - p, p], axis=2), labels


def test_auc_is_scikit_learns_ties_and_all() -> None:
    from sklearn.metrics import roc_auc_score

    p, labels = binary(200, 0)
    table = SCORES["auc"].table(p, labels)
    for row, one in zip(table, p, strict=True):
        assert row.mean() == pytest.approx(roc_auc_score(labels, one[:, 1]), abs=1e-12)


def test_auc_error_over_examples_is_that_of_new_examples() -> None:
    areas, errors = [], []
    for seed in range(400):
        p, labels = binary(150, seed)
        estimate = mean_estimate(SCORES["auc"].table(p[:1], labels)[0])
        areas.append(estimate.value)
        errors.append(estimate.se)
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.1)


def test_r2_is_scikit_learns() -> None:
    from sklearn.metrics import r2_score

    generator = np.random.default_rng(0)
    y = generator.standard_normal(50).astype(np.float32)
    f = (y + generator.standard_normal((2, 50))).astype(np.float32)[:, :, None]
    table = SCORES["r2"].table(f, y)
    for row, one in zip(table, f, strict=True):
        assert row.mean() == pytest.approx(r2_score(y, one[:, 0]), rel=1e-6)


def test_what_has_learned_nothing_scores_nothing() -> None:
    p, labels = binary(200, 0)
    constant = np.full_like(p, 0.5)
    for name in ("accuracy", "auc"):
        kind = SCORES[name]
        most = constant.copy()
        most[:, :, 0] += 0.1 if name == "accuracy" else 0.0
        assert kind.table(most, labels).mean() == pytest.approx(kind.nothing(labels))
    y = np.random.default_rng(0).standard_normal(50)
    mean = np.full((1, 50, 1), y.mean())
    assert SCORES["r2"].table(mean, y).mean() == pytest.approx(SCORES["r2"].nothing(y), abs=1e-12)


def test_scores_that_are_not_defined_are_refused() -> None:
    p, labels = binary(20, 0)
    with pytest.raises(UsageError, match="both classes"):
        SCORES["auc"].table(p, np.zeros_like(labels))
    with pytest.raises(UsageError, match="targets that differ"):
        SCORES["r2"].table(p[:, :, :1], np.ones(20))


def test_a_regression_is_scored_by_r2() -> None:
    assert score_name("regression", "accuracy") == "r2"
    assert score_name("classification", "auc") == "auc"
