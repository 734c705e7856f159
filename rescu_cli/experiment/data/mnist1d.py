"""MNIST-1D: ten signal shapes, deformed and noisy, 40 points long; generated, never downloaded.

S. Greydanus, "Scaling down deep learning", arXiv 2011.14439, 2020, and its package ``mnist1d``,
whose ``make_dataset`` this file follows draw by draw: the same seed gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.generated import full_name, require_seed, require_whole

Floats = NDArray[np.float64]

# Heights of the ten shapes at 12 points, one row for each digit (Greydanus 2020; the
# numbers are those of the package).
TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
USUAL = {"n": 5000, "seed": 42}
TRAIN_SHARE = 0.8
SHORTEST_PADDING, LONGEST_PADDING = 36, 60
CANVAS = 12 + LONGEST_PADDING
SCALE_RANGE = 0.4
TRANSLATIONS = 48
CORRELATED_NOISE, CORRELATION_LENGTH = 0.25, 2.0
WHITE_NOISE = 0.02
SHEAR_RANGE = 0.75
LENGTH = 40
OFFSET = 1e-8  # keeps the points of a shape apart from the padding, which is exactly 0


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of n examples, in the order in which the package draws them.

    Args:
        padding: Zeros appended, int64, shape (n,), SHORTEST_PADDING … LONGEST_PADDING.
        scale: Of the amplitude, uniform in [0, 1), shape (n,).
        translation: Points moved to the right, in a circle, int64, shape (n,).
        correlated: Standard normal, to be smoothed, shape (n, CANVAS).
        white: Standard normal, shape (n, CANVAS).
        shear: Of the slope, uniform in [0, 1), shape (n,).
        order: A permutation of the examples, int64, shape (n,).
    """

    padding: NDArray[np.int64]
    scale: Floats
    translation: NDArray[np.int64]
    correlated: Floats
    white: Floats
    shear: Floats
    order: NDArray[np.int64]


def load(n: int = 5000, seed: int = 42) -> Dataset:
    """The ten-class problem: 40 points of a signal; the first 80 % of the examples train.

    Args:
        n: Number of examples; a multiple of 10, since all classes have the same number.
        seed: Of the generator; 42 is the package's own.

    Raises:
        UsageError: For parameters out of range.
    """
    n = require_whole("mnist1d", "n", n, 100, 1_000_000)
    if n % len(TEMPLATES):
        raise UsageError(
            f"Data set 'mnist1d': n={n} asked; all ten classes have the same number of examples, "
            f"so n must be a multiple of 10, such as {n - n % 10}."
        )
    seed = require_seed("mnist1d", seed)
    x, y = generate(n, seed)
    n_train = int(n * TRAIN_SHARE)
    features = x.astype(np.float32)
    return Dataset(
        name=full_name("mnist1d", {"n": n, "seed": seed}, USUAL),
        x_train=features[:n_train].copy(),
        y_train=y[:n_train].copy(),
        x_test=features[n_train:].copy(),
        y_test=y[n_train:].copy(),
        example_ids=np.arange(n_train, n, dtype=np.int64),
        n_classes=10,
        shape=(1, LENGTH),
        source=(
            "generated; S. Greydanus, Scaling down deep learning, arXiv 2011.14439, 2020, the "
            "numbers of the package mnist1d"
        ),
        preparation=(
            "the last 20 % of the shuffled examples are the test part, as in the package; one mean "
            "and one deviation for all points of all examples, test part included, as in the "
            "package"
        ),
    )


def generate(n: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Signals and classes in their final order.

    Args:
        n: A multiple of 10.
        seed: 0 … 2³² − 1.

    Returns:
        Signals, float64, shape (n, 40), with mean 0 and deviation 1 over all numbers; classes,
        int64, shape (n,).
    """
    labels = np.repeat(np.arange(len(TEMPLATES), dtype=np.int64), n // len(TEMPLATES))
    draws = draw(n, seed)
    x = deform(shapes()[labels], draws)[draws.order]
    return (x - x.mean()) / x.std(), labels[draws.order]


def shapes() -> Floats:
    """The templates with mean 0 and deviation 1, moved to begin at 0, divided by 6: (10, 12)."""
    x = np.array(TEMPLATES, dtype=np.float64)
    x -= x.mean(1, keepdims=True)
    x /= x.std(1, keepdims=True)
    x -= x[:, :1]
    return x / 6.0


def draw(n: int, seed: int) -> Draws:
    """All random numbers; one example after the other, from NumPy's frozen MT19937 stream."""
    stream = np.random.RandomState(seed)
    padding, translation = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    scale, shear = np.empty(n), np.empty(n)
    correlated, white = np.empty((n, CANVAS)), np.empty((n, CANVAS))
    choices = LONGEST_PADDING - SHORTEST_PADDING + 1
    for i in range(n):
        padding[i] = SHORTEST_PADDING + int(stream.random_sample() * choices)
        scale[i] = stream.random_sample()
        translation[i] = stream.randint(0, TRANSLATIONS)
        correlated[i] = stream.standard_normal(CANVAS)
        white[i] = stream.standard_normal(CANVAS)
        shear[i] = stream.random_sample()
    order = stream.permutation(n).astype(np.int64)
    return Draws(padding, scale, translation, correlated, white, shear, order)


def deform(x: Floats, draws: Draws) -> Floats:
    """Pads, stretches, scales, moves, adds both noises, shears and subsamples.

    Args:
        x: Shapes, (n, 12).
        draws: Of the same n.

    Returns:
        Float64, shape (n, 40).
    """
    from scipy.ndimage import gaussian_filter1d

    canvas = np.stack([_stretched(row, int(p)) for row, p in zip(x, draws.padding, strict=True)])
    canvas *= 1 + SCALE_RANGE * (draws.scale[:, None] - 0.5)
    points = np.arange(CANVAS)
    canvas = np.take_along_axis(canvas, (points - draws.translation[:, None]) % CANVAS, axis=1)
    smooth = gaussian_filter1d(CORRELATED_NOISE * draws.correlated, CORRELATION_LENGTH, axis=1)
    canvas = np.where(canvas != 0, canvas, smooth) + WHITE_NOISE * draws.white
    slope = SHEAR_RANGE * (draws.shear[:, None] - 0.5)
    canvas = canvas - slope * np.linspace(-0.5, 0.5, CANVAS)
    return np.stack([_resampled(row, LENGTH) for row in canvas])


def _stretched(shape: Floats, padding: int) -> Floats:
    return _resampled(np.concatenate([shape + OFFSET, np.zeros(padding)]), CANVAS)


def _resampled(signal: Floats, length: int) -> Floats:
    """Linear interpolation at ``length`` equidistant points."""
    return np.interp(np.linspace(0, 1, length), np.linspace(0, 1, len(signal)), signal)
