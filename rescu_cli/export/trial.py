"""Compares a freshly lowered program with the reference at a few dozen points.

This guards formulas that nobody wrote by hand: a term that overflows, a tail that cancels. It is a
trial with wide tolerances, not the check of an artifact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from ctypes import c_float

from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference, What
from rescu_cli.errors import InternalError
from rescu_cli.export.interpret import HUGE, Kind, run
from rescu_cli.export.program import Program

_TOLERANCE: dict[Kind, float] = {"float32": 2.0**-12, "float64": 2.0**-36}
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
        reference = Reference(activation.bind(dict(sample)))
        for x in (x for x in _points(activation, sample) if abs(x) >= beyond):
            try:
                truths: dict[What, float] = {w: reference(x, w) for w in ("value", "gradient")}
            except InternalError:  # f cancels beyond the reference's precision, far out
                continue
            for kind in _TOLERANCE:
                if kind == "float32" and c_float(x).value != x:
                    continue
                values = run(program, x, sample, kind)
                outputs: dict[What, int] = {"value": program.value, "gradient": program.gradient}
                for what, i in outputs.items():
                    if not _close(values[i], truths[what], x, kind):
                        at = "".join(f", {k}={v:g}" for k, v in sample.items())
                        return (
                            f"in {kind} arithmetic the {what} at x={x:g}{at} comes out as "
                            f"{values[i]:g}, and is {truths[what]:g}"
                        )
    return None


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
