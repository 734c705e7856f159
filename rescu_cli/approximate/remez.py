"""The polynomial with the smallest largest error on a range: Remez' exchange.

P of degree d is best on [a, b] if and only if f − P takes its largest absolute value with
alternating signs at d + 2 points (Chebyshev). The exchange solves

    P(x_i) + (−1)^i·E = f(x_i),   i = 0 … d + 1,

moves the points to the extrema of f − P, one from each stretch of constant sign, and repeats; |E|
rises until no error is larger. For any d + 2 points at which f − P alternates, min |f − P| over
them is a lower bound on the error of every polynomial of degree d (de la Vallée Poussin).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import flint

from rescu_cli.approximate.extrema import Line, alternating, extrema, grid
from rescu_cli.approximate.polynomial import Polynomial, chebyshev_basis, expand
from rescu_cli.approximate.target import Target
from rescu_cli.core import balls
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UnsupportedError

_MAX_ROUNDS = 60
_LEVEL = 2.0**-30
"""The largest error exceeds |E| by this part of it at most: then P is best to that part."""
_ASYMMETRY = (0.0, 0.11, -0.17, 0.23)
"""How far the first points are shifted: for an even f, symmetric points give E = 0."""


@dataclass(frozen=True)
class MinimaxFit:
    """Coefficients of the best polynomial in the largest error.

    Args:
        coefficients: Ascending powers of x.
        level: |E|; every polynomial of this degree errs by that much somewhere.
        rounds: How many exchanges it took.
    """

    coefficients: tuple[Fraction, ...]
    level: float
    rounds: int


def fit_minimax(
    target: Target, degree: int, low: Fraction, high: Fraction, bits: int,
    extra: Sequence[float] = (),
) -> MinimaxFit:  # fmt: skip
    """The polynomial of that degree that minimises max |f − P| over [low, high].

    Args:
        target: f.
        degree: d.
        low: Left end.
        high: Right end.
        bits: Working precision.
        extra: Points near which the grid is refined, since an extremum was missed there.

    Raises:
        UnsupportedError: If f jumps, or the exchange does not settle.
    """
    ends = exact(low), exact(high)
    jump = target.jump(*ends)
    if jump is not None:
        raise UnsupportedError(
            f"minimax needs a continuous function, and {target.spec} jumps at x = "
            f"{jump}; use --method least-squares, or a range without the jump."
        )
    middle, half = (low + high) / 2, (high - low) / 2
    basis = [chebyshev_basis(k) for k in range(degree + 1)]
    with balls.precision(bits):
        lines = grid(target, *ends, degree, extra)
        size = max(float(abs(f)) for line in lines for f in line.values)
        for shift in _ASYMMETRY:
            points = _first(lines, middle, half, degree, shift)
            for rounds in range(1, _MAX_ROUNDS + 1):
                solved = _levelled(points, middle, half, degree)
                if solved is None:
                    break
                found, level = solved
                coefficients = expand(found, basis, middle, half)
                peaks = extrema(target, Polynomial(coefficients), lines)
                largest = max((abs(p.error) for p in peaks), default=0.0)
                if largest <= 2.0 ** (-bits // 2) * max(size, 1e-300):
                    return MinimaxFit(coefficients, 0.0, rounds)  # f is such a polynomial
                if largest <= level * (1 + _LEVEL):
                    return MinimaxFit(coefficients, level, rounds)
                chosen = alternating(peaks, degree + 2)
                if len(chosen) < degree + 2:
                    break
                points = [(p.x, p.value) for p in chosen]
    raise UnsupportedError(
        f"The exchange for {target.spec} at degree {degree} did not settle in "
        f"{_MAX_ROUNDS} rounds; use --method least-squares, a lower degree or a narrower range."
    )


Point = tuple[balls.Ball, balls.Ball]


def _first(
    lines: Sequence[Line], middle: Fraction, half: Fraction, degree: int, shift: float
) -> list[Point]:
    """The Chebyshev extrema, moved apart from symmetry, as points of the grid."""
    flat = [(x, f) for line in lines for x, f in zip(line.points, line.values, strict=True)]
    flat.sort(key=lambda p: float(p[0]))
    places = [float((x - balls.exact_ball(middle)) / balls.exact_ball(half)) for x, _ in flat]
    chosen: list[int] = []
    count = degree + 2
    for i in range(count):
        t = -_cosine(i / (count - 1))
        t += shift * (1 - t * t)
        start = chosen[-1] + 1 if chosen else 0
        stop = len(flat) - (count - 1 - i)
        chosen.append(min(range(start, stop), key=lambda j: abs(places[j] - t)))
    return [flat[i] for i in chosen]


def _cosine(turn: float) -> float:
    from math import cos, pi

    return cos(pi * turn)


def _levelled(
    points: Sequence[Point], middle: Fraction, half: Fraction, degree: int
) -> tuple[list[balls.Ball], float] | None:
    """Chebyshev coefficients and |E| for the points; None if the system is singular."""
    m, h = balls.exact_ball(middle), balls.exact_ball(half)
    rows = []
    for i, (x, _) in enumerate(points):
        t = ((x - m) / h).mid()
        row = [flint.arb(1), t]
        for k in range(1, degree):
            row.append((2 * t * row[k] - row[k - 1]).mid())
        rows.append([*row[: degree + 1], flint.arb((-1) ** i)])
    right = flint.arb_mat([[f] for _, f in points])
    try:
        solution = flint.arb_mat(rows).solve(right)
    except ZeroDivisionError:
        return None
    found = [solution[k, 0] for k in range(degree + 2)]
    if not all(c.is_finite() for c in found):
        return None
    return [c.mid() for c in found[:-1]], abs(float(found[-1].mid()))
