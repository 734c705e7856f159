"""Compares results with the reference, in ulps.

**What agrees.** A result within `bounds.bound` ulps of the truth, or of the truth at an x that is
moved by as many ulps: next to a zero of f and in tails that fall like e^(−x²), arithmetic in the
format of x leaves no more digits. Two exceptions. Where numbers below the smallest normal one
enter, the result may be 0, or as imprecise as a subnormal number. A polynomial whose slope takes
both signs, or falls, is a sum of terms that cancel; there the bound counts ulps of the terms:
(|x| + max|joint|)·max|f′| for the value, max|f′| for the gradient. Likewise beside a zero of a
function whose slope far out is not 0: where it is less than half of its asymptote, that one's
ulps count. Inputs beyond the bound that
these rules allow are counted as ``excused``; the largest distance is reported all the same. Where
the tool itself takes subnormal numbers for 0 (XLA), so may the result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError
from rescu_cli.export.bounds import bound, degree
from rescu_cli.export.held import computing
from rescu_cli.export.report import Comparison
from rescu_cli.export.runners.base import Runner
from rescu_cli.export.ulp import distance

Array = npt.NDArray[np.float64]
_FAR = 1e30
"""Beyond it, cancelling terms of a formula may differ by more bits than the reference tries."""


@dataclass(frozen=True)
class Truth:
    """The exact function at some inputs of one format.

    Args:
        reference: Gives it; for the gradient of a parameter, as the value of a function.
        kind: Format of input and result.
        what: ``value``, ``gradient`` or the gradient of a parameter.
        points: Inputs, as float64 values of the format.
        high: The truth at those that are numbers.
        low: The rest of it: ``high + low`` has about 106 bits.
    """

    reference: Reference
    kind: FloatFormat
    what: str
    points: Array
    high: Array
    low: Array

    @property
    def quantity(self) -> What:
        """What the reference is asked for."""
        return "gradient" if self.what == "gradient" else "value"

    @classmethod
    def at(cls, reference: Reference, kind: FloatFormat, what: str, points: Array) -> Truth:
        """The truth at the points where the reference knows it."""
        quantity: What = "gradient" if what == "gradient" else "value"
        known = points[_enclosed(reference, points, quantity)]
        high, low = reference.pairs(known[~np.isnan(known)], quantity)
        return cls(reference, kind, what, known, high, low)


def compare(run: Runner, truth: Truth, *, thorough: bool = False) -> Comparison:
    """One quantity of an artifact, in all the ways it is computed, against the truth.

    Args:
        run: The artifact.
        truth: What it should give.
        thorough: Whether to try the slow ways too.
    """
    points, kind, high = truth.points, truth.kind, truth.high
    numbers = ~np.isnan(points)
    mismatch = np.zeros(points.shape, dtype=bool)
    ulps, refused = np.zeros(high.shape), np.zeros(high.shape, dtype=bool)
    ways = run(points, kind.name, truth.what)
    if thorough:
        ways |= run.slow_ways(points, kind.name, truth.what)
    allowed = bound(truth.reference.activation, kind, truth.what)
    allowance = _Allowance(truth, allowed, flushes=run.flushes_subnormals)
    xs = points[numbers]
    for found in ways.values():
        mismatch |= np.isnan(found) != ~numbers
        usable = np.where(np.isnan(found[numbers]), high, found[numbers])
        here = distance(kind, usable, high, truth.low)
        ulps = np.maximum(ulps, here)
        # Each way for itself: what excuses the worst one need not excuse another.
        for i in np.flatnonzero((here > allowed) & ~refused).tolist():
            refused[i] = allowance(float(xs[i]), float(usable[i]), float(high[i])) < here[i]
    suspects, beyond = int((ulps > allowed).sum()), int(refused.sum())
    worst = int(np.argmax(ulps)) if ulps.size else None
    return Comparison(
        n_inputs=len(points),
        exhaustive=kind.bits == 16 and len(points) == 65536,
        max_ulp=float(ulps[worst]) if worst is not None else 0.0,
        worst_x=float(xs[worst]) if worst is not None else None,
        nan_mismatch=int(mismatch.sum()),
        bound=allowed,
        excused=suspects - beyond,
        beyond=beyond,
        ways=tuple(ways),
    )


def _enclosed(reference: Reference, points: Array, what: What) -> npt.NDArray[np.bool_]:
    """Where the reference knows the truth: not where f cancels beyond its precision, far out."""
    known = np.ones(points.shape, dtype=bool)
    if reference.activation.forms is None or len(reference.activation.pieces) == 1:
        for i in np.flatnonzero(np.abs(points) > _FAR).tolist():
            try:
                reference(float(points[i]), what)
            except InternalError:
                known[i] = False
    return known


class _Allowance:
    """Ulps by which a result may be off at one point, by the rules of this module."""

    def __init__(self, truth: Truth, allowed: float, *, flushes: bool) -> None:
        self._reference, self._kind = truth.reference, truth.kind
        self._what = truth.quantity
        self._bound, self._flushes = allowed, flushes
        self._at_zero = truth.reference(0.0, self._what) if flushes else math.nan
        activation = truth.reference.activation
        self._second = [sp.diff(p.gradient, X) for p in activation.pieces]
        self._steepest = _steepest(activation) if degree(activation) is not None else 0.0
        far = [abs(truth.reference.at_infinity(side, "gradient")) for side in (-1, 1)]
        self._slopes_far_out = [slope if math.isfinite(slope) else 0.0 for slope in far]
        self._reach = max((abs(float(b)) for b in activation.breakpoints), default=0.0)

    def __call__(self, x: float, found: float, truth: float) -> float:
        if not (math.isfinite(x) and math.isfinite(truth)):
            return 0.0
        # f may multiply a subnormal number by x, and f′ by x²; exponentials are 0 long before 1e3.
        growth = (1 + min(abs(x), 1e3)) ** 2
        format_ = computing(self._kind)
        same_side = math.copysign(1.0, found) == math.copysign(1.0, truth) or found == 0
        if abs(found) <= abs(truth) <= format_.smallest_normal * growth and same_side:
            return math.inf
        if self._flushes and self._flushed(x, found, truth, format_.smallest_normal):
            return math.inf
        ulp = float(self._kind.quantum(np.asarray(truth)))
        allowed = format_.smallest * growth / ulp
        if self._kind.bits > 16:
            moved = abs(self._slope(x)) * float(self._kind.quantum(np.asarray(x)))
            terms = self._steepest * (abs(x) + self._reach if self._what == "value" else 1.0)
            asymptote = self._slopes_far_out[x > 0] * (abs(x) if self._what == "value" else 1.0)
            if abs(truth) < asymptote / 2:
                terms = max(terms, asymptote)
            cancelled = float(self._kind.quantum(np.asarray(terms))) if terms else 0.0
            allowed += self._bound * (max(1.0, cancelled / ulp) + moved / ulp)
        return allowed

    def _flushed(self, x: float, found: float, truth: float, normal: float) -> bool:
        """Whether a subnormal number was taken for 0: x, or a term of the result."""
        terms = 16 * normal * (1 + min(abs(x), 1e3))
        near_zero = abs(found - truth) <= terms and (found == 0) | ((found > 0) == (truth > 0))
        unit = float(self._kind.quantum(np.asarray(self._at_zero)))
        same = abs(found - self._at_zero) <= unit * self._bound
        return near_zero or (abs(x) < normal and same)

    def _slope(self, x: float) -> float:
        if self._what == "value":
            return self._reference(x, "gradient")
        activation = self._reference.activation
        index = sum(bool(sp.Rational(x) > b) for b in activation.breakpoints)
        with balls.precision(200):
            ball = balls.evaluate(self._second[index], {X: balls.exact_ball(x)})
            return float(ball.mid()) if ball.is_finite() else 0.0


def _steepest(activation: Activation) -> float:
    """max |f′| over the joints if f′ takes both signs there or falls, else 0."""
    joints = zip(activation.breakpoints, activation.pieces, activation.pieces[1:], strict=False)
    slopes = [float(p.gradient.subs(X, b)) for b, *beside in joints for p in beside]
    cancels = bool(slopes) and (min(slopes) < 0 < max(slopes) or slopes[-1] < slopes[0])
    return max(map(abs, slopes)) if cancels else 0.0
