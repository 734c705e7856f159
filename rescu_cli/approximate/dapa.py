"""The polynomial closest in mean square to f(x) for x ~ N(u, v²): the Hermite expansion.

P(x) = Σ_{n ≤ d} c_n/n!·He_n((x − u)/v) with c_n = E f(u + vz)·He_n(z), z ~ N(0, 1), minimises
E (f − P)², since the He_n/√n! are orthonormal. For max(x, 0), with a = u/v,

    c₀ = uΦ(a) + vφ(a),   c₁ = vΦ(a),   c_n = v·He_{n−2}(−a)·φ(a)   (n ≥ 2)

(Stein: E f·He_n = vⁿ·E f⁽ⁿ⁾, and ReLU″ = δ). A continuous piecewise-linear f is a line plus
multiples of ReLU(x − j), and z is the same for x − j: so its coefficients are closed as well.
Every other f is integrated between its joints. Source: "DaPa" of AutoReP (Peng et al., 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import factorial, sqrt

import flint
import sympy as sp

from rescu_cli.approximate.polynomial import Polynomial, expand
from rescu_cli.approximate.quadrature import Cell, Integrand, integrate
from rescu_cli.approximate.target import BITS, Stretch, Target
from rescu_cli.core import balls
from rescu_cli.errors import UnsupportedError

Vector = Callable[[balls.Ball, balls.Ball], Sequence[balls.Ball]]


@dataclass(frozen=True)
class NormalFit:
    """Coefficients of the best polynomial under a normal weight.

    Args:
        coefficients: Ascending powers of x.
        closed: Whether the closed form was used.
        error: Estimate of what the quadrature got wrong, relative to E|f|; 0 if closed.
    """

    coefficients: tuple[Fraction, ...]
    closed: bool
    error: float


def fit_normal(target: Target, degree: int, mean: Fraction, std: Fraction) -> NormalFit:
    """The polynomial of that degree that minimises E (f − P)² under N(mean, std²).

    Raises:
        UnsupportedError: If f grows too fast for the expectation to be found.
    """
    with balls.precision(BITS):
        bends = target.bends
        if bends is not None:
            moments, error = _closed(bends, degree, mean, std), 0.0
        else:
            moments, error = _integrated(target, degree, mean, std)
        scaled = [c / factorial(n) for n, c in enumerate(moments)]
        basis = [hermite(n) for n in range(degree + 1)]
        return NormalFit(expand(scaled, basis, mean, std), bends is not None, error)


def _closed(
    bends: tuple[tuple[sp.Expr, sp.Expr], tuple[tuple[sp.Expr, sp.Expr], ...]],
    degree: int, mean: Fraction, std: Fraction,
) -> list[balls.Ball]:  # fmt: skip
    u, v = balls.exact_ball(mean), balls.exact_ball(std)
    (constant, slope), kinks = bends
    a0, b0 = balls.evaluate(constant, {}), balls.evaluate(slope, {})
    found = [a0 + b0 * u, b0 * v] + [flint.arb(0)] * degree
    for joint, change in kinks:
        shifted = u - balls.evaluate(joint, {})
        delta = balls.evaluate(change, {})
        for n, c in enumerate(relu_moments(shifted, v, degree)):
            found[n] += delta * c
    return found[: degree + 1]


_NOTHING = flint.arb(2) ** -8000


def relu_moments(u: balls.Ball, v: balls.Ball, degree: int) -> list[balls.Ball]:
    """E max(u + vz, 0)·He_n(z) for n = 0 … degree."""
    a = u / v
    density = (-a * a / 2).exp() / (2 * flint.arb.pi()).sqrt()
    mass = (-a / flint.arb(2).sqrt()).erfc() / 2
    found = [u * mass + v * density, v * mass]
    found += [v * flint.arb_poly(hermite(n - 2))(-a) * density for n in range(2, degree + 1)]
    # Far from the joint they are e^(−500000) and the like: nothing beside what is printed, and what
    # is printed is what the error is proved of.
    return [flint.arb(0) if c.abs_upper() < _NOTHING else c for c in found[: degree + 1]]


def _integrated(
    target: Target, degree: int, mean: Fraction, std: Fraction
) -> tuple[list[balls.Ball], float]:
    # Orthonormal He_n/√n! keep all moments at the size of f.
    norms = [balls.exact_ball(factorial(n)).sqrt() for n in range(degree + 1)]

    def vector(value: balls.Ball, z: balls.Ball) -> list[balls.Ball]:
        return [value * h for h in orthonormal(z, degree)]

    found = integrate(
        normal_cells(target, mean, std, degree, vector),
        nodes=max(32, degree // 2 + 24), tolerance=target.settled,
    )  # fmt: skip
    return [m * norm for m, norm in zip(found.values, norms, strict=True)], found.error


def normal_mse(target: Target, polynomial: Polynomial, mean: Fraction, std: Fraction) -> float:
    """E (f − P)² under N(mean, std²)."""
    u, v = balls.exact_ball(mean), balls.exact_ball(std)

    def vector(value: balls.Ball, z: balls.Ball) -> list[balls.Ball]:
        e = (value - polynomial.at((u + v * z).mid())[0]).mid()
        return [e * e]  # a power of a ball around 0 would not be a number

    with balls.precision(BITS):
        cells = normal_cells(target, mean, std, 2 * polynomial.degree, vector)
        found = integrate(
            cells, nodes=max(40, polynomial.degree + 24), tolerance=max(1e-16, target.settled)
        )
        return max(float(found.values[0]), 0.0)


def normal_cells(
    target: Target, mean: Fraction, std: Fraction, degree: int, vector: Vector
) -> list[Cell]:
    """Cells of ∫ vector(f(u + vz), z)·φ(z) dz, cut at the joints and beyond any influence.

    Args:
        target: f.
        mean: u.
        std: v.
        degree: Of the polynomial factors, which push the mass outward.
        vector: Functions of (f(x), z).

    Raises:
        UnsupportedError: If what lies beyond the cut is not negligible.
    """
    reach = int(2 * sqrt(degree + 1)) + 20
    u, v = balls.exact_ball(mean), balls.exact_ball(std)
    root = (2 * flint.arb.pi()).sqrt()
    low, high = (_rational(mean + side * reach * std) for side in (-1, 1))

    def integrand(stretch: Stretch) -> Integrand:
        def values(z: balls.Ball) -> list[balls.Ball]:
            density = (-z * z / 2).exp() / root
            f = target.at(stretch, (u + v * z).mid())
            return [g * density for g in vector(f, z)]

        return values

    cells = []
    for stretch in target.stretches(low, high):
        ends = [((end - u) / v).mid() for end in stretch.ends()]
        inner = [flint.arb(k) for k in range(-reach, reach + 1) if ends[0] < k < ends[1]]
        points = [ends[0], *inner, ends[1]]
        rule = integrand(stretch)
        cells += [Cell(a, b, rule) for a, b in pairwise(points)]
    for cell, z in ((cells[0], cells[0].lower), (cells[-1], cells[-1].upper)):
        largest = max(abs(float(g)) for g in cell.integrand(z))
        if not largest < max(1e-25, target.settled):
            raise UnsupportedError(
                f"{target.spec} grows too fast for its mean under N({float(mean):g}, "
                f"{float(std):g}²): at {reach} standard deviations it still weighs {largest:.2g}."
            )
    return cells


def orthonormal(z: balls.Ball, degree: int) -> list[balls.Ball]:
    """He_n(z)/√n! for n = 0 … degree, by h_{n+1} = (z·h_n − √n·h_{n−1})/√(n + 1)."""
    found = [flint.arb(1), z]
    for n in range(1, degree):
        found.append((z * found[n] - _root(n) * found[n - 1]) / _root(n + 1))
    return found[: degree + 1]


def _root(n: int) -> balls.Ball:
    return flint.arb(n).sqrt()


@lru_cache(maxsize=256)
def hermite(n: int) -> flint.fmpq_poly:
    """He_n, the probabilists' Hermite polynomial."""
    if n < 2:
        return flint.fmpq_poly([0] * n + [1])
    x = flint.fmpq_poly([0, 1])
    return x * hermite(n - 1) - (n - 1) * hermite(n - 2)


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)
