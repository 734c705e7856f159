"""Compares a running artifact with the reference, in ulps, per float format.

**Which function is the truth.** An artifact holds its parameters in the format it computes in: 0.1
is 13421773/2^27 in float32. The reference is therefore taken at the parameter as the format holds
it. Otherwise the joint of a transition would lie elsewhere than the artifact's, and the first ulps
beside it would be judged against a different function.

**What agrees.** In 16-bit formats, 1 ulp at every input. In float32 and float64, 6 ulps, or 6 and
4 times what rounding x by one unit does: next to a zero of f and in tails that fall like e^(−x²),
arithmetic in the format of x leaves no more digits. Two exceptions. Where an exponential is too
small for a number of full precision, libraries may take it as 0, and so may the result be 0, or as
imprecise as a subnormal number. And the left tail of ReLU smoothed with a Gaussian, φ(y) − yΦ(−y),
is a difference of neighbours: there 6 units of f(0) in the last place are allowed. Inputs beyond
the bound that these rules allow are counted as ``excused``; the largest distance is reported all
the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, edge_grid, every_value, float_format, sample
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import Phi, X
from rescu_cli.errors import (
    InternalError,
    ParameterError,
    UnknownNameError,
    UnsupportedError,
)
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.backend import emit
from rescu_cli.export.report import CheckReport, Comparison
from rescu_cli.export.runners import KINDS, Runner, runner
from rescu_cli.export.ulp import distance

Array = npt.NDArray[np.float64]
BOUNDS: dict[str, float] = {"float16": 1.0, "bfloat16": 1.0, "float32": 6.0, "float64": 6.0}
"""Ulps within which a result agrees."""
_QUANTITIES: tuple[What, ...] = ("value", "gradient")


def check(
    subject: Artifact | Activation,
    target: str | None = None,
    dtypes: Sequence[str] | None = None,
    *,
    exhaustive: bool = True,
    n_samples: int = 1500,
    seed: int = 0,
) -> CheckReport:
    """Run an artifact and compare it with the reference.

    Args:
        subject: An artifact, or an activation that is emitted for ``target`` first. Free
            parameters are tried at their defaults.
        target: Needed for an activation.
        dtypes: Formats to try; all of the target's by default.
        exhaustive: Try all 65,536 inputs of 16-bit formats. Otherwise, and for wider formats, the
            edge grid and random inputs are tried.
        n_samples: How many random inputs.
        seed: Of the random inputs.

    Raises:
        MissingDependencyError: If the target's tool is not installed.
        UnsupportedError: If the target cannot be run, or an activation cannot be exported.
        UnknownNameError: If a format is not one of the target's.
        ParameterError: If a free parameter has no default.
    """
    if isinstance(subject, Artifact):
        artifact = subject
    elif target is None:
        raise UnsupportedError("To check an activation, name a target, e.g. target='torch'.")
    else:
        artifact = emit(subject, target)
    if artifact.target not in KINDS:
        runner(artifact, {})  # raises: nothing runs it
    kinds = KINDS[artifact.target]
    unknown = [d for d in dtypes or () if d not in kinds]
    if unknown:
        raise UnknownNameError(f"format of {artifact.target}", str(unknown[0])[:60], kinds)
    missing = [p.name for p in artifact.activation.free_parameters if p.default is None]
    if missing:
        raise ParameterError(
            f"{artifact.activation.name} cannot be checked without a number for {missing[0]}; "
            f"bind it, e.g. {artifact.activation.name}:{missing[0]}=1."
        )
    notes: list[str] = []
    comparisons: dict[str, dict[str, Comparison]] = {}
    for name in dtypes or kinds:
        kind = float_format(name)
        try:
            truth, parameters, exact = as_held(artifact.activation, kind)
        except ParameterError as error:
            notes.append(f"{name} was left out. {error}")
            continue
        if artifact.target == "sympy":  # holds every number exactly
            truth, exact = artifact.activation.with_defaults(), True
            parameters = {}
        if not exact and _ROUNDED not in notes:
            notes.append(_ROUNDED)
        points = _points(truth, kind, exhaustive, n_samples, seed)
        run = runner(artifact, parameters)
        reference = Reference(truth)
        comparisons[name] = {
            what: compare(run, reference, points, kind, what) for what in _QUANTITIES
        }
    return CheckReport(artifact, comparisons, tuple(notes))


_ROUNDED = (
    "The fixed parameters are not floats of the format that is computed in, and are no catalogue "
    "parameters; next to joints the artifact is judged against a slightly different function."
)


def as_held(activation: Activation, kind: FloatFormat) -> tuple[Activation, dict[str, float], bool]:
    """The activation at its parameters as the computing format holds them.

    Returns:
        The bound activation, the numbers of its free parameters, and whether the fixed parameters
        could be rounded too.

    Raises:
        ParameterError: If a parameter is too large or too small for the format.
    """
    computing = _computing(kind)

    def held(value: sp.Expr) -> float:
        number = float(computing.round(float(sp.N(value, 30))))
        if not math.isfinite(number) or (number == 0) != (value == 0):
            raise ParameterError(f"{computing.name} does not hold {float(value):g}.")
        return number

    free = {p.name: held(p.default) for p in activation.free_parameters if p.default is not None}
    fixed = {p.name: p.value for p in activation.parameters if p.value is not None}
    rounded = {n: held(v) for n, v in fixed.items()}
    bound = activation.bind({n: sp.Rational(v) for n, v in free.items()})
    if all(sp.Rational(rounded[n]) == v for n, v in fixed.items()):
        return bound, free, True
    try:
        original = catalogue.get(activation.name)
    except UnknownNameError:
        return bound, free, False
    if original.bind(fixed).digest != activation.digest:
        return bound, free, False
    return original.bind({n: sp.Rational(v) for n, v in {**rounded, **free}.items()}), free, True


def _computing(kind: FloatFormat) -> FloatFormat:
    """The format that artifacts compute in for results of a format."""
    return float_format("float64" if kind.name == "float64" else "float32")


def _points(
    truth: Activation, kind: FloatFormat, exhaustive: bool, n_samples: int, seed: int
) -> Array:
    if exhaustive and kind.bits == 16:
        return every_value(kind.name)
    joints = [float(b) for b in truth.breakpoints]
    return np.concatenate(
        [edge_grid(kind.name, joints), sample(kind.name, n_samples, seed, joints)]
    )


def compare(
    run: Runner, reference: Reference, points: Array, kind: FloatFormat, what: What
) -> Comparison:
    """One quantity of an artifact against the reference.

    Args:
        run: The artifact.
        reference: The truth.
        points: Where, as float64 values of the format.
        kind: Format of input and result.
        what: ``value`` or ``gradient``.
    """
    points = points[_enclosed(reference, points, what)]
    numbers = ~np.isnan(points)
    high, low = reference.pairs(points[numbers], what)
    results = run(points, kind.name, what)
    mismatch = np.zeros(points.shape, dtype=bool)
    ulps, worst_found = np.zeros(high.shape), high
    for found in results:
        mismatch |= np.isnan(found) != ~numbers
        usable = np.where(np.isnan(found[numbers]), high, found[numbers])
        here = distance(kind, usable, high, low)
        ulps, worst_found = np.maximum(ulps, here), np.where(here > ulps, usable, worst_found)
    bound = BOUNDS[kind.name]
    suspects = np.flatnonzero(ulps > bound)
    allowance, xs = _Allowance(reference, kind, what), points[numbers]
    excused = sum(
        bool(allowance(float(xs[i]), float(worst_found[i]), float(high[i])) >= ulps[i])
        for i in suspects.tolist()
    )
    worst = int(np.argmax(ulps)) if ulps.size else None
    return Comparison(
        n_inputs=len(points),
        exhaustive=kind.bits == 16 and len(points) == 65536,
        max_ulp=float(ulps[worst]) if worst is not None else 0.0,
        worst_x=float(points[numbers][worst]) if worst is not None else None,
        nan_mismatch=int(mismatch.sum()),
        bound=bound,
        excused=excused,
        beyond=len(suspects) - excused,
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


_FAR = 1e30
"""Beyond it, cancelling terms of a formula may differ by more bits than the reference tries."""


class _Allowance:
    """Ulps by which a result may be off at one point, by the rules of this module."""

    def __init__(self, reference: Reference, kind: FloatFormat, what: What) -> None:
        self._reference, self._kind, self._what = reference, kind, what
        self._second = [sp.diff(p.gradient, X) for p in reference.activation.pieces]
        forms = reference.activation.forms
        cancels = what == "value" and forms and forms.value.has(Phi) and forms.value.has(sp.exp)
        self._height = abs(reference(0.0)) if cancels else 0.0

    def __call__(self, x: float, found: float, truth: float) -> float:
        if not (math.isfinite(x) and math.isfinite(truth)):
            return 0.0
        # f may multiply a subnormal number by x, and f′ by x².
        growth = (1 + abs(x)) * (1 + min(abs(x), 1e3))
        computing = _computing(self._kind)
        if abs(found) <= abs(truth) <= computing.smallest_normal * growth and found * truth >= 0:
            return math.inf
        ulp = float(self._kind.quantum(np.asarray(truth)))
        allowed = computing.smallest * growth / ulp
        if self._kind.bits > 16:
            unit = 2.0 ** (1 - self._kind.precision)
            moved = abs(self._slope(x)) * float(self._kind.quantum(np.asarray(x)))
            allowed += BOUNDS[self._kind.name] * (1 + unit * self._height / ulp) + 4 * moved / ulp
        return allowed

    def _slope(self, x: float) -> float:
        if self._what == "value":
            return self._reference(x, "gradient")
        activation = self._reference.activation
        index = sum(bool(sp.Rational(x) > b) for b in activation.breakpoints)
        with balls.precision(200):
            ball = balls.evaluate(self._second[index], {X: balls.exact_ball(x)})
            return float(ball.mid()) if ball.is_finite() else 0.0
