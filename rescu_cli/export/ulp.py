"""How far a float is from the truth, in units of the last place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rescu_cli.core.edges import FloatFormat

Array = npt.NDArray[np.float64]


def distance(kind: FloatFormat, found: Array, high: Array, low: Array) -> Array:
    """|found − truth| in ulps of the truth, per point; the correctly rounded result has ≤ 0.5.

    One ulp is the distance between neighbouring floats of the truth's binade; for subnormals, of
    the lowest one. An infinity stands for the first power of two beyond the format, so that the
    largest finite number and an overflow to infinity next to it are one unit apart. Where the
    truth itself is infinite, only that infinity has distance 0.

    Args:
        kind: Format of the result.
        found: What was computed; no NaN.
        high: The truth, rounded to float64.
        low: The rest of it, so that ``high + low`` has about 106 bits.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _distance(kind, found, high, low)


def _distance(kind: FloatFormat, found: Array, high: Array, low: Array) -> Array:
    infinite = np.isinf(high)
    exponent = kind.exponent(np.where(infinite, 1.0, high))
    beyond = np.ldexp(1.0, np.minimum(kind.max_exponent + 1 - exponent, 1023))
    scaled = np.where(
        np.isinf(found),
        np.copysign(beyond, found),
        np.ldexp(np.where(np.isinf(found), 0.0, found), -exponent),
    )
    truth = np.ldexp(np.where(infinite, 0.0, high), -exponent)
    rest = np.ldexp(low, -exponent)
    ulps = np.abs((scaled - truth) - rest) * 2.0 ** (kind.precision - 1)
    # A finite truth that rounds to infinity: infinity is the right answer.
    overflow = np.isinf(kind.round(high)) & (found == np.copysign(np.inf, high))
    ulps = np.where(overflow, np.minimum(ulps, 0.5), ulps)
    return np.where(infinite, np.where(found == high, 0.0, np.inf), ulps)
