"""Rational functions close to a function on a range: differential correction, without questions.

Where Q is linear in its weights b, the levels |f·Q − P| ≤ E·Q are linear inequalities for fixed E.
Differential correction (Cheney and Loeb) starts anywhere and solves, on a grid,

    minimise δ:   |f·Q − P| − E_k·Q ≤ δ·Q_k,      E_{k+1} = max |f − P/Q|,

which falls to the best error of the family on the grid, at a quadratic rate. Q is linear in b where
the absolute values are resolved: in form A with b ≥ 0, in B and C for each admitted sign pattern of
s = Σ b_i x^i on the two sides of 0 (s ≥ 0 on both, or the sign of x); the better pattern is taken.
So this is near-minimax: best on a grid, within the patterns, in float64 arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rescu_cli.approximate.extrema import grid
from rescu_cli.approximate.polynomial import Polynomial
from rescu_cli.approximate.quotient import FORMS, Quotient
from rescu_cli.approximate.target import BITS, Target
from rescu_cli.core import balls
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UnsupportedError, UsageError

Array = npt.NDArray[np.float64]
Pattern = Literal["weights", "even", "odd"]
_ROUNDS = 30
_SETTLED = 1e-4
_NOISE = 1e-3
_LARGEST_WEIGHT = 1e4
_OPTIONS = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
_FAR = np.concatenate([np.linspace(0, 2, 41), np.logspace(0.35, 4, 30)])


@dataclass(frozen=True)
class _Sample:
    """f on a grid of x/r.

    Args:
        t: Points, |t| ≤ 1.
        f: Values.
    """

    t: Array
    f: Array


def fit_rational(
    target: Target, numerator: int, denominator: int, low: Fraction, high: Fraction, form: str
) -> Quotient:
    """A near-minimax P/Q of degrees ``numerator``/``denominator`` on [low, high].

    Raises:
        UnsupportedError: If the linear programs fail.
    """
    reach = max(abs(low), abs(high))
    sample = _sampled(target, low, high, reach, numerator + denominator)
    patterns: tuple[Pattern, ...] = ("weights",) if form == "A" else ("even", "odd")
    best: tuple[float, Array, Array] | None = None
    for pattern in patterns:
        found = _corrected(sample, numerator, denominator, pattern)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    if best is None:
        raise UnsupportedError(
            f"No rational function of degrees {numerator}/{denominator} was found for "
            f"{target.spec}; use other degrees or a narrower range."
        )
    error, a, b = best
    a, b = _without_noise(sample, error, a, b)
    scale = FORMS[form]
    top = tuple(_scaled(c, k, reach) * scale for k, c in enumerate(a))
    weights = [_scaled(c, k, reach) * scale for k, c in enumerate(b, 1)]
    return _admitted(Polynomial(tuple(_double(c) for c in top)), weights, form, reach)


def _without_noise(sample: _Sample, error: float, a: Array, b: Array) -> tuple[Array, Array]:
    """Coefficients that move P/Q by less than a thousandth of its error are set to 0.

    They are what the linear program leaves of zeros, and would decide how P/Q grows far out.
    """
    size = max(float(np.max(np.abs(sample.f))), 1e-300)
    small_a = np.abs(a) <= _NOISE * error
    small_b = np.abs(b) * size <= _NOISE * error
    return np.where(small_a, 0.0, a), np.where(small_b, 0.0, b)


def _scaled(c: float, power: int, reach: Fraction) -> Fraction:
    return Fraction(float(c)) / reach**power


def _double(c: Fraction) -> Fraction:
    return Fraction(float(c))


def _admitted(top: Polynomial, weights: list[Fraction], form: str, reach: Fraction) -> Quotient:
    """The quotient; where rounding made s change its sign, lifted by as little as helps."""
    lift = Fraction(0)
    for attempt in range(12):
        lifted = [b + lift / reach**i if i in (2, len(weights)) and b else b
                  for i, b in enumerate(weights, 1)]  # fmt: skip
        try:
            return Quotient(top, tuple(_double(b) for b in lifted), form)
        except UsageError:
            lift = Fraction(10) ** (attempt - 13)
    raise UnsupportedError(f"No denominator of form {form} without a corner was found; use form A.")


def _sampled(
    target: Target, low: Fraction, high: Fraction, reach: Fraction, degree: int
) -> _Sample:
    ends = (exact(low), exact(high))
    with balls.precision(BITS):
        lines = grid(target, *ends, degree)
        x = np.array([float(p) for line in lines for p in line.points])
        f = np.array([float(v) for line in lines for v in line.values])
    return _Sample(x / float(reach), f)


def _corrected(
    sample: _Sample, m: int, n: int, pattern: Pattern
) -> tuple[float, Array, Array] | None:
    """(error on the grid, a, b) in the scaled variable."""
    t, f = sample.t, sample.f
    powers = np.vander(t, m + 1, increasing=True)
    below = _denominator_columns(t, n, pattern)
    sign_rows = _sign_rows(n, pattern)
    a = np.asarray(np.linalg.lstsq(powers, f, rcond=None)[0], dtype=np.float64)
    b: Array = np.zeros(n)
    error = float(np.max(np.abs(f - powers @ a)))
    best = (error, a, b)
    for _ in range(_ROUNDS):
        q = 1 + below @ b
        if error < 1e-14 * (1 + float(np.max(np.abs(f)))):
            break
        solved = _program(f, powers, below, sign_rows, q, error, pattern)
        if solved is None:
            break
        a, b = solved
        found = float(np.max(np.abs(f - (powers @ a) / (1 + below @ b))))
        if not found < best[0] * (1 - _SETTLED):
            if found < best[0]:
                best = (found, a, b)
            break
        best, error = (found, a, b), found
    return best if math.isfinite(best[0]) else None


def _denominator_columns(t: Array, n: int, pattern: Pattern) -> Array:
    """The columns of Q − 1, which are linear in b for the pattern."""
    columns = np.stack([t**i for i in range(1, n + 1)], axis=1)
    if pattern == "weights":
        return np.abs(columns)
    return columns if pattern == "even" else columns * np.sign(t)[:, None]


def _sign_rows(n: int, pattern: Pattern) -> Array:
    """Rows r with r·b ≥ 0: s keeps the sign of the pattern at far and near points of the line."""
    if pattern == "weights":
        return np.eye(n)
    start = 2 if pattern == "even" else 1
    rows = []
    for t in np.concatenate([-_FAR[::-1], _FAR]):
        row = np.array([0.0] * (start - 1) + [t ** (i - start) for i in range(start, n + 1)])
        rows.append(row / np.max(np.abs(row)) if row.size and np.any(row) else row)
    return np.array(rows)


def _program(
    f: Array, powers: Array, below: Array, sign_rows: Array, q: Array, error: float,
    pattern: Pattern,
) -> tuple[Array, Array] | None:  # fmt: skip
    """One linear program in (a, b, δ), its rows divided by the error, so that δ is of size 1."""
    from scipy.optimize import linprog

    m, n = powers.shape[1], below.shape[1]
    blocks, right = [], []
    for side in (1.0, -1.0):
        # side·(f·(1 + Cb) − Pa)/E − (1 + Cb) ≤ δ·q
        weight = side * f[:, None] / error * below - below
        blocks.append(np.hstack([-side * powers / error, weight, -q[:, None]]))
        right.append(1 - side * f / error)
    blocks.append(np.hstack([np.zeros((len(sign_rows), m)), -sign_rows,
                             np.zeros((len(sign_rows), 1))]))  # fmt: skip
    right.append(np.zeros(len(sign_rows)))
    bounds: list[Any] = [(None, None)] * m + _weight_bounds(n, pattern) + [(None, None)]
    cost = np.zeros(m + n + 1)
    cost[-1] = 1.0
    solved = linprog(cost, A_ub=np.vstack(blocks), b_ub=np.concatenate(right), bounds=bounds,
                     method="highs", options=_OPTIONS)  # fmt: skip
    if not solved.success:
        return None
    return solved.x[:m], solved.x[m : m + n]


def _weight_bounds(n: int, pattern: Pattern) -> list[tuple[float, float]]:
    """A polynomial that keeps one sign on the line has even degree: the rest of b is 0."""
    free = (-_LARGEST_WEIGHT, _LARGEST_WEIGHT)
    if pattern == "weights":
        return [(0.0, _LARGEST_WEIGHT)] * n
    start = 2 if pattern == "even" else 1
    last = n if (n - start) % 2 == 0 else n - 1
    return [free if start <= i <= last else (0.0, 0.0) for i in range(1, n + 1)]
