"""Data sets: the split, the scaling, the digest, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn import datasets as sklearn_datasets

from rescu_cli.errors import MissingDependencyError, UnknownNameError, UsageError
from rescu_cli.experiment.data import DATASETS, load_dataset, shipped
from rescu_cli.experiment.data.split import standardise, stratified_split

from .samples import make_dataset


@pytest.mark.parametrize("name", DATASETS)
def test_every_row_of_the_table_loads(name: str) -> None:
    one, again = load_dataset(name), load_dataset(name)
    assert one.name == name
    assert one.digest == again.digest
    assert one.source
    assert one.preparation
    assert not one.x_train.flags.writeable


@pytest.mark.parametrize(
    ("name", "file_name", "skip"),
    [("digits", "digits.csv.gz", 0), ("breast_cancer", "breast_cancer.csv", 1)],
)
def test_shipped_tables_are_what_scikit_learn_loads(name: str, file_name: str, skip: int) -> None:
    x, y = shipped.load_shipped(name, file_name, skip)
    right_x, right_y = getattr(sklearn_datasets, f"load_{name}")(return_X_y=True)
    assert (x == right_x).all()
    assert (y == right_y).all()


def test_an_unknown_layout_falls_back_to_scikit_learns_loader() -> None:
    x, y = shipped.load_shipped("digits", "moved-elsewhere.csv.gz", 0)
    assert x.shape == (1797, 64)
    assert y.dtype == np.int64


def test_missing_scikit_learn_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pip install scikit-learn"):
        load_dataset("digits")


def test_unknown_data_set_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'digits'"):
        load_dataset("digit")


@pytest.mark.parametrize("name", DATASETS)
def test_test_rows_are_a_fifth_of_the_source(name: str) -> None:
    data = load_dataset(name)
    n = len(data.y_train) + len(data.y_test)
    assert len(data.y_test) == pytest.approx(n * 0.2, abs=data.n_classes / 2)
    assert len(set(data.example_ids.tolist())) == len(data.y_test)
    assert data.example_ids.max() < n


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("digits", (1797, 359, 64)),
        ("breast_cancer", (569, 113, 30)),
        ("mnist1d", (5000, 1000, 40)),
        ("spirals", (2000, 400, 2)),
        ("regression", (4000, 800, 10)),
        ("ctr", (100_000, 20_000, 10)),
    ],
)
def test_sizes_are_those_of_the_documentation(name: str, sizes: tuple[int, int, int]) -> None:
    data = load_dataset(name)
    n_test = len(data.y_test)
    assert (len(data.y_train) + n_test, n_test, data.n_features) == sizes


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "spirals"])
def test_classes_are_split_in_the_same_share(name: str) -> None:
    data = load_dataset(name)
    for label in range(data.n_classes):
        total = (data.y_train == label).sum() + (data.y_test == label).sum()
        assert (data.y_test == label).sum() == round(total * 0.2)


def test_example_ids_are_rows_of_the_source() -> None:
    data = load_dataset("digits")
    y = sklearn_datasets.load_digits().target
    assert (y[data.example_ids] == data.y_test).all()


def test_split_partitions_and_depends_on_its_seed_only() -> None:
    labels = np.random.default_rng(0).integers(0, 4, 101)
    np.random.seed(1)  # the global generator must have no influence
    train, test = stratified_split(labels)
    np.random.seed(2)
    again = stratified_split(labels)
    assert sorted([*train, *test]) == list(range(101))
    assert (again[0] == train).all()
    assert (again[1] == test).all()
    assert not np.array_equal(stratified_split(labels, seed=1)[1], test)


def test_split_of_nothing_is_nothing() -> None:
    train, test = stratified_split(np.empty(0, dtype=np.int64))
    assert len(train) == len(test) == 0


def test_scaling_is_fitted_on_the_training_part_only() -> None:
    generator = np.random.default_rng(0)
    train, test = generator.normal(3, 2, (50, 4)), generator.normal(90, 1, (20, 4))
    each, _ = standardise(train, test, per_feature=True)
    assert each.mean(0) == pytest.approx(np.zeros(4), abs=1e-6)
    assert each.std(0) == pytest.approx(np.ones(4), rel=1e-5)
    other, _ = standardise(train, test * 5, per_feature=True)
    assert (each == other).all()
    together, _ = standardise(train, test, per_feature=False)
    assert together.mean() == pytest.approx(0, abs=1e-6)
    assert together.std() == pytest.approx(1, rel=1e-5)
    assert together.mean(0) != pytest.approx(np.zeros(4), abs=1e-3)


def test_a_constant_feature_becomes_zero() -> None:
    train, test = np.ones((5, 2)), np.ones((2, 2))
    scaled, _ = standardise(train, test, per_feature=True)
    assert (scaled == 0).all()


def test_digest_changes_with_every_array() -> None:
    data = make_dataset()
    x = data.x_test.copy()
    x[0, 0] = np.nextafter(x[0, 0], np.float32(9))
    y = data.y_train.copy()
    y[:2] = y[:2][::-1]
    changed = [
        replace(data, x_test=x),
        replace(data, y_train=y),
        replace(data, example_ids=data.example_ids + 1),
    ]
    digests = {one.digest for one in (data, *changed)}
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.zeros((0, 5), dtype=np.float32)}, "neither empty"),
        ({"x_train": np.zeros((61, 5))}, "float32"),
        ({"x_test": np.zeros((23, 4), dtype=np.float32)}, "5 features in x_train, 4"),
        ({"y_train": np.zeros(61, dtype=np.int64)}, r"without an example: \[1, 2\]"),
        ({"y_test": np.full(23, 3)}, "0 … 2"),
        ({"n_classes": 1}, "labels|classes"),
        ({"example_ids": np.zeros(23, dtype=np.int64)}, "23 different integers"),
    ],
    ids=str,
)
def test_data_that_does_not_fit_together_is_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        replace(make_dataset(), **change)


def test_nan_in_the_data_is_refused_with_its_place() -> None:
    x = make_dataset().x_train.copy()
    x[3, 2] = np.nan
    with pytest.raises(UsageError, match=r"x_train\[3, 2\] is nan"):
        replace(make_dataset(), x_train=x)


def test_a_class_may_be_missing_in_the_test_part() -> None:
    data = make_dataset()
    assert replace(data, y_test=np.zeros(23, dtype=np.int64)).digest != data.digest
