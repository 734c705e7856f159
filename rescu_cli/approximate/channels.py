"""One polynomial per channel, from the mean and standard deviation of its pre-activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rescu_cli.approximate.bound import SupError, sup_error
from rescu_cli.approximate.dapa import fit_normal, normal_mse
from rescu_cli.approximate.polynomial import MAX_DEGREE, settled
from rescu_cli.approximate.request import Request
from rescu_cli.approximate.target import Target
from rescu_cli.core.activation import Activation
from rescu_cli.core.files import read_arrays
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UsageError

Array = npt.NDArray[np.float64]
_MOST_CHANNELS = 65_536


@dataclass(frozen=True)
class ChannelFit:
    """Polynomials of one degree, one per channel.

    Args:
        activation: f.
        degree: d.
        means: Shape (channels,), float64.
        stds: Shape (channels,), float64.
        coefficients: Shape (channels, d + 1), float64, ascending powers of x.
        mse: Shape (channels,): E (f − P)² under each channel's normal distribution.
        errors: sup |f − P| over mean ± 3·std of each channel.
    """

    activation: Activation
    degree: int
    means: Array
    stds: Array
    coefficients: Array
    mse: Array
    errors: tuple[SupError, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "activation": self.activation.spec,
            "method": "dapa",
            "degree": self.degree,
            "channels": len(self.means),
            "mean": self.means.tolist(),
            "std": self.stds.tolist(),
            "coefficients": self.coefficients.tolist(),
            "mse": self.mse.tolist(),
            "sup_error": [
                {"value": e.value, "proved": e.proved,
                 "range": [float(m - 3 * s), float(m + 3 * s)]}
                for e, m, s in zip(self.errors, self.means, self.stds, strict=True)
            ],
        }  # fmt: skip


def fit_channels(
    activation: Activation,
    means: Sequence[float] | Array,
    stds: Sequence[float] | Array,
    degree: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> ChannelFit:
    """The best polynomial in mean square for every channel.

    Args:
        activation: Every parameter bound.
        means: Shape (channels,).
        stds: Shape (channels,), positive.
        degree: Of the polynomials.
        progress: Called with (channels done, channels in all).

    Raises:
        UsageError: If shapes differ, a number is not finite, a deviation is not positive, or
            float64 coefficients do not suffice.
    """
    u, v = _checked(means, stds)
    if not 0 <= degree <= MAX_DEGREE:
        raise UsageError(f"The degree must be 0 to {MAX_DEGREE}; found {degree}.")
    target = Target(activation)
    rows, squares, errors = [], [], []
    for i, (mean, std) in enumerate(zip(u.tolist(), v.tolist(), strict=True)):
        request = Request("dapa", degree, None, Fraction(mean), Fraction(std))
        low, high = request.ends
        fit = fit_normal(target, degree, request.mean, request.std)
        size = float(std) + abs(float(mean))
        polynomial, reason = settled(fit.coefficients, max(abs(low), abs(high)), size * 1e-6,
                                     (fit.error + 1e-28) * size)  # fmt: skip
        if reason is not None:
            raise UsageError(f"Channel {i}: {reason} Choose a lower degree.")
        rows.append(polynomial.floats)
        squares.append(normal_mse(target, polynomial, request.mean, request.std))
        errors.append(sup_error(target, polynomial, exact(low), exact(high)))
        if progress is not None:
            progress(i + 1, len(u))
    return ChannelFit(activation, degree, u, v, np.array(rows), np.array(squares), tuple(errors))


def _checked(means: Sequence[float] | Array, stds: Sequence[float] | Array) -> tuple[Array, Array]:
    try:
        u, v = (np.asarray(a, dtype=np.float64) for a in (means, stds))
    except (TypeError, ValueError):
        raise UsageError("Means and standard deviations must be arrays of numbers.") from None
    if u.ndim != 1 or u.shape != v.shape or not 1 <= len(u) <= _MOST_CHANNELS:
        raise UsageError(
            f"mean and std must both have shape (channels,), with 1 to {_MOST_CHANNELS} channels; "
            f"found {u.shape} and {v.shape}."
        )
    for name, a in (("mean", u), ("std", v)):
        bad = np.flatnonzero(~np.isfinite(a))
        if bad.size:
            raise UsageError(f"{name} of channel {bad[0]} is {a[bad[0]]}; it must be finite.")
    bad = np.flatnonzero(v <= 0)
    if bad.size:
        raise UsageError(
            f"std of channel {bad[0]} is {v[bad[0]]:g}; it must be positive. A channel that does "
            "not vary needs no polynomial: drop it."
        )
    return u, v


def read_statistics(path: Path) -> tuple[Array, Array]:
    """The arrays ``mean`` and ``std`` of an ``.npz`` file.

    Raises:
        StoreError: If there is no such file.
        UsageError: If it holds something else.
    """
    found = read_arrays(path, "mean and std; write it with numpy.savez(path, mean=…, std=…)")
    missing = [name for name in ("mean", "std") if name not in found]
    if missing:
        raise UsageError(
            f"{path} lacks {' and '.join(missing)}; it holds {', '.join(found) or 'nothing'}. "
            "Write it with numpy.savez(path, mean=…, std=…)."
        )
    return found["mean"], found["std"]
