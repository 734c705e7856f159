"""Compares a freshly lowered program with the reference at a few dozen points.

This guards formulas that nobody wrote by hand: a term that overflows, a tail that cancels. It is a
trial with wide tolerances, not the check of an artifact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from ctypes import c_float

import sympy as sp

from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference, What
from rescu_cli.errors import InternalError
from rescu_cli.export.interpret import HUGE, Kind, run
from rescu_cli.export.program import Program

_TOLERANCE: dict[Kind, float] = {"float32": 2.0**-12, "float64": 2.0**-36}
_ROUNDING: dict[Kind, float] = {"float32": 2.0**-23, "float64": 2.0**-52}
_POINTS = (0.0, 1e-30, 1e-3, 0.3, 1.0, 2.5, 7.0, 30.0, 95.0, 400.0, 1e5, 1e12, 2e25, 3e38)


def first_mistake(
    activation: Activation, program: Program, samples: Sequence[Mapping[str, float]],
    beyond: float = 0.0,
) -> str | None:  # fmt: skip
    """A sentence on the first point where the program is wrong, or None.

    Args:
        activation: The truth.
        program: Lowered from it.
        samples: Parameter values to try.
        beyond: Only points at least so far out.
    """
    for sample in samples:
        truth = _Truth(activation)
        for x in (x for x in _points(activation, sample) if abs(x) >= beyond):
            for kind in _TOLERANCE:
                if kind == "float32" and c_float(x).value != x:
                    continue
                held = _held(sample, kind)
                if truth.is_between_joints(held, x, kind):
                    continue
                try:
                    truths = truth(held, x)
                except InternalError:  # f cancels beyond the reference's precision, far out
                    continue
                values = run(program, x, held, kind)
                outputs: dict[What, int] = {"value": program.value, "gradient": program.gradient}
                for what, i in outputs.items():
                    if not _close(values[i], truths[what], x, kind):
                        at = "".join(f", {k}={v:g}" for k, v in sample.items())
                        return (
                            f"in {kind} arithmetic the {what} at x={x:g}{at} comes out as "
                            f"{values[i]:g}, and is {truths[what]:g}"
                        )
    return None


class _Truth:
    """Value and gradient at x, at parameters that are exact floats; the last answer is kept."""

    def __init__(self, activation: Activation) -> None:
        self.activation = activation
        self._references: dict[tuple[float, ...], Reference] = {}
        self._joints: dict[tuple[float, ...], tuple[sp.Expr, ...]] = {}
        self._last: tuple[tuple[float, ...], float, dict[What, float]] | None = None

    def __call__(self, held: Mapping[str, float], x: float) -> dict[What, float]:
        key = tuple(held.values())
        if self._last is None or self._last[:2] != (key, x):
            if key not in self._references:
                numbers = {n: sp.Rational(v) for n, v in held.items()}
                self._references[key] = Reference(self.activation.bind(numbers))
            reference = self._references[key]
            self._last = key, x, {"value": reference(x), "gradient": reference(x, "gradient")}
        return self._last[2]

    def is_between_joints(self, held: Mapping[str, float], x: float, kind: Kind) -> bool:
        """Whether x lies between a joint and the float that stands for it in a program.

        3/10 is no float: there the program is at another piece than the truth, and rightly so.
        """
        key = tuple(held.values())
        if key not in self._joints:
            numbers = {n: sp.Rational(v) for n, v in held.items()}
            self._joints[key] = self.activation.bind(numbers).breakpoints
        near = (j for j in self._joints[key] if abs(float(j) - x) <= _ROUNDING[kind] * abs(x))
        return any(not _is_float(joint, kind) for joint in near)


def _is_float(joint: sp.Expr, kind: Kind) -> bool:
    at = float(joint)
    return bool(sp.Rational(c_float(at).value if kind == "float32" else at) == joint)


def _held(sample: Mapping[str, float], kind: Kind) -> dict[str, float]:
    """The parameters as the format holds them: a joint at 1.4 lies elsewhere in each."""
    return {n: c_float(v).value if kind == "float32" else v for n, v in sample.items()}


def _points(activation: Activation, sample: Mapping[str, float]) -> Iterator[float]:
    bound = activation.bind(dict(sample))
    yield from (math.inf, -math.inf, HUGE["float64"], -HUGE["float64"])
    for size in _POINTS:
        single = c_float(size).value
        yield from (single, -single)
    for joint in bound.breakpoints:
        at = float(joint)
        yield from (at, math.nextafter(at, math.inf), math.nextafter(at, -math.inf))
        yield from (c_float(at * (1 + e)).value for e in (0.0, 2.0**-20, -(2.0**-20)))


def _close(found: float, truth: float, x: float, kind: Kind) -> bool:
    if math.isnan(found) or math.isinf(found) or math.isinf(truth):
        # A value that only this format cannot hold is as good as infinite.
        same_side = (found > 0) == (truth > 0)
        return found == truth or (math.isinf(found) and same_side and abs(truth) > HUGE[kind] / 2)
    slack = _TOLERANCE[kind]
    # Cancellation near a zero of f is judged by the size of what cancels, about min(|x|, 1).
    return abs(found - truth) <= slack * abs(truth) + slack * 2.0**-6 * min(abs(x), 1.0)
