"""The local extrema of f − P: where the error curve turns, and which of them alternate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import flint
import sympy as sp

from rescu_cli.approximate.bound import Approximant, cut
from rescu_cli.approximate.target import Stretch, Target
from rescu_cli.core import balls

_PER_DEGREE = 14
_FEWEST = 72
_REFINEMENTS = 60
_SECTIONS = 36
"""As far as float64 tells values beside a maximum apart, from the spacing of the grid."""
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Line:
    """One stretch with points on it.

    Args:
        stretch: Where.
        points: Ascending, both ends included.
        values: f at the points.
    """

    stretch: Stretch
    points: tuple[balls.Ball, ...]
    values: tuple[balls.Ball, ...]


@dataclass(frozen=True)
class Extremum:
    """A local extremum of the error.

    Args:
        stretch: On which.
        x: Where.
        value: f there, the middle of its ball.
        error: f − P there.
    """

    stretch: Stretch
    x: balls.Ball
    value: balls.Ball
    error: float


def grid(
    target: Target, low: sp.Expr, high: sp.Expr, degree: int, extra: Sequence[float] = ()
) -> list[Line]:
    """Points that are dense at the ends of every stretch, where error curves turn fastest."""
    lines = []
    start, stop = (balls.evaluate(e, {}) for e in (low, high))
    for stretch in cut(target.stretches(low, high), (sp.S.Zero,)):
        a, b = (e.mid() for e in stretch.ends())
        share = float((b - a) / (stop - start))
        count = _FEWEST + math.ceil(_PER_DEGREE * (degree + 2) * math.sqrt(share))
        inner = [
            (a + (b - a) * flint.arb((1 - math.cos(math.pi * i / count)) / 2)).mid()
            for i in range(1, count)
        ]
        for x in extra:
            for e in range(2, 40, 2):
                inner += [flint.arb(x + s * float(b - a) * 2.0**-e) for s in (-1, 1)]
            inner.append(flint.arb(x))
        inside = sorted({float(x): x for x in inner if a < x < b}.values(), key=float)
        points = (a, *inside, b)
        lines.append(Line(stretch, points, tuple(target.at(stretch, x) for x in points)))
    return lines


def extrema(target: Target, approximant: Approximant, lines: Sequence[Line]) -> list[Extremum]:
    """One extremum for every run of points on which the error keeps its sign, left to right."""
    flat: list[tuple[Line, int, float]] = []
    for line in lines:
        for i, (x, f) in enumerate(zip(line.points, line.values, strict=True)):
            flat.append((line, i, float((f - approximant.at(x)[0]).mid())))
    runs: list[list[tuple[Line, int, float]]] = []
    for entry in flat:
        if runs and entry[2] * runs[-1][-1][2] >= 0:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    found = []
    for run in runs:
        line, i, error = max(run, key=lambda entry: abs(entry[2]))
        x, f = line.points[i], line.values[i]
        best = Extremum(line.stretch, x, f, error)
        for a, b in ((i - 1, i), (i, i + 1)):
            if a < 0 or b >= len(line.points):
                continue
            ends = line.points[a], line.points[b]
            if target.closed_form:
                turn = _turn(line.stretch, approximant, *ends)
            else:
                turn = _peak(target, line.stretch, approximant, *ends, error)
            if turn is None:
                continue
            value = target.at(line.stretch, turn)
            there = float((value - approximant.at(turn)[0]).mid())
            if abs(there) > abs(best.error) and there * error > 0:
                best = Extremum(line.stretch, turn, value, there)
        found.append(best)
    return found


def _turn(
    stretch: Stretch, approximant: Approximant, low: balls.Ball, high: balls.Ball
) -> balls.Ball | None:
    """A zero of f′ − P′ between two points, by the Illinois rule; None if there is no change."""

    def slope(x: balls.Ball) -> balls.Ball:
        return (stretch.enclose(x, 1) - approximant.at(x)[1]).mid()

    f_low, f_high = slope(low), slope(high)
    if not (f_low.is_finite() and f_high.is_finite()) or f_low * f_high >= 0:
        return None
    side = 0
    for _ in range(_REFINEMENTS):
        x = ((low * f_high - high * f_low) / (f_high - f_low)).mid()
        f = slope(x)
        if abs(float(high - low)) <= 1e-14 * max(abs(float(high)), 1e-300) or f.is_zero():
            return x
        if f * f_high > 0:
            high, f_high = x, f
            f_low = f_low / 2 if side < 0 else f_low
            side = -1
        else:
            low, f_low = x, f
            f_high = f_high / 2 if side > 0 else f_high
            side = 1
        if float(abs(f)) < 1e-25 * float(abs(f_low) + abs(f_high)):
            return x
    return x


def _peak(
    target: Target,
    stretch: Stretch,
    approximant: Approximant,
    low: balls.Ball,
    high: balls.Ball,
    error: float,
) -> balls.Ball:
    """The largest f − P of the sign of ``error`` between two points, by golden sections."""
    a, b = float(low), float(high)

    def height(x: float) -> float:
        at = flint.arb(x)
        return math.copysign(1.0, error) * float(target.at(stretch, at) - approximant.at(at)[0])

    x, y = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    f_x, f_y = height(x), height(y)
    for _ in range(_SECTIONS):
        if f_x > f_y:
            b, y, f_y = y, x, f_x
            x = b - _GOLDEN * (b - a)
            f_x = height(x)
        else:
            a, x, f_x = x, y, f_y
            y = a + _GOLDEN * (b - a)
            f_y = height(y)
    return flint.arb((a + b) / 2)


def alternating(peaks: Sequence[Extremum], count: int) -> list[Extremum]:
    """``count`` consecutive extrema with alternating signs that include the largest.

    The extrema of runs alternate by themselves. From the ends the smaller one is dropped; that
    loses the largest only if nothing else is left.
    """
    chosen = list(peaks)
    while len(chosen) > count:
        if len(chosen) == count + 1:
            chosen.pop(0 if abs(chosen[0].error) < abs(chosen[-1].error) else -1)
            continue
        inner = range(len(chosen) - 1)
        pair = min(inner, key=lambda i: max(abs(chosen[i].error), abs(chosen[i + 1].error)))
        end = 0 if abs(chosen[0].error) < abs(chosen[-1].error) else len(chosen) - 1
        smaller = max(abs(chosen[pair].error), abs(chosen[pair + 1].error))
        if abs(chosen[end].error) <= smaller:
            chosen.pop(end)
        else:  # two neighbours go together, so that the signs still alternate
            del chosen[pair : pair + 2]
    return chosen
