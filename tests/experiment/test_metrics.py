"""Every prediction difference against plain loops written from the formulas."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rescu_cli.errors import UsageError
from rescu_cli.experiment.metrics import (
    METRICS,
    accuracy,
    log_loss,
    measure,
    pairs_without_one,
    squared_error,
)
from rescu_cli.experiment.predictions import Predictions

from .samples import make_predictions


def loops(key: str, predictions: Predictions) -> float:
    """The formula of the facts, read off literally."""
    probs = predictions.probabilities.tolist()
    y = predictions.labels.tolist()
    n_models, n_examples, n_classes = len(probs), len(probs[0]), len(probs[0][0])
    pairs = list(combinations(range(n_models), 2))

    def bar(n: int, c: int) -> float:
        return sum(probs[m][n][c] for m in range(n_models)) / n_models

    def p(m: int, n: int) -> float:
        return probs[m][n][1] if n_classes == 2 else probs[m][n][y[n]]

    def relative(a: float, b: float) -> float:
        return 0.0 if abs(a - b) < 1e-7 and a + b < 1e-7 else 2 * abs(a - b) / (a + b)

    if key == "pd_l1":
        return (
            sum(
                abs(probs[m][n][c] - bar(n, c))
                for n in range(n_examples)
                for m in range(n_models)
                for c in range(n_classes)
            )
            / n_examples
            / n_models
        )
    if key == "pd_l2":
        return (
            sum(
                sqrt(
                    sum(
                        (probs[m][n][c] - bar(n, c)) ** 2
                        for m in range(n_models)
                        for c in range(n_classes)
                    )
                    / n_models
                )
                for n in range(n_examples)
            )
            / n_examples
        )
    if key == "pd_pairwise_l1":
        return sum(
            abs(probs[i][n][c] - probs[j][n][c])
            for i, j in pairs
            for n in range(n_examples)
            for c in range(n_classes)
        ) / (len(pairs) * n_examples)
    if key == "pd_relative":
        return sum(relative(p(i, n), p(j, n)) for i, j in pairs for n in range(n_examples)) / (
            len(pairs) * n_examples
        )
    if key == "pd_relative_centred":
        total = 0.0
        for n in range(n_examples):
            mean = sum(p(m, n) for m in range(n_models)) / n_models
            total += sum(abs(p(m, n) - mean) / mean for m in range(n_models)) / n_models
        return total / n_examples
    if key == "pd_relative_global":
        return sum(
            sum(abs(p(i, n) - p(j, n)) for n in range(n_examples))
            / (0.5 * sum(p(i, n) + p(j, n) for n in range(n_examples)))
            for i, j in pairs
        ) / len(pairs)
    if key == "pd_label":
        return (
            sum(
                abs(probs[m][n][y[n]] - bar(n, y[n]))
                for n in range(n_examples)
                for m in range(n_models)
            )
            / n_examples
            / n_models
        )
    if key == "churn":

        def winner(m: int, n: int) -> int:
            return max(range(n_classes), key=lambda c: probs[m][n][c])

        return sum(winner(i, n) != winner(j, n) for i, j in pairs for n in range(n_examples)) / (
            len(pairs) * n_examples
        )
    raise AssertionError(key)


SIZES = [(2, 1, 2), (2, 9, 2), (3, 7, 4), (5, 6, 2), (6, 11, 5)]


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_value_is_the_formula(key: str, size: tuple[int, int, int]) -> None:
    predictions = make_predictions(*size, seed=sum(size))
    assert measure(key, predictions).value == pytest.approx(loops(key, predictions), rel=1e-12)


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("size", [(3, 7, 4), (5, 6, 2), (6, 11, 5)], ids=str)
def test_leave_one_out_is_the_formula_without_that_model(
    key: str, size: tuple[int, int, int]
) -> None:
    predictions = make_predictions(*size, seed=3)
    found = measure(key, predictions).leave_one_out
    for m in range(size[0]):
        rest = predictions.models(np.arange(size[0]) != m)
        assert found[m] == pytest.approx(loops(key, rest), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_examples_contribute_the_value(key: str, size: tuple[int, int, int]) -> None:
    """The mean of the contributions is the value, also for the ratio."""
    found = measure(key, make_predictions(*size, seed=5))
    assert found.per_example.shape == (size[1],)
    assert found.per_example.mean() == pytest.approx(found.value, rel=1e-12)


def test_ratio_contributions_estimate_the_error_over_examples() -> None:
    """Linearised contributions of the ratio against a bootstrap over examples."""
    predictions = make_predictions(4, 400, 3, seed=8)
    found = measure("pd_relative_global", predictions)
    linear = found.per_example.std(ddof=1) / sqrt(400)
    generator = np.random.default_rng(0)
    values = []
    for _ in range(300):
        rows = generator.integers(0, 400, 400)
        drawn = Predictions(
            "b",
            predictions.probabilities[:, rows],
            predictions.labels[rows],
            np.arange(400),
            predictions.seeds,
        )
        values.append(measure("pd_relative_global", drawn).value)
    assert linear == pytest.approx(np.std(values, ddof=1), rel=0.15)


def test_metrics_with_pairs_expose_the_matrix() -> None:
    predictions = make_predictions(5, 6, 3, seed=1)
    for key, metric in METRICS.items():
        pairs = measure(key, predictions).pairs
        assert (pairs is not None) == metric.free_of_m
        if pairs is not None:
            assert pairs.shape == (5, 5)
            assert (pairs == pairs.T).all()
            assert (np.diag(pairs) == 0).all()
            two = predictions.models(np.array([1, 3]))
            assert pairs[1, 3] == pytest.approx(loops(key, two), rel=1e-12)


def test_pairs_without_one_needs_three_models() -> None:
    assert np.isnan(pairs_without_one(np.zeros((2, 2)))).all()


def test_centred_relative_of_two_models_is_half_the_symmetric_one() -> None:
    predictions = make_predictions(2, 50, 4, seed=2)
    half = measure("pd_relative", predictions).value / 2
    assert measure("pd_relative_centred", predictions).value == pytest.approx(half, rel=1e-12)


def test_centred_l1_of_two_models_is_half_the_pairwise_one() -> None:
    predictions = make_predictions(2, 50, 4, seed=2)
    half = measure("pd_pairwise_l1", predictions).value / 2
    assert measure("pd_l1", predictions).value == pytest.approx(half, rel=1e-12)


def test_label_difference_is_half_of_l1_for_two_classes() -> None:
    predictions = make_predictions(6, 30, 2, seed=2)
    half = measure("pd_l1", predictions).value / 2
    # Float32 classes sum to 1 only to rounding.
    assert measure("pd_label", predictions).value == pytest.approx(half, rel=1e-5)


def test_relative_and_global_rank_differently() -> None:
    """One rare, wildly different label against many slightly different ones."""
    names = ("rare", "common")
    p = {
        "rare": np.array([[0.001, 0.9, 0.9], [0.003, 0.9, 0.9]]),
        "common": np.array([[0.5, 0.9, 0.9], [0.5, 0.8, 0.8]]),
    }
    found = {}
    for name in names:
        two = np.stack([1 - p[name], p[name]], axis=2)
        predictions = Predictions(name, two, np.array([1, 1, 1]), np.arange(3), np.arange(2))
        found[name] = {
            key: measure(key, predictions).value for key in ("pd_relative", "pd_relative_global")
        }
    assert found["rare"]["pd_relative"] > found["common"]["pd_relative"]
    assert found["rare"]["pd_relative_global"] < found["common"]["pd_relative_global"]


def test_nothing_against_nothing_is_no_difference() -> None:
    p = np.zeros((3, 2, 3), dtype=np.float32)
    p[:, :, 0] = 1
    predictions = Predictions("zero", p, np.array([1, 2]), np.arange(2), np.arange(3))
    for key in METRICS:
        found = measure(key, predictions)
        assert found.value == 0
        assert (found.per_example == 0).all()
        assert (found.leave_one_out == 0).all()


@pytest.mark.parametrize("key", METRICS)
def test_two_models_without_one_have_no_difference(key: str) -> None:
    """Not 0: a jackknife over zeros would claim certainty."""
    assert np.isnan(measure(key, make_predictions(2, 5, 3, seed=0)).leave_one_out).all()


def test_nothing_against_something_is_the_largest_relative_difference() -> None:
    p = np.array([[[1.0, 0.0]], [[0.5, 0.5]]])
    predictions = Predictions("one", p, np.array([1]), np.arange(1), np.arange(2))
    assert measure("pd_relative", predictions).value == 2.0


def test_mean_centred_differences_grow_with_the_number_of_models() -> None:
    """Gaussian factors .564 at 2, .714 at 5, .785 at 32 models; pairwise ones do not grow."""
    generator = np.random.default_rng(4)
    noise = generator.standard_normal((32, 4000)) * 1e-3
    two = np.stack([0.5 - noise, 0.5 + noise], axis=2)
    ids = np.arange(4000)
    factor, pairwise = {}, {}
    for n_models in (2, 5, 32):
        predictions = Predictions(
            "noise", two[:n_models], np.ones(4000, dtype=int), ids, np.arange(n_models)
        )
        factor[n_models] = measure("pd_label", predictions).value / 1e-3
        pairwise[n_models] = measure("pd_pairwise_l1", predictions).value
    assert factor[2] == pytest.approx(0.564, abs=0.02)
    assert factor[5] == pytest.approx(0.714, abs=0.02)
    assert factor[32] == pytest.approx(0.785, abs=0.02)
    assert pairwise[2] == pytest.approx(pairwise[32], rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    n_models=st.integers(2, 6),
    n=st.integers(1, 8),
    n_classes=st.integers(2, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_predictions_give_the_formula_and_its_bounds(
    n_models: int, n: int, n_classes: int, seed: int
) -> None:
    predictions = make_predictions(n_models, n, n_classes, seed)
    for key in METRICS:
        found = measure(key, predictions)
        assert found.value == pytest.approx(loops(key, predictions), rel=1e-9, abs=1e-12)
        assert 0 <= found.value <= 2
        shuffled = measure(key, predictions.models(np.arange(n_models)[::-1]))
        assert shuffled.value == pytest.approx(found.value, rel=1e-12, abs=1e-15)


@settings(max_examples=30, deadline=None)
@given(n_models=st.integers(2, 5), copies=st.integers(2, 3), seed=st.integers(0, 2**32 - 1))
def test_repeating_every_example_changes_nothing(n_models: int, copies: int, seed: int) -> None:
    one = make_predictions(n_models, 4, 3, seed)
    many = Predictions(
        "many",
        np.tile(one.probabilities, (1, copies, 1)),
        np.tile(one.labels, copies),
        np.arange(4 * copies),
        one.seeds,
    )
    for key in METRICS:
        assert measure(key, many).value == pytest.approx(measure(key, one).value, rel=1e-12)


def test_accuracy_and_loss() -> None:
    p = np.array([[[0.7, 0.3], [0.4, 0.6]], [[0.5, 0.5], [1.0, 0.0]]])
    predictions = Predictions("two", p, np.array([0, 1]), np.arange(2), np.arange(2))
    assert accuracy(predictions).tolist() == [[1, 1], [1, 0]]
    expected = -np.log([[0.7, 0.6], [0.5, np.finfo(np.float32).tiny]])
    assert log_loss(predictions) == pytest.approx(expected, rel=1e-12)


def test_one_model_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2 models; found 1"):
        measure("pd_l1", make_predictions(1, 3, 3, seed=0))


def test_unknown_metric_is_refused() -> None:
    with pytest.raises(UsageError, match=r"pd_l3.*known: pd_l1"):
        measure("pd_l3", make_predictions(2, 3, 3, seed=0))


def _arrays(n_classes: int = 3) -> dict[str, np.ndarray]:
    one = make_predictions(2, 4, n_classes, seed=1)
    return {
        "probabilities": one.probabilities.copy(),
        "labels": one.labels.copy(),
        "example_ids": one.example_ids.copy(),
        "seeds": one.seeds.copy(),
    }


def test_nan_is_refused_with_its_place() -> None:
    arrays = _arrays()
    arrays["probabilities"][1, 2, 0] = np.nan
    with pytest.raises(UsageError, match=r"predictions\[1, 2, 0\] is not finite"):
        Predictions("x", **arrays)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": np.zeros((2, 4))}, "shape"),
        ({"probabilities": np.zeros((0, 4, 3))}, "shape"),
        ({"probabilities": np.zeros((2, 4, 1))}, "shape"),
        ({"probabilities": np.full((2, 4, 3), 2.0)}, r"\[0, 0, 0\] is not a probability"),
        ({"probabilities": np.full((2, 4, 3), 0.5)}, r"\[0, 0\] .* sum to 1"),
        ({"probabilities": np.ones((2, 4, 3), dtype=int)}, "dtype int64"),
        ({"labels": np.array([0, 1, 2, 3])}, "0 … 2"),
        ({"labels": np.array([0, 1, 2, -1])}, "from -1"),
        ({"labels": np.array([0.0, 1.0, 2.0, 0.0])}, "integers"),
        ({"labels": np.array([0, 1])}, "labels must be 4"),
        ({"example_ids": np.array([0, 1, 1, 2])}, "different"),
        ({"seeds": np.arange(3)}, "seeds must be 2"),
    ],
    ids=str,
)
def test_what_is_no_prediction_is_refused(change: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Predictions("x", **{**_arrays(), **change})


def test_a_class_may_be_missing_from_the_labels() -> None:
    arrays = _arrays()
    arrays["labels"][:] = 0
    assert measure("pd_l1", Predictions("x", **arrays)).value > 0


def make_regression(n_models: int, n: int, n_outputs: int, seed: int) -> Predictions:
    generator = np.random.default_rng(seed)
    return Predictions(
        "r",
        generator.normal(5, 100, (n_models, n, n_outputs)),
        generator.normal(5, 100, (n, n_outputs) if n_outputs > 1 else n),
        np.arange(n),
        np.arange(n_models),
        "regression",
    )


@pytest.mark.parametrize(
    "key", [k for k, metric in METRICS.items() if "regression" in metric.tasks]
)
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_regression_has_the_same_formula(key: str, n_outputs: int) -> None:
    predictions = make_regression(4, 9, n_outputs, seed=1)
    found = measure(key, predictions)
    assert found.value == pytest.approx(loops(key, predictions), rel=1e-12)
    assert found.per_example.mean() == pytest.approx(found.value, rel=1e-12)
    for m in range(4):
        rest = predictions.models(np.arange(4) != m)
        assert rest.task == "regression"
        assert found.leave_one_out[m] == pytest.approx(loops(key, rest), rel=1e-12)


def test_tasks_of_the_metrics() -> None:
    both = {key for key, metric in METRICS.items() if "regression" in metric.tasks}
    assert both == {"pd_l1", "pd_l2", "pd_pairwise_l1"}
    assert all("classification" in metric.tasks for metric in METRICS.values())


@pytest.mark.parametrize("key", [k for k, m in METRICS.items() if "regression" not in m.tasks])
def test_metrics_of_classes_are_refused_for_a_regression(key: str) -> None:
    with pytest.raises(UsageError, match=f"{key} is not defined for a regression.*pd_l1, pd_l2"):
        measure(key, make_regression(3, 4, 1, seed=0))


def test_scores_of_the_other_task_are_refused() -> None:
    for score in (accuracy, log_loss):
        with pytest.raises(UsageError, match="defined for a classification"):
            score(make_regression(2, 4, 1, seed=0))
    with pytest.raises(UsageError, match="defined for a regression"):
        squared_error(make_predictions(2, 4, 3, seed=0))


def test_squared_error_is_the_mean_over_outputs() -> None:
    p = np.array([[[1.0], [4.0]], [[2.0], [0.0]]])
    one = Predictions("r", p, np.array([1.0, 2.0]), np.arange(2), np.arange(2), "regression")
    assert squared_error(one).tolist() == [[0, 4], [1, 4]]
    p = np.array([[[1.0, 3.0], [4.0, 0.0]]])
    labels = np.array([[0.0, 1.0], [4.0, 2.0]])
    two = Predictions("r", p, labels, np.arange(2), np.arange(1), "regression")
    assert squared_error(two).tolist() == [[2.5, 2.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "ranking"}, "no task named 'ranking'; known: classification, regression"),
        ({"probabilities": np.array([[[np.inf], [0.0]]])}, r"\[0, 0, 0\] is not finite"),
        ({"probabilities": np.zeros((1, 2, 0))}, "outputs.*at least 1, 1 and 1"),
        ({"labels": np.array([np.nan, 0])}, "label is not finite"),
        ({"labels": np.zeros((2, 2))}, r"labels must be numbers of shape \(2,\)"),
        ({"labels": np.array(["a", "b"])}, "labels must be numbers"),
    ],
    ids=str,
)
def test_what_is_no_regression_is_refused(change: dict[str, object], message: str) -> None:
    arrays: dict[str, object] = {
        "probabilities": np.zeros((1, 2, 1)),
        "labels": np.array([0.5, -3.0]),
        "example_ids": np.arange(2),
        "seeds": np.arange(1),
        "task": "regression",
    }
    with pytest.raises(UsageError, match=message):
        Predictions("r", **{**arrays, **change})  # type: ignore[arg-type]
