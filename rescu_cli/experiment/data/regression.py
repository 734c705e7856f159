"""A smooth regression problem with known noise: Friedman's first function, in ten dimensions."""

from __future__ import annotations

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
from rescu_cli.experiment.data.split import standardise, stratified_split

Floats = NDArray[np.float64]
USUAL = {"n": 4000, "noise": 1.0, "seed": 0}
N_FEATURES = 10


def load(n: int = 4000, noise: float = 1.0, seed: int = 0) -> Dataset:
    """Ten features, of which five matter, and one target.

    Args:
        n: Number of examples.
        noise: Standard deviation of the normal noise, in units of the target (whose own
            deviation is about 4.9 without noise); 0 … 100.
        seed: Of the generator.

    Raises:
        UsageError: For parameters out of range.
    """
    n = require_whole("regression", "n", n, 20, 10_000_000)
    noise = require_number("regression", "noise", noise, 0, 100)
    seed = require_seed("regression", seed)
    x, y = generate(n, noise, seed)
    train, test = stratified_split(np.zeros(n, dtype=np.int64))
    x_train, x_test = standardise(x[train], x[test], per_feature=True)
    mean, deviation = float(y[train].mean()), float(y[train].std())
    return Dataset(
        name=full_name("regression", {"n": n, "noise": noise, "seed": seed}, USUAL),
        x_train=x_train,
        y_train=((y[train] - mean) / deviation).astype(np.float32),
        x_test=x_test,
        y_test=((y[test] - mean) / deviation).astype(np.float32),
        example_ids=test,
        n_classes=1,
        task="regression",
        source=(
            "generated; function 1 of J. Friedman, Multivariate adaptive regression splines, "
            "Annals of Statistics 19, 1991"
        ),
        preparation=(
            "random 80/20 split with a fixed seed; each feature standardised with its mean and "
            f"deviation in the training part, the target with {mean:.6g} and {deviation:.6g}, its "
            "mean and deviation there; the noise alone gives a squared error of "
            f"{(noise / deviation) ** 2:.4g}"
        ),
    )


def generate(n: int, noise: float, seed: int) -> tuple[Floats, Floats]:
    """x uniform in [0, 1)¹⁰ and y = friedman(x) + noise·ε, row by row from one stream.

    Returns:
        Features, float64, shape (n, 10), and targets, float64, shape (n,). A larger n begins with
        the same rows.
    """
    uniform = np.random.default_rng(seed).random((n, N_FEATURES + 1))
    x = uniform[:, :N_FEATURES]
    return x, friedman(x) + noise * normal_quantiles(uniform[:, N_FEATURES])


def friedman(x: Floats) -> Floats:
    """10·sin(π·x₁·x₂) + 20·(x₃ − ½)² + 10·x₄ + 5·x₅ on [0, 1]ⁿ, n ≥ 5 (Friedman 1991).

    Args:
        x: Shape (examples, features).
    """
    return np.asarray(
        10 * np.sin(np.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
    )
