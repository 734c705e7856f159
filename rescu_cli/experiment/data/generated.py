"""What the generated data sets share: their names and the ranges of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError

Number = int | float
LARGEST_SEED = 2**32 - 1


def full_name(name: str, given: Mapping[str, Number], usual: Mapping[str, Number]) -> str:
    """``NAME``, followed by the parameters that differ from the usual ones.

    Args:
        name: As in the table of data sets.
        given: The parameters asked for.
        usual: Their defaults.

    >>> full_name("ctr", {"n": 500, "seed": 0}, {"n": 100000, "seed": 0})
    'ctr:n=500'
    """
    other = ",".join(f"{key}={given[key]}" for key in usual if given[key] != usual[key])
    return f"{name}:{other}" if other else name


def require_whole(data: str, key: str, value: Number, least: int, most: int) -> int:
    """The parameter as an integer.

    Args:
        data: Name of the data set.
        key: Name of the parameter.
        value: What was asked for.
        least: The smallest value possible.
        most: The largest value possible.

    Raises:
        UsageError: If it is not a whole number in least … most.
    """
    if not least <= value <= most or value != int(value):
        raise UsageError(
            f"Data set {data!r}: {key}={value} asked; it must be a whole number {least} … {most}."
        )
    return int(value)


def require_number(data: str, key: str, value: Number, least: float, most: float) -> float:
    """The parameter as a float; arguments and errors as in `require_whole`.

    Raises:
        UsageError: If it is not a number in least … most.
    """
    if not least <= value <= most:
        raise UsageError(
            f"Data set {data!r}: {key}={value} asked; it must be a number {least:g} … {most:g}."
        )
    return float(value)


def require_seed(data: str, value: Number) -> int:
    """The parameter ``seed``: 0 … 2³² − 1."""
    return require_whole(data, "seed", value, 0, LARGEST_SEED)


def normal_quantiles(uniform: NDArray[Any]) -> NDArray[np.float64]:
    """Standard normal numbers from uniform ones in [0, 1), of the same shape.

    One number each, so that a stream of rows does not depend on how many are drawn at a time.
    """
    from scipy.special import ndtri

    # A generator may give 0 exactly, whose quantile is −∞.
    return np.asarray(ndtri(np.maximum(uniform, 2.0**-54)))
