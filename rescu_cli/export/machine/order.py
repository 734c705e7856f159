"""The floats of a format in ascending order, by a whole number called the key.

Keys 0 … 2^bits − 1 run through the negative NaNs, −∞, the negative numbers, −0, 0, the positive
numbers, ∞ and the positive NaNs. Consecutive keys are neighbouring floats, so that a stretch of
keys is an interval of the line.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core.activation import Owner
from rescu_cli.core.edges import FloatFormat

Bits = npt.NDArray[Any]
Array = npt.NDArray[np.float64]
_UNSIGNED: dict[int, Any] = {16: np.uint16, 32: np.uint32, 64: np.uint64}


def n_keys(kind: FloatFormat) -> int:
    """How many floats the format has, NaNs with each payload included."""
    return 1 << kind.bits


def patterns(kind: FloatFormat, start: int, stop: int, step: int = 1) -> Bits:
    """The bit patterns of the keys ``start``, ``start + step``, … below ``stop``.

    Example:
        >>> from rescu_cli.core.edges import float_format
        >>> [hex(p) for p in patterns(float_format("float16"), 2**15 - 1, 2**15 + 2)]
        ['0x8000', '0x0', '0x1']
    """
    half, unsigned = 1 << (kind.bits - 1), _UNSIGNED[kind.bits]
    word: Any = np.uint32 if kind.bits == 32 else np.uint64
    count = len(range(start, stop, step))
    keys: Bits = np.arange(count, dtype=word) * word(step) + word(start)
    if stop <= half:  # the sign bit is set, and larger patterns are further left
        keys = word(2 * half - 1) - keys
    elif start >= half:
        keys -= word(half)
    else:
        keys = np.where(keys < half, word(2 * half - 1) - keys, keys - word(half))
    return keys.astype(unsigned, copy=False)


def floats(kind: FloatFormat, bits: Bits) -> npt.NDArray[Any]:
    """The values of bit patterns: float64 for float64, else float32, which holds them all."""
    with np.errstate(invalid="ignore"):  # signalling NaNs are among the inputs
        if kind.name == "float64":
            return bits.view(np.float64)
        if kind.name == "float32":
            return bits.view(np.float32)
        if kind.name == "float16":
            return bits.view(np.float16).astype(np.float32)
        return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def pattern(kind: FloatFormat, value: float) -> int:
    """The bits of a value of the format."""
    with np.errstate(over="ignore"):
        if kind.name == "bfloat16":
            return int(np.asarray(value, dtype=np.float32).view(np.uint32)) >> 16
        held = np.asarray(value, dtype=kind.name)
    return int(held.view(_UNSIGNED[kind.bits]))


def key(kind: FloatFormat, value: float) -> int:
    """The key of a value of the format; −0 and 0 have neighbouring ones.

    Example:
        >>> from rescu_cli.core.edges import float_format
        >>> key(float_format("float32"), 0.0) - key(float_format("float32"), -0.0)
        1
    """
    half = 1 << (kind.bits - 1)
    bits = pattern(kind, value)
    return 2 * half - 1 - bits if bits >= half else half + bits


def value_at(kind: FloatFormat, position: int) -> float:
    """The float of a key."""
    return float(floats(kind, patterns(kind, position, position + 1))[0])


def first_key_right_of(kind: FloatFormat, point: sp.Expr, owner: Owner) -> int:
    """The smallest key whose float belongs to the piece right of a joint.

    Args:
        kind: Format.
        point: The joint, exact.
        owner: Which side answers at the joint itself.
    """
    low, high = key(kind, -np.inf), key(kind, np.inf) + 1
    while low < high:
        middle = (low + high) // 2
        if _right_of(value_at(kind, middle), point, owner):
            high = middle
        else:
            low = middle + 1
    return low


def _right_of(x: float, point: sp.Expr, owner: Owner) -> bool:
    if not np.isfinite(x):
        return x > 0
    exact = sp.Rational(Fraction(x).numerator, Fraction(x).denominator)
    return bool(exact > point) or (owner == "right" and bool(sp.Eq(exact, point)))
