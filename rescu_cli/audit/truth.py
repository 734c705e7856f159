"""What a callable is compared with, and the rule by which rounding is told from a mistake.

**Truth.** The reference encloses f and f′ rigorously but costs some 30 µs per point. So the many
points of the grids are screened against the NumPy program that this package emits for the
activation, and every point that looks wrong is asked of the reference before it counts.

**Tolerance of a value.** Foreign code may be written any reasonable way: ½x(1 + erf(x/√2)) loses
the digits of its left tail and is GELU all the same. With ulp(v) the spacing of the format at v,
an error up to 16 ulp(f(x)) (4 in 16-bit formats) or up to 4 ulp(max(|x|, |f(x)|, width)) is
rounding; everything else is a mistake. A result below the smallest normal number may be 0.

**Tolerance of a gradient.** 16 ulp(f′(x)), or 32 ulp(max(1, |f′(x)|, |x|/width)), since the
derivative of a gate is multiplied by x (4 and 8 in 16-bit formats). And since x itself carries a
rounding error, everything that f′ does within 4 ulp of max(|x|, largest joint): that hull is how
either side's gradient passes at a kink. Beside a joint, not on it, a finite gradient is a note.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.reference import Reference, What
from rescu_cli.errors import InternalError, RescuError
from rescu_cli.export import emit
from rescu_cli.export.runners.base import runner

Array = npt.NDArray[np.float64]


class Truth:
    """An activation as something to measure against.

    Args:
        activation: With every parameter bound.
    """

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self.reference = Reference(activation)
        self.joints = tuple(float(b) for b in activation.breakpoints)
        self._run: Any = None
        try:
            self._run = runner(emit(activation, "numpy"), {})
        except RescuError:
            self._run = None  # a function that cannot be exported is screened by the reference

    @property
    def screens(self) -> bool:
        """Whether many points cost nothing."""
        return self._run is not None

    def quick(self, xs: Array, what: What) -> Array:
        """F or f′ at many finite points, right to a few ulps of float64."""
        if self._run is None:
            return np.array([self._ask(float(x), what) for x in xs])
        with np.errstate(all="ignore"):
            (found,) = self._run(xs, "float64", what).values()
        return found

    def exact(self, xs: Array, what: What) -> Array:
        """F or f′ by the reference, NaN where it knows no answer."""
        return np.array([self._ask(float(x), what) for x in xs])

    def _ask(self, x: float, what: What) -> float:
        try:
            return self.reference(x, what)
        except InternalError:
            return float("nan")

    @cached_property
    def width(self) -> float:
        """The scale on which f bends: the largest joint, or the largest slope over curvature.

        0 for a function made of straight lines through the origin.
        """
        sizes = np.exp2(np.arange(-24, 24.01, 0.25 if self.screens else 1.0))
        xs = np.concatenate([-sizes[::-1], sizes])
        slopes = self.exact(xs, "gradient") if self._run is None else self.quick(xs, "gradient")
        same = np.array([not any(a < j <= b for j in (0.0, *self.joints))
                         for a, b in pairwise(xs)])  # fmt: skip
        bends = np.abs(np.diff(slopes) / np.diff(xs))[same]
        steepest, sharpest = float(np.nanmax(np.abs(slopes))), float(np.nanmax(bends))
        # Rounding in the slopes of a straight line is no curvature.
        curved = steepest / sharpest if sharpest > 1e-9 * steepest else 0.0
        return max([curved, *map(abs, self.joints)])

    def allowed(self, kind: FloatFormat, xs: Array, truth: Array, what: What) -> Array:
        """The largest error that counts as rounding, per point."""
        near = 4.0 if kind.bits == 16 else 16.0
        size = np.abs(np.where(np.isfinite(truth), truth, 0.0))
        floor = kind.smallest_normal * (1 + np.minimum(np.abs(xs), 1.0))
        if what == "value":
            scale = np.maximum(np.maximum(np.abs(xs), size), self.width)
            slack = 4 * kind.quantum(scale)
        else:
            far = 64.0 * self.width  # where every gate has closed or opened
            gate = np.minimum(np.abs(xs), far) / self.width if self.width else 0.0
            units = 8.0 if kind.bits == 16 else 32.0
            slack = units * kind.quantum(np.maximum(np.maximum(size, gate), 1.0))
        return np.maximum(np.maximum(near * kind.quantum(size), slack), floor)

    def hull(self, kind: FloatFormat, xs: Array, here: Array, what: What) -> tuple[Array, Array]:
        """Least and largest truth within what rounding does to x; for values, ``here`` twice."""
        if what == "value":
            return here, here
        reach = max([0.0, *map(abs, self.joints)])
        step = 4 * kind.quantum(np.maximum(np.abs(xs), reach if reach < np.inf else 0.0))
        with np.errstate(over="ignore"):
            below, above = (np.clip(v, -kind.largest, kind.largest) for v in (xs - step, xs + step))
        sides = [here, self.exact(below, what), self.exact(above, what)]
        return np.fmin.reduce(sides), np.fmax.reduce(sides)

    def beside_joint(self, kind: FloatFormat, xs: Array) -> npt.NDArray[np.bool_]:
        """Within 4 ulp of a joint but not on it.

        Code that adds a clamped term and a rectified one may round x to different sides there.
        """
        found = np.zeros(xs.shape, dtype=bool)
        for joint in self.joints:
            reach = 4 * kind.quantum(np.maximum(np.abs(xs), abs(joint)))
            found |= (np.abs(xs - joint) <= reach) & (xs != joint)
        return found
