"""The variance-preserving gain of an activation."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference
from rescu_cli.errors import UnsupportedError

_REACH = 14.0
"""φ(14) ≈ 1e−43: what lies beyond does not reach double precision unless f grows like e^(x²/4)."""
_RELATIVE = 1e-14
_MAX_EVALUATIONS = 300_000


def init_gain(activation: Activation) -> float:
    """(E f(z)²)^(−1/2) for z ~ N(0, 1); √2 for ReLU.

    A layer whose weights have standard deviation gain/√fan_in keeps the mean square of its input.
    Computed by adaptive Gauss–Legendre quadrature between the joints, to about 13 digits.

    Raises:
        ParameterError: If a parameter is free.
        UnsupportedError: If f is 0 almost everywhere, the moment is not finite, or the
            quadrature does not settle.
    """
    reference = Reference(activation)
    joints = {float(b) for b in activation.breakpoints if abs(float(b)) < _REACH}
    # The transition of a narrow shape is invisible to a rule on [−14, 14]: bracket it.
    brackets = {s * w for s in (-1, 1) for w in (1e-6, 1e-4, 1e-2, 0.1, 0.5, 1, 2, 4, 8)}
    nodes = sorted({-_REACH, 0.0, _REACH} | joints | brackets)

    def integrand(z: float) -> float:
        value = float(reference.enclose(z, bits=53).mid())
        return value * value * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    moment = _integrate(integrand, nodes)
    if moment is None or not math.isfinite(moment) or moment <= 0:
        raise UnsupportedError(
            f"{activation.spec} has mean square {moment} under N(0, 1); no gain exists."
        )
    return 1 / math.sqrt(moment)


def _integrate(f: Callable[[float], float], nodes: list[float]) -> float | None:
    """Bisect until the 8- and 16-point rules agree; None if that takes too many evaluations."""
    from numpy.polynomial.legendre import leggauss

    rules = [[a.tolist() for a in leggauss(n)] for n in (8, 16)]

    def apply(rule: list[list[float]], low: float, high: float) -> float:
        half, middle = (high - low) / 2, (high + low) / 2
        return half * math.fsum(
            w * f(middle + half * t) for t, w in zip(rule[0], rule[1], strict=True)
        )

    cells = list(pairwise(nodes))
    scale = abs(math.fsum(apply(rules[0], *c) for c in cells))
    done: list[float] = []
    evaluations = 0
    while cells:
        low, high = cells.pop()
        coarse, fine = apply(rules[0], low, high), apply(rules[1], low, high)
        evaluations += 24
        if evaluations > _MAX_EVALUATIONS or not math.isfinite(fine):
            return None
        scale = max(scale, abs(fine))
        if abs(coarse - fine) <= _RELATIVE * max(scale, 1e-300) or high - low < 1e-12:
            done.append(fine)
        else:
            middle = (low + high) / 2
            cells += [(low, middle), (middle, high)]
    return math.fsum(done)
