"""Small data, activations and predictions for the tests of the experiment package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.spec import ActivationKey, ExperimentSpec


@dataclass(frozen=True)
class Tanh:
    """An activation that the catalogue's code generator has no part in."""

    scale: float = 1.0

    def value(self, x: Tensor) -> Tensor:
        return torch.tanh(self.scale * x)

    def gradient(self, x: Tensor) -> Tensor:
        return self.scale * (1 - torch.tanh(self.scale * x) ** 2)


class Relu:
    def value(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def gradient(self, x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)


def make_dataset(
    n_train: int = 61, n_test: int = 23, n_features: int = 5, seed: int = 0
) -> Dataset:
    """Three overlapping clouds; sizes that divide by nothing."""
    generator = np.random.default_rng(seed)
    y = np.arange(n_train + n_test, dtype=np.int64) % 3
    x = generator.standard_normal((len(y), n_features)) + y[:, None]
    return Dataset(
        name="clouds",
        x_train=x[:n_train].astype(np.float32),
        y_train=y[:n_train].copy(),
        x_test=x[n_train:].astype(np.float32),
        y_test=y[n_train:].copy(),
        example_ids=np.arange(n_train, n_train + n_test),
        n_classes=3,
        source="drawn for a test",
        preparation="none",
    )


def make_images(shape: tuple[int, ...], seed: int = 0) -> Dataset:
    """The clouds again, as images or signals."""
    plain = make_dataset(n_features=int(np.prod(shape)), seed=seed)
    return replace(plain, name="images", shape=shape)


def make_table(cardinalities: tuple[int, ...], n_numeric: int, seed: int = 0) -> Dataset:
    """Categories that matter, numbers that do not; two classes."""
    generator = np.random.default_rng(seed)

    def part(n: int) -> tuple[Any, Any]:
        columns = [generator.integers(0, size, n) for size in cardinalities]
        numeric = [generator.standard_normal(n) for _ in range(n_numeric)]
        x = np.stack([*columns, *numeric], axis=1).astype(np.float32)
        y = (sum(columns) + generator.integers(0, 2, n) > sum(cardinalities) / 2).astype(np.int64)
        return x, y

    (x_train, y_train), (x_test, y_test) = part(200), part(60)
    return Dataset(
        name="table", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test,
        example_ids=np.arange(60), n_classes=2, source="drawn for a test", preparation="none",
        cardinalities=cardinalities,
    )  # fmt: skip


def make_regression(seed: int = 0) -> Dataset:
    """A sine with noise."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((150, 4)).astype(np.float32)
    y = (np.sin(x[:, 0]) + x[:, 1] + 0.1 * generator.standard_normal(150)).astype(np.float32)
    return Dataset(
        name="waves", x_train=x[:100].copy(), y_train=y[:100].copy(), x_test=x[100:].copy(),
        y_test=y[100:].copy(), example_ids=np.arange(50), n_classes=1, source="drawn for a test",
        preparation="none", task="regression",
    )  # fmt: skip


def make_predictions(
    n_models: int, n: int, n_classes: int, seed: int, name: str = "p"
) -> Predictions:
    """Random probabilities; no ties, no zeros."""
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(n_classes), size=(n_models, n)).astype(np.float32)
    return Predictions(
        name,
        p,
        generator.integers(0, n_classes, n),
        np.arange(n),
        np.arange(n_models),
    )


def make_spec(**changes: Any) -> ExperimentSpec:
    """Two activations, three seeds; nothing in it is loaded."""
    wanted = {
        "activations": (
            ActivationKey("relu", "relu", "a" * 64, 1.4142),
            ActivationKey("tanh", "tanh", "b" * 64, 1.5925),
        ),
        "data": "digits",
        "data_digest": make_dataset().digest,
        "baseline": "relu",
        "seeds": (0, 1, 2),
        **changes,
    }
    return ExperimentSpec(**wanted)
