"""Generated data sets: against their publications, their formulas and stored numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_friedman1
from sklearn.metrics import log_loss, roc_auc_score

from rescu_cli.errors import UsageError
from rescu_cli.experiment.data import ctr, generated, load_dataset, mnist1d, regression, spirals
from rescu_cli.experiment.data.dataset import Dataset

GENERATED = ("mnist1d", "spirals", "regression", "ctr")

# SHA-256 of round(10⁶·x) and of y, both as little-endian int64, training before test part, from
# make_dataset(get_dataset_args()) of the package mnist1d 0.0.2.post1.
PACKAGE = (
    "84d961d5accf2cc30aa504b797bbe1ee38911771bd3dd6f6ada4fa8be524ad68",
    "6feec4a017698c7fe237c8854cbd2e338c6dd5c16240f6fa79daefaaa129e169",
)

# Σ x·cos(i), Σ x², Σ y·cos(i) over everything, training before test part.
STORED = {
    "mnist1d": (445.71846454324077, 200000.0000233514, 430.7982937322936),
    "spirals": (46.56596402084192, 4000.741647464024, -5.36116386236435),
    "regression": (11.809882528052, 39968.73781873696, 118.25421229013203),
    "ctr": (72009.31854313145, 10968939144.0, 95.27899135070467),
}


def fingerprint(data: Dataset) -> tuple[float, ...]:
    x = np.concatenate([data.x_train, data.x_test]).astype(np.float64)
    y = np.concatenate([data.y_train, data.y_test]).astype(np.float64)
    x_wave = np.cos(np.arange(x.size)).reshape(x.shape)
    y_wave = np.cos(np.arange(len(y)))
    return float((x * x_wave).sum()), float((x**2).sum()), float((y * y_wave).sum())


def package_hashes(n: int, seed: int) -> tuple[str, str]:
    x, y = mnist1d.generate(n, seed)
    return (
        hashlib.sha256(np.round(x * 1e6).astype("<i8").tobytes()).hexdigest(),
        hashlib.sha256(y.astype("<i8").tobytes()).hexdigest(),
    )


@pytest.mark.parametrize("name", GENERATED)
def test_the_numbers_are_those_stored(name: str) -> None:
    assert fingerprint(load_dataset(name)) == pytest.approx(STORED[name], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "module", "constant", "value"),
    [
        ("mnist1d", mnist1d, "SHEAR_RANGE", 0.7501),
        ("mnist1d", mnist1d, "CORRELATION_LENGTH", 2.01),
        ("mnist1d", mnist1d, "WHITE_NOISE", 0.0201),
        ("mnist1d", mnist1d, "TRANSLATIONS", 47),
        ("ctr", ctr, "PAIR_DEVIATION", 1.1),
        ("ctr", ctr, "ZIPF_EXPONENT", 1.01),
        ("regression", regression, "N_FEATURES", 9),
    ],
)
def test_a_wrong_constant_is_seen(
    name: str, module: Any, constant: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, constant, value)
    assert fingerprint(load_dataset(name)) != pytest.approx(STORED[name], rel=1e-5)


@pytest.mark.parametrize(
    "text", ["mnist1d:n=500", "spirals:n=300", "regression:n=300", "ctr:n=3000"]
)
def test_a_seed_fixes_the_bytes_and_the_global_generator_does_not_matter(text: str) -> None:
    np.random.seed(1)
    one = load_dataset(f"{text},seed=3")
    np.random.seed(2)
    assert load_dataset(f"{text},seed=3").digest == one.digest
    assert load_dataset(f"{text},seed=4").digest != one.digest
    assert one.name == f"{text},seed=3"


def test_generation_leaves_the_global_generator_alone() -> None:
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    load_dataset("mnist1d:n=100")
    assert np.random.random() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mnist1d:n=501", "multiple of 10, such as 500"),
        ("mnist1d:n=50", "n=50 asked; it must be a whole number 100"),
        ("mnist1d:seed=-1", "seed=-1"),
        ("mnist1d:seed=1.5", "seed=1.5"),
        ("spirals:arms=1", "arms=1"),
        ("spirals:noise=-0.1", "noise=-0.1"),
        ("spirals:noise=nan", "noise=nan"),
        ("spirals:turns=inf", "turns=inf"),
        ("regression:n=3", "n=3"),
        ("regression:noise=101", "noise=101"),
        ("ctr:base_rate=0.3", "base_rate=0.3 asked; it must be a number 0.02 … 0.2"),
        ("ctr:base_rate=0.01", "base_rate=0.01"),
        ("ctr:cardinality=1", "cardinality=1"),
        ("ctr:fields=0", "fields=0"),
        ("ctr:n=" + "9" * 400, "whole number"),
        ("ctr:rows=7", "no parameter 'rows'; it has: n, fields"),
    ],
)
def test_parameters_out_of_range_are_refused_with_the_range(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(text)


def test_whole_numbers_may_be_written_as_floats() -> None:
    assert load_dataset("spirals:n=3e2").name == "spirals:n=300"


def test_normal_quantiles_are_finite_at_zero() -> None:
    numbers = generated.normal_quantiles(np.array([0.0, 0.5, 1 - 2.0**-53]))
    assert np.isfinite(numbers).all()
    assert numbers[1] == 0


# MNIST-1D


def test_mnist1d_is_the_data_of_the_package_as_stored() -> None:
    assert package_hashes(5000, 42) == PACKAGE
    assert package_hashes(5000, 43) != PACKAGE


@pytest.mark.parametrize(("n", "seed"), [(5000, 42), (500, 7)])
def test_mnist1d_is_the_data_of_the_installed_package(n: int, seed: int) -> None:
    package = pytest.importorskip("mnist1d.data", reason="the package mnist1d is not installed")
    args = package.get_dataset_args()
    args.num_samples, args.seed = n, seed
    theirs = package.make_dataset(args)
    x, y = mnist1d.generate(n, seed)
    assert np.concatenate([theirs["x"], theirs["x_test"]]) == pytest.approx(x, rel=0, abs=1e-12)
    assert (np.concatenate([theirs["y"], theirs["y_test"]]) == y).all()


def test_mnist1d_has_the_published_sizes() -> None:
    data = load_dataset("mnist1d")
    assert data.x_train.shape == (4000, 40)
    assert data.x_test.shape == (1000, 40)
    assert data.shape == (1, 40)
    assert (np.bincount(np.concatenate([data.y_train, data.y_test])) == 500).all()


def test_an_undisturbed_signal_is_its_template(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALE_RANGE", "CORRELATED_NOISE", "WHITE_NOISE", "SHEAR_RANGE"):
        monkeypatch.setattr(mnist1d, name, 0.0)
    draws = mnist1d.draw(10, 0)
    object.__setattr__(draws, "translation", np.zeros(10, dtype=np.int64))
    x = mnist1d.deform(mnist1d.shapes(), draws)
    for row, template, padding in zip(x, mnist1d.shapes(), draws.padding, strict=True):
        place = np.linspace(0, 11 + padding, 40)
        right = np.interp(place, np.arange(12 + padding), np.append(template, np.zeros(padding)))
        # Interpolated twice, at most a fraction of a step apart.
        assert np.abs(row - right).max() < 0.35 * np.abs(np.diff(template)).max()


# Spirals


@settings(max_examples=20, deadline=None)
@given(arms=st.integers(2, 6), turns=st.floats(0.2, 4), seed=st.integers(0, 99))
def test_without_noise_points_lie_on_their_spiral(arms: int, turns: float, seed: int) -> None:
    x, arm = spirals.generate(200, arms, 0.0, turns, seed)
    radius = np.hypot(*x.T)
    angle = 2 * np.pi * (radius / arms + arm / arms)
    assert x == pytest.approx(np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1),
                              abs=1e-9)  # fmt: skip
    assert radius.max() <= arms * turns


def test_the_noise_of_spirals_has_its_deviation() -> None:
    clean, _ = spirals.generate(20_000, 2, 0.0, 1.5, 1)
    noisy, _ = spirals.generate(20_000, 2, 0.3, 1.5, 1)
    assert (noisy - clean).std() == pytest.approx(0.3, rel=0.02)


def test_a_larger_n_begins_with_the_same_points() -> None:
    assert (
        spirals.generate(50, 3, 0.2, 1, 0)[0] == spirals.generate(90, 3, 0.2, 1, 0)[0][:50]
    ).all()
    assert (regression.generate(50, 1, 0)[1] == regression.generate(90, 1, 0)[1][:50]).all()


# Regression


def test_friedmans_function_is_that_of_scikit_learn() -> None:
    x, y = make_friedman1(200, n_features=10, noise=0, random_state=0)
    assert regression.friedman(x) == pytest.approx(y, rel=1e-12)


def test_the_target_is_standardised_on_the_training_part() -> None:
    data = load_dataset("regression")
    assert data.task == "regression"
    assert data.y_train.dtype == np.float32
    assert data.y_train.mean() == pytest.approx(0, abs=1e-6)
    assert data.y_train.std() == pytest.approx(1, rel=1e-5)
    assert data.y_test.mean() != 0
    assert len(data.y_test) == 800


def test_the_noise_floor_that_is_said_is_that_of_the_noise() -> None:
    x, y = regression.generate(4000, 1.0, 0)
    data = load_dataset("regression")
    residual = (y - regression.friedman(x))[data.example_ids]
    said = float(data.preparation.rsplit(" ", 1)[1])
    _, train_y = np.delete(x, data.example_ids, 0), np.delete(y, data.example_ids)
    assert (residual**2).mean() / train_y.var() == pytest.approx(said, rel=0.15)


# Click-through


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.2])
def test_clicks_have_the_base_rate(rate: float) -> None:
    data = load_dataset(f"ctr:n=50000,base_rate={rate},seed=2")
    clicks = np.concatenate([data.y_train, data.y_test]).mean()
    assert clicks == pytest.approx(rate, abs=6 * (rate / 50_000) ** 0.5)


def test_rows_depend_neither_on_n_nor_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    one = load_dataset("ctr:n=2000")
    longer = load_dataset("ctr:n=5000")
    monkeypatch.setattr(ctr, "CHUNK", 700)
    pieces = load_dataset("ctr:n=2000")
    assert (longer.x_train[:1600] == one.x_train).all()
    assert (longer.x_train[1600:2000] == one.x_test).all()
    assert (longer.y_train[:1600] == one.y_train).all()
    assert pieces.digest == one.digest


def test_rows_come_in_bounded_chunks() -> None:
    teacher = ctr.make_teacher(3, 0.1, 0.5, 50, 0)
    sizes = [len(y) for _, y in ctr.rows(teacher, 2 * ctr.CHUNK + 5, 0)]
    assert sizes == [ctr.CHUNK, ctr.CHUNK, 5]


def test_the_test_part_is_the_last_fifth() -> None:
    data = load_dataset("ctr:n=1000,cardinality=30")
    assert (data.example_ids == np.arange(800, 1000)).all()


def test_logits_are_the_factorisation_machine_written_out() -> None:
    teacher = ctr.make_teacher(4, 0.1, 0.0, 20, 1)
    x = teacher.categories(np.random.default_rng(0).random((50, 4)))
    for row, logit in zip(x, teacher.logits(x), strict=True):
        right = teacher.intercept
        for f in range(4):
            right += teacher.weights[f][row[f]]
            for g in range(f):
                right += teacher.vectors[f][row[f]] @ teacher.vectors[g][row[g]]
        assert logit == pytest.approx(right, rel=1e-9, abs=1e-9)


def test_categories_follow_zipfs_law() -> None:
    teacher = ctr.make_teacher(2, 0.1, 0.0, 100, 0)
    counts = np.bincount(teacher.categories(np.random.default_rng(0).random((200_000, 2)))[:, 0])
    assert len(counts) == 100
    assert counts[0] / counts[9] == pytest.approx(10, rel=0.1)


def test_the_average_over_the_noise_is_that_of_many_draws() -> None:
    teacher = ctr.make_teacher(3, 0.1, 2.0, 20, 0)
    x = teacher.categories(np.random.default_rng(1).random((5, 3)))
    noise = np.random.default_rng(2).standard_normal(400_000)
    drawn = [ctr.sigmoid(logit + 2.0 * noise).mean() for logit in teacher.logits(x)]
    assert teacher.probabilities(x) == pytest.approx(drawn, abs=2e-3)


def test_the_ceiling_is_what_scikit_learn_measures_and_no_other_teacher_reaches_it() -> None:
    teacher = ctr.make_teacher(10, 0.1, 0.5, 1000, 0)
    data = load_dataset("ctr")
    loss, auc = ctr.ceiling(teacher, data.x_test, data.y_test)
    p = teacher.probabilities(data.x_test.astype(np.int64))
    assert loss == pytest.approx(log_loss(data.y_test, p), rel=1e-9)
    assert auc == pytest.approx(roc_auc_score(data.y_test, p), rel=1e-9)
    assert f"log loss {loss:.4f} and the AUC {auc:.4f}" in data.preparation
    other = ctr.ceiling(ctr.make_teacher(10, 0.1, 0.5, 1000, 1), data.x_test, data.y_test)
    assert other[0] > loss + 0.05
    assert other[1] < auc - 0.1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_the_area_under_the_curve_counts_pairs(pairs: list[tuple[int, bool]]) -> None:
    score = np.array([float(value) for value, _ in pairs])
    y = np.array([int(click) for _, click in pairs])
    a, b = score[y == 1][:, None], score[y == 0][None]
    if a.size and b.size:
        assert ctr.area_under_curve(score, y) == pytest.approx(((a > b) + (a == b) / 2).mean())
    else:
        assert np.isnan(ctr.area_under_curve(score, y))
