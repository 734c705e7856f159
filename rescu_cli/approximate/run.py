"""`approximate`: fit, round, bound, and look for where it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import flint
import sympy as sp

from rescu_cli.approximate.bound import SupError, sup_error
from rescu_cli.approximate.dapa import fit_normal, normal_mse
from rescu_cli.approximate.escape import Escape, escape
from rescu_cli.approximate.extrema import Extremum, alternating, extrema, grid
from rescu_cli.approximate.least_squares import fit_uniform, uniform_mse
from rescu_cli.approximate.pade import fit_rational
from rescu_cli.approximate.polynomial import Polynomial, horner_loss, settled
from rescu_cli.approximate.quotient import Quotient
from rescu_cli.approximate.remez import MinimaxFit, fit_minimax
from rescu_cli.approximate.request import Request
from rescu_cli.approximate.result import Approximation, Oscillation, Quantised
from rescu_cli.approximate.target import BITS, Target
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UnsupportedError

_REPAIRS = 6
_LEVEL = 1e-3
_DOUBLE = 53  # bits of a float64's mantissa
_INVISIBLE = 1e-7
_WARN_OUTSIDE = 1e-4


@dataclass(frozen=True)
class Fit:
    """Coefficients before rounding, and how they were found."""

    coefficients: tuple[Fraction, ...]
    closed: bool = False
    quadrature: float | None = None


def approximate(subject: Activation | Target, request: Request) -> Approximation:
    """Approximate an activation and bound the error.

    Args:
        subject: An activation with every parameter bound, or a target made of something else.
        request: Method, degree, range, ….

    Raises:
        ParameterError: If a parameter is free.
        UsageError: If f is not finite on the range, or a coefficient does not fit its format.
        UnsupportedError: If the method cannot deal with f, e.g. minimax with a jump.
    """
    target = subject if isinstance(subject, Target) else Target(subject)
    if request.method == "rational":
        return _rational(target, request)
    low, high = (exact(e) for e in request.ends)
    fit = _fitted(target, request)
    reach = max(abs(e) for e in request.ends)
    size = _size(target, request)
    rough = sup_error(target, Polynomial(fit.coefficients), low, high)
    # Coefficients that do not show in the error are what rounding left of zeros.
    noise = max(fit.quadrature or 0.0, 2.0 ** (-BITS // 2)) * max(size, 1e-300)
    noise = max(noise, _INVISIBLE * rough.value / (request.degree + 1))
    found, reason = settled(fit.coefficients, reach, rough.value, noise)
    error = sup_error(target, found, low, high)
    notes = [] if reason is None else [reason]
    if fit.quadrature is not None:
        notes.append(
            f"Integrals by Gauss-Legendre between the joints; estimated error {fit.quadrature:.1g}."
        )
    quantised = None
    mse = _mse(target, found, request)
    if request.fixed_point is not None:
        before, sup_before, mse_before = found, error, mse
        found, integers, fraction = request.fixed_point.quantised(before)
        error, mse = sup_error(target, found, low, high), _mse(target, found, request)
        if request.fixed_point.bits <= _DOUBLE:  # a whole number over a power of two is a float64
            notes, reason = [note for note in notes if note != reason], None
        quantised = Quantised(
            request.fixed_point.bits, fraction, integers, before, sup_before, mse_before
        )
    loss = horner_loss(found, reach)
    if loss > _LEVEL * error.value and error.value > 0:
        notes.append(
            f"Horner's scheme in float64 may lose {loss:.2g} on the range, against an error of "
            f"{error.value:.2g}; evaluate the Chebyshev coefficients, or use more digits."
        )
    return _finished(
        Approximation(
            target, request, found, error, mse,
            escape=_escape(target, found, request, error), outside=0.0,
            oscillation=_oscillation(target, found, request, error),
            closed=fit.closed, quadrature=fit.quadrature, float64=reason, horner_loss=loss,
            quantised=quantised, notes=tuple(notes),
        )
    )  # fmt: skip


def _rational(target: Target, request: Request) -> Approximation:
    low, high = (exact(e) for e in request.ends)
    found = fit_rational(
        target, request.degree, request.denominator or 1, *request.ends, request.form
    )
    error = sup_error(target, found, low, high, splits=(sp.S.Zero,))
    notes = ["Near-minimax: differential correction on a grid, in float64."]
    if not found.smooth:
        notes.append("The denominator has a corner at x = 0.")
    return _finished(
        Approximation(
            target, request, found, error, uniform_mse(target, found, *request.ends),
            escape=_escape(target, found, request, error), outside=0.0,
            oscillation=_oscillation(target, found, request, error), notes=tuple(notes),
        )
    )  # fmt: skip


def _finished(result: Approximation) -> Approximation:
    """With the fraction that escapes, and a warning where it matters."""
    spread = result.request.distribution
    outside = result.escape.outside(spread)
    notes = list(result.notes)
    if not result.sup_error.proved:
        notes.append(f"The error is sampled, not proved: {result.sup_error.reason}.")
    if outside > _WARN_OUTSIDE:
        notes.append(
            f"{100 * outside:.3g} % of {spread} lie where |P - f| exceeds "
            f"{result.escape.tolerance:.4g}."
        )
    return replace(result, outside=outside, notes=tuple(notes))


# -- fits ------------------------------------------------------------------------------------


def _fitted(target: Target, request: Request) -> Fit:
    if request.method == "dapa":
        normal = fit_normal(target, request.degree, request.mean, request.std)
        return Fit(normal.coefficients, normal.closed, None if normal.closed else normal.error)
    if request.method == "least-squares":
        uniform = fit_uniform(target, request.degree, *request.ends)
        return Fit(uniform.coefficients, quadrature=uniform.error)
    return Fit(_minimax(target, request).coefficients)


def _minimax(target: Target, request: Request) -> MinimaxFit:
    """The exchange, shown where its grid missed an extremum until the proof agrees with it."""
    low, high = (exact(e) for e in request.ends)
    bits = BITS if request.degree <= 40 else 2 * BITS
    extra: list[float] = []
    for _ in range(_REPAIRS):
        fit = fit_minimax(target, request.degree, *request.ends, bits, extra)
        error = sup_error(target, Polynomial(fit.coefficients), low, high, bits=bits)
        if not error.proved or error.lower <= fit.level * (1 + _LEVEL) or fit.level == 0:
            return fit
        extra.append(error.at)
    raise UnsupportedError(
        f"The exchange for {target.spec} kept missing an extremum near x = "
        f"{extra[-1]:.6g}; choose a range that ends there, or --method least-squares."
    )


def _size(target: Target, request: Request) -> float:
    """About max |f| on the range."""
    low, high = (exact(e) for e in request.ends)
    with balls.precision(BITS):
        lines = grid(target, low, high, 0)
        return max(abs(float(f)) for line in lines for f in line.values)


def _mse(target: Target, found: Polynomial, request: Request) -> float:
    if request.method == "dapa":
        return normal_mse(target, found, request.mean, request.std)
    return uniform_mse(target, found, *request.ends)


# -- the error curve ---------------------------------------------------------------------------


def _escape(
    target: Target, found: Polynomial | Quotient, request: Request, error: SupError
) -> Escape:
    tolerance = error.value if request.tolerance is None else request.tolerance
    known = request.ends if error.proved and tolerance >= error.value else None
    low, high = request.ends
    return escape(target, found, request.center, (high - low) / 2, tolerance, known)


def _oscillation(
    target: Target, found: Polynomial | Quotient, request: Request, error: SupError
) -> Oscillation:
    """The extrema of the error, and the bound of de la Vallée Poussin that they prove."""
    low, high = (exact(e) for e in request.ends)
    degree = request.degree + (request.denominator or 0)
    with balls.precision(BITS):
        lines = grid(target, low, high, degree, (error.at,))
        peaks = [p for p in extrema(target, found, lines) if p.error]
        points = tuple((float(p.x), p.error) for p in peaks)
        level = sum(abs(e) >= (1 - _LEVEL) * error.lower for _, e in points)
        if isinstance(found, Quotient):
            return Oscillation(points, level, None, None)
        needed, lower = found.degree + 2, None
        if target.closed_form and len(peaks) >= needed:
            lower = _valley(alternating(peaks, needed), found)
    return Oscillation(points, level, needed, lower)


def _valley(chosen: list[Extremum], found: Polynomial) -> float | None:
    """min |f − P| over alternating points, rounded down; None if the signs do not alternate."""
    errors = [p.stretch.enclose(p.x) - found.at(p.x)[0] for p in chosen]
    signs = [1 if e > 0 else -1 if e < 0 else 0 for e in errors]
    if any(s * t >= 0 for s, t in pairwise(signs)):
        return None
    smallest = min((abs(e).lower() for e in errors), key=float)
    value = float(smallest) * (1 - 2.0**-50)
    return value if flint.arb(value) <= smallest else None
