"""Floating-point formats, and the points at which code goes wrong first.

Values of every format are held as float64, which represents all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rescu_cli.errors import UnknownNameError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format.

    Args:
        name: As frameworks call it.
        precision: Bits of the significand, the hidden one included.
        min_exponent: Exponent of the smallest normal number.
        max_exponent: Exponent of the largest finite number.
    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int

    @property
    def bits(self) -> int:
        """Width of the format."""
        return {"float16": 16, "bfloat16": 16, "float32": 32, "float64": 64}[self.name]

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2 - 2.0 ** (1 - self.precision)) * 2.0**self.max_exponent

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number with full precision."""
        return 2.0**self.min_exponent

    @property
    def smallest(self) -> float:
        """The smallest positive number, a subnormal."""
        return 2.0 ** (self.min_exponent - self.precision + 1)

    def exponent(self, values: Array) -> npt.NDArray[np.int64]:
        """Exponent of each value's binade; subnormals and 0 count as the lowest one."""
        _, exponents = np.frexp(values)
        binade = np.maximum(exponents.astype(np.int64) - 1, self.min_exponent)
        return np.where(np.asarray(values) == 0, self.min_exponent, binade)

    def quantum(self, values: Array) -> Array:
        """The distance between neighbours around each finite value: one ulp."""
        return np.ldexp(1.0, self.exponent(values) - (self.precision - 1))

    def round(self, values: npt.ArrayLike) -> Array:
        """Each value rounded to the format, ties to even, too large to ±inf; NaN stays."""
        exact = np.asarray(values, dtype=np.float64)
        if self.name == "float64":
            return exact
        finite = np.where(np.isfinite(exact), exact, 0.0)
        shift = self.exponent(finite) - (self.precision - 1)
        rounded = np.ldexp(np.rint(np.ldexp(finite, -shift)), shift)
        rounded = np.where(np.abs(rounded) > self.largest, np.copysign(np.inf, exact), rounded)
        # rint keeps the sign of zero; what was not finite goes through.
        return np.where(np.isfinite(exact), rounded, exact)


_TABLE = {
    "float16": FloatFormat("float16", 11, -14, 15),
    "bfloat16": FloatFormat("bfloat16", 8, -126, 127),
    "float32": FloatFormat("float32", 24, -126, 127),
    "float64": FloatFormat("float64", 53, -1022, 1023),
}
FORMATS: tuple[str, ...] = tuple(_TABLE)


def float_format(name: str) -> FloatFormat:
    """The format called ``name``.

    Raises:
        UnknownNameError: If there is none.

    Example:
        >>> float_format("float16").largest
        65504.0
    """
    if name not in _TABLE:
        raise UnknownNameError("float format", name[:60], _TABLE)
    return _TABLE[name]


def edge_grid(name: str, joints: Iterable[float] = ()) -> Array:
    """The points to try first: zeros, subnormals, limits of the format, joints, ±inf and NaN.

    Args:
        name: Format.
        joints: Points of interest; each comes with its neighbours in the format.

    Returns:
        Values of the format as float64, NaN last, without duplicates (−0 and 0 are two).
    """
    kind = float_format(name)
    sizes = [0.0, kind.smallest, 2 * kind.smallest, kind.smallest_normal - kind.smallest,
             kind.smallest_normal, kind.smallest_normal + kind.smallest,
             1.0, 2.0 ** (1 - kind.precision), kind.largest, np.inf]  # fmt: skip
    points = [s * sign for s in sizes for sign in (1.0, -1.0)]
    for joint in [0.0, 1.0, -1.0, *joints]:
        points += neighbours(kind, joint)
    unique = {(v, bool(np.signbit(v))) for v in points}
    return np.array([v for v, _ in sorted(unique, key=lambda p: (p[0], not p[1]))] + [np.nan])


def neighbours(kind: FloatFormat, value: float, reach: int = 2) -> list[float]:
    """The value of the format nearest to ``value`` with ``reach`` neighbours on each side."""
    centre = float(kind.round(value))
    if not np.isfinite(centre):
        return [centre]
    found = [centre]
    for direction in (np.inf, -np.inf):
        at = centre
        for _ in range(reach):
            at = _next(kind, at, direction)
            found.append(at)
    return found


def _next(kind: FloatFormat, value: float, direction: float) -> float:
    if not np.isfinite(value):
        return value
    sign = 1.0 if direction > 0 else -1.0
    step = float(kind.quantum(np.asarray(value)))
    # Below a power of two the numbers lie twice as close.
    half = float(kind.round(value + sign * step / 2))
    return half if half != value else float(kind.round(value + sign * step))


def every_value(name: str) -> Array:
    """All 65,536 values of a 16-bit format, as float64; many of them NaN.

    Raises:
        UnknownNameError: If the format is not one of 16 bits.
    """
    codes = np.arange(65536, dtype=np.uint32)
    if name == "float16":
        return codes.astype(np.uint16).view(np.float16).astype(np.float64)
    if name == "bfloat16":
        with np.errstate(invalid="ignore"):  # half of the NaNs are signalling ones
            return (codes << np.uint32(16)).view(np.float32).astype(np.float64)
    raise UnknownNameError("16-bit format", name[:60], ("float16", "bfloat16"))


def sample(name: str, count: int, seed: int, joints: Iterable[float] = ()) -> Array:
    """Random finite values of a format: a third over all magnitudes, the rest where f bends.

    Args:
        name: Format.
        count: How many.
        seed: Of the generator; the same seed gives the same values.
        joints: The transition; points are drawn around it and over a few times its width.
    """
    kind = float_format(name)
    random = np.random.default_rng(seed)
    spots = np.array([0.0, *(float(j) for j in joints)])
    width = max(1.0, float(np.max(np.abs(spots))))
    third = count // 3
    low = kind.min_exponent - kind.precision + 1
    exponents = random.uniform(low, kind.max_exponent + 0.999, third)
    wide = random.choice([-1.0, 1.0], third) * np.exp2(np.minimum(exponents, 1023.9))
    near = random.choice(spots, third) + width * random.choice([-1.0, 1.0], third) * np.exp2(
        random.uniform(-kind.precision - 4, 3, third)
    )
    middle = random.uniform(-12 * width, 12 * width, count - 2 * third)
    values = kind.round(np.concatenate([wide, near, middle]))
    return values[np.isfinite(values)]
