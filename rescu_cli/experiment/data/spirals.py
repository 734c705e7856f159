"""Interleaved spirals: a problem with two features whose classes no line separates."""

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

USUAL = {"n": 2000, "arms": 2, "noise": 0.2, "turns": 1.5, "seed": 0}


def load(
    n: int = 2000, arms: int = 2, noise: float = 0.2, turns: float = 1.5, seed: int = 0
) -> Dataset:
    """Points on ``arms`` spirals; the class is the arm.

    Args:
        n: Number of points.
        arms: Number of spirals and classes, 2 … 20.
        noise: Standard deviation added to both coordinates, in distances between neighbouring
            arms; 0 … 10. From about 0.5 on the arms run into each other.
        turns: Of each arm around the centre, 0.1 … 20.
        seed: Of the generator.

    Raises:
        UsageError: For parameters out of range.
    """
    arms = require_whole("spirals", "arms", arms, 2, 20)
    n = require_whole("spirals", "n", n, 10 * arms, 10_000_000)
    noise = require_number("spirals", "noise", noise, 0, 10)
    turns = require_number("spirals", "turns", turns, 0.1, 20)
    seed = require_seed("spirals", seed)
    x, y = generate(n, arms, noise, turns, seed)
    train, test = stratified_split(y)
    x_train, x_test = standardise(x[train], x[test], per_feature=False)
    given = {"n": n, "arms": arms, "noise": noise, "turns": turns, "seed": seed}
    return Dataset(
        name=full_name("spirals", given, USUAL),
        x_train=x_train,
        y_train=y[train],
        x_test=x_test,
        y_test=y[test],
        example_ids=test,
        n_classes=arms,
        source=(
            "generated; after the two-spirals problem of K. Lang, M. Witbrock, Learning to tell "
            "two spirals apart, Connectionist Models Summer School, 1988"
        ),
        preparation=(
            "stratified 80/20 split with a fixed seed; one mean and one deviation for both "
            "coordinates, from the training part"
        ),
    )


def generate(
    n: int, arms: int, noise: float, turns: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points and arms: point i lies on arm a = i mod arms.

    x = r·(cos φ, sin φ) + noise·ε with r = arms·turns·s, φ = 2π·(turns·s + a/arms), s = √u and u
    uniform in [0, 1): arms are about 1 apart along a ray, and far points are as dense as near ones.
    Row by row from one stream, so that a larger n begins with the same points.

    Returns:
        Points, float64, shape (n, 2), in distances between arms; arms, int64, shape (n,).
    """
    arm = np.arange(n, dtype=np.int64) % arms
    uniform = np.random.default_rng(seed).random((n, 3))
    along = turns * np.sqrt(uniform[:, :1])
    angle = 2 * np.pi * (along + arm[:, None] / arms)
    direction = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return arms * along * direction + noise * normal_quantiles(uniform[:, 1:]), arm
