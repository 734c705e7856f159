"""The variance-preserving gain of an activation."""

from __future__ import annotations

import mpmath

from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference
from rescu_cli.errors import UnsupportedError

_REACH = 14
"""φ(14) ≈ 1e−43: what lies beyond does not reach double precision unless f grows like e^(x²/4)."""


def init_gain(activation: Activation) -> float:
    """(E f(z)²)^(−1/2) for z ~ N(0, 1); √2 for ReLU.

    A layer whose weights have standard deviation gain/√fan_in keeps the mean square of its input.
    Computed by Gauss–Legendre quadrature between the joints, to about 15 digits.

    Raises:
        ParameterError: If a parameter is free.
        UnsupportedError: If f is 0 almost everywhere or the moment is not finite.
    """
    reference = Reference(activation)
    joints = sorted({float(b) for b in activation.breakpoints if abs(float(b)) < _REACH})
    # The transition of a narrow shape is invisible to a rule on [-14, 14]: bracket it.
    scale = [s * w for s in (-1, 1) for w in (1e-6, 1e-4, 1e-2, 0.1, 0.5, 1, 2, 4, 8)]
    nodes = sorted({-float(_REACH), 0.0, float(_REACH), *joints, *scale})

    def integrand(z: mpmath.mpf) -> mpmath.mpf:
        value = float(reference.enclose(float(z), bits=53).mid())
        return mpmath.mpf(value) ** 2 * mpmath.npdf(z)

    with mpmath.workdps(25):
        moment = mpmath.quad(integrand, nodes, method="gauss-legendre", maxdegree=3)
        if not mpmath.isfinite(moment) or moment <= 0:
            raise UnsupportedError(
                f"{activation.spec} has mean square {moment} under N(0, 1); no gain exists."
            )
        return float(1 / mpmath.sqrt(moment))
