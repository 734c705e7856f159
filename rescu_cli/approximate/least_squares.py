"""The polynomial closest in mean square on a range, every x counting alike: Legendre's expansion.

With t = (2x − a − b)/(b − a), P = Σ_{k ≤ d} a_k·P_k(t) with a_k = (k + ½)·∫_{−1}^1 f·P_k dt
minimises ∫(f − P)², since the Legendre polynomials are orthogonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import flint
import sympy as sp

from rescu_cli.approximate.bound import Approximant, cut
from rescu_cli.approximate.polynomial import expand
from rescu_cli.approximate.quadrature import Cell, Integrand, integrate
from rescu_cli.approximate.target import BITS, Stretch, Target
from rescu_cli.core import balls
from rescu_cli.core.symbols import exact


@dataclass(frozen=True)
class UniformFit:
    """Coefficients of the best polynomial under the uniform weight.

    Args:
        coefficients: Ascending powers of x.
        error: Estimate of what the quadrature got wrong, relative to the mean of |f|.
    """

    coefficients: tuple[Fraction, ...]
    error: float


def fit_uniform(target: Target, degree: int, low: Fraction, high: Fraction) -> UniformFit:
    """The polynomial of that degree that minimises ∫(f − P)² over [low, high]."""
    middle, half = (low + high) / 2, (high - low) / 2
    with balls.precision(BITS):
        m, h = balls.exact_ball(middle), balls.exact_ball(half)

        def integrand(stretch: Stretch) -> Integrand:
            def values(x: balls.Ball) -> list[balls.Ball]:
                f = target.at(stretch, x)
                return [f * p for p in _legendre_values((x - m) / h, degree)]

            return values

        cells = _cells(target, low, high, integrand)
        found = integrate(cells, nodes=max(32, degree // 2 + 24), tolerance=target.settled)
        scaled = [v * (2 * k + 1) / (2 * h) for k, v in enumerate(found.values)]
        basis = [_legendre(k) for k in range(degree + 1)]
        return UniformFit(expand(scaled, basis, middle, half), found.error / float(2 * half))


def uniform_mse(target: Target, approximant: Approximant, low: Fraction, high: Fraction) -> float:
    """The mean of (f − P)² over [low, high]."""

    def integrand(stretch: Stretch) -> Integrand:
        def values(x: balls.Ball) -> list[balls.Ball]:
            e = (target.at(stretch, x) - approximant.at(x)[0]).mid()
            return [e * e]  # a power of a ball around 0 would not be a number

        return values

    with balls.precision(BITS):
        cells = _cells(target, low, high, integrand)
        found = integrate(cells, nodes=40, tolerance=max(1e-16, target.settled))
        return max(float(found.values[0]) / float(high - low), 0.0)


def _cells(
    target: Target, low: Fraction, high: Fraction, integrand: Callable[[Stretch], Integrand]
) -> list[Cell]:
    """The stretches, cut at 0 too: approximants of rational forms have a corner there."""
    parts = cut(target.stretches(exact(low), exact(high)), (sp.S.Zero,))
    cells = []
    for part in parts:
        start, stop = (end.mid() for end in part.ends())
        cells.append(Cell(start, stop, integrand(part)))
    return cells


def _legendre_values(t: balls.Ball, degree: int) -> list[balls.Ball]:
    found = [flint.arb(1), t]
    for k in range(1, degree):
        found.append(((2 * k + 1) * t * found[k] - k * found[k - 1]) / (k + 1))
    return found[: degree + 1]


@lru_cache(maxsize=256)
def _legendre(k: int) -> flint.fmpq_poly:
    if k < 2:
        return flint.fmpq_poly([0] * k + [1])
    t = flint.fmpq_poly([0, 1])
    return ((2 * k - 1) * t * _legendre(k - 1) - (k - 1) * _legendre(k - 2)) / k
