"""Smooth activations replaced by piecewise-linear ones, with a proved bound of what that changes.

On a segment of length h the line through two points of f is off by at most h²/8·sup|f″|. What the
network's output is off by follows layer by layer: an affine map M takes errors e to |M|·e, and an
activation f with surrogate g, |f − g| ≤ δ and g of slope at most L, takes them to δ + L·e, since
|f(z) − g(z′)| ≤ |f(z) − g(z)| + |g(z) − g(z′)|. The bound on |f − g| holds on an interval in which
f's argument stays, by interval arithmetic over the slice. All of this is done with fractions and
rounded up; it is a bound for exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil

import flint
import numpy as np
import sympy as sp

from rescu_cli.certify import certify
from rescu_cli.core.activation import Activation
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.reference import Reference
from rescu_cli.errors import UsageError
from rescu_cli.network.regions.matrices import affine_map
from rescu_cli.network.regions.partition import pooled
from rescu_cli.network.regions.pieces import (
    Pieces,
    forward_activation,
    fraction,
    known_pieces,
    pieces_of,
)
from rescu_cli.network.regions.polygons import Floats
from rescu_cli.network.regions.program import Affine, Choice, Largest, Program
from rescu_cli.network.regions.slices import Slice

MOST = 10_000  # segments of one activation
Interval = tuple[Fraction, Fraction]


@dataclass(frozen=True)
class Surrogate:
    """A piecewise-linear stand-in for an activation.

    Args:
        activation: As typed.
        pieces: The stand-in.
        low: From where …
        high: … to where the bound holds.
        sup_error: Bound of |f − g| there.
    """

    activation: str
    pieces: Pieces
    low: float
    high: float
    sup_error: Fraction


@dataclass(frozen=True)
class Surrogates:
    """The stand-ins of a network and what they change.

    Args:
        pieces: Of each step that chooses, stand-ins or the function itself, by its name.
        used: Stand-ins by the step's name.
        output_error: Bound of what each output is off by on the slice; the largest of them.
    """

    pieces: Mapping[str, Pieces]
    used: Mapping[str, Surrogate]
    output_error: float


def surrogates(
    program: Program, where: Slice, shape: tuple[int, ...], n_segments: int
) -> Surrogates:
    """Stand-ins for all smooth activations of a network, good on a slice.

    Args:
        program: From `read_program`.
        where: The slice.
        shape: Of one input.
        n_segments: Lines for each curved piece that has two ends, and for all of an unbounded one.

    Raises:
        UsageError: If an activation has no proved bound of its second derivative, or a number is
            out of range.
    """
    if not 1 <= n_segments <= MOST:
        raise UsageError(f"pwl:{n_segments} asked; possible are 1 … {MOST} lines.")
    bounds: dict[str, list[Interval]] = {program.entry: _entry(where)}
    errors: dict[str, list[Fraction]] = {program.entry: [Fraction(0)] * len(where.origin)}
    shapes: dict[str, tuple[int, ...]] = {program.entry: shape}
    pieces: dict[str, Pieces] = {}
    used: dict[str, Surrogate] = {}
    for step in program.steps:
        if isinstance(step, Affine):
            if step.shape or step.name in program.constants:
                continue
            found = affine_map(program, step, shapes)
            behind = _affine(found.matrices, found.constant, bounds, errors)
            bounds[step.name], errors[step.name] = behind
            shapes[step.name] = found.shape
        elif isinstance(step, Largest):
            windows, size = pooled(step.module, shapes[step.source])
            z, e = bounds[step.source], errors[step.source]
            members = [[i for i in window if i >= 0] for window in windows.tolist()]
            bounds[step.name] = [
                (max(z[i][0] for i in m), max(z[i][1] for i in m)) for m in members
            ]
            errors[step.name] = [max(e[i] for i in m) for m in members]
            shapes[step.name] = size
        else:
            z, e = bounds[step.source], errors[step.source]
            # Where f's own argument may be: the surrogate's, and what it is off by.
            low = min(a - d for (a, _), d in zip(z, e, strict=True))
            high = max(b + d for (_, b), d in zip(z, e, strict=True))
            rule, error = _rule(step, n_segments, low, high)
            pieces[step.name] = rule.pieces if isinstance(rule, Surrogate) else rule
            if isinstance(rule, Surrogate):
                used[step.name] = rule
            g = pieces[step.name]
            bounds[step.name] = [_image(g, interval) for interval in z]
            errors[step.name] = [_up(error + g.steepest * d) for d in e]
            shapes[step.name] = shapes[step.source]
    worst = max(errors[program.result])
    return Surrogates(pieces, used, _float_above(worst))


def _entry(where: Slice) -> list[Interval]:
    found = []
    for a, b, c in where.coefficients().T.tolist():
        u, v, w = Fraction(a), Fraction(b), Fraction(c)
        ends = [
            u * Fraction(x) + v * Fraction(y) + w
            for x in (where.low[0], where.high[0]) for y in (where.low[1], where.high[1])
        ]  # fmt: skip
        found.append((min(ends), max(ends)))
    return found


def _affine(
    matrices: Mapping[str, Floats], constant: Floats,
    bounds: Mapping[str, list[Interval]], errors: Mapping[str, list[Fraction]],
) -> tuple[list[Interval], list[Fraction]]:  # fmt: skip
    """Intervals and errors behind an affine map; ends rounded outward to floats."""
    low = [Fraction(c) for c in constant.tolist()]
    high, off = list(low), [Fraction(0)] * len(low)
    for name, matrix in matrices.items():
        z, e = bounds[name], errors[name]
        for row, place in np.argwhere(matrix).tolist():
            weight = Fraction(float(matrix[row, place]))
            ends = (weight * z[place][0], weight * z[place][1])
            low[row], high[row] = low[row] + min(ends), high[row] + max(ends)
            off[row] += abs(weight) * e[place]
    intervals = [(-_up(-a), _up(b)) for a, b in zip(low, high, strict=True)]
    return intervals, [_up(d) for d in off]


def _up(number: Fraction) -> Fraction:
    """The number, or a float not below it: fractions would grow from layer to layer."""
    return Fraction(_float_above(number))


def _float_above(number: Fraction) -> float:
    found = float(number)
    return found if Fraction(found) >= number else math.nextafter(found, math.inf)


def _image(g: Pieces, interval: Interval) -> Interval:
    """Least and largest value of the pieces on an interval: at its ends and the thresholds."""
    low, high = interval
    at = [low, high, *(t for t in g.thresholds if low < t < high)]
    values = [g.value(z) for z in at]
    return min(values), max(values)


def _rule(
    step: Choice, n_segments: int, low: Fraction, high: Fraction
) -> tuple[Pieces | Surrogate, Fraction]:
    activation = forward_activation(step.module)
    if activation is None:
        return known_pieces(step), Fraction(0)
    exact = pieces_of(activation)
    if exact is not None:
        return exact, Fraction(0)
    made = surrogate(activation, n_segments, low, high)
    return made, made.sup_error


def surrogate(activation: Activation, n_segments: int, low: Fraction, high: Fraction) -> Surrogate:
    """A piecewise-linear function near an activation on an interval, through points of it.

    Pieces that are straight stay as they are. A curved piece between two breakpoints is cut into
    ``n_segments`` of equal length; one without an end is cut where the interval ends, and goes on
    along its last line.

    Args:
        activation: Parameters bound.
        n_segments: At least 1.
        low: Left end of the interval in which the bound holds.
        high: Right end.

    Raises:
        UsageError: If sup|f″| is not proved, or f jumps.
    """
    nodes, curved = _nodes(activation, n_segments, low, high)
    reference = Reference(activation)
    values, off = [], Fraction(0)
    for node in nodes:
        ball = reference.enclose(node)
        middle = Fraction(float(ball.mid()))
        values.append(middle)
        # The line goes through a rounded value: it is off by the rounding at most.
        off = max(off, Fraction(float((ball - _ball(middle)).abs_upper())))
    points = list(zip(nodes, values, strict=True))
    slopes = [(v - u) / (b - a) for (a, u), (b, v) in pairwise(points)]
    ends = [_tail(activation, 0), _tail(activation, -1)]
    first = slopes[0] if ends[0] is None else ends[0]
    last = slopes[-1] if ends[1] is None else ends[1]
    offsets = [values[i] - slopes[i] * nodes[i] for i in range(len(slopes))]
    pieces = Pieces(
        tuple(nodes),
        (first, *slopes, last),
        (values[0] - first * nodes[0], *offsets, values[-1] - last * nodes[-1]),
        f"pwl:{n_segments} of {activation.spec}",
    )
    bend = _sup_second_derivative(activation)
    width = max((b - a for a, b in curved), default=Fraction(0))
    error = _up(
        width * width / 8 * bend
        + off * (1 + Fraction(1, 10**9))
        + _rounding(activation, bend, max(abs(low), abs(high)))
    )
    return Surrogate(activation.spec, pieces, float(low), _float_above(high), error)


def _nodes(
    activation: Activation, n_segments: int, low: Fraction, high: Fraction
) -> tuple[list[Fraction], list[Interval]]:
    """Where the lines meet, and the segments over which f is curved."""
    breaks = [fraction(b) for b in activation.breakpoints]
    nodes, curved = set(breaks), []
    for number, piece in enumerate(activation.pieces):
        if piece.gradient.is_number:
            continue
        inner_left = number > 0
        inner_right = number < len(breaks)
        start = breaks[number - 1] if inner_left else low
        end = breaks[number] if inner_right else high
        start, end = (start, max(end, start + 1)) if inner_left else (min(start, end - 1), end)
        marks = [start + (end - start) * k / n_segments for k in range(n_segments + 1)]
        # Short fractions, rounded once: a node is where we say it is.
        marks = [marks[0], *(Fraction(float(m)) for m in marks[1:-1]), marks[-1]]
        nodes |= set(marks)
        curved += list(pairwise(marks))
    return sorted(nodes), curved


def _tail(activation: Activation, number: int) -> Fraction | None:
    """The slope of an outer piece that is straight."""
    gradient = activation.pieces[number].gradient
    return fraction(gradient) if gradient.is_number else None


def _rounding(activation: Activation, bend: Fraction, reach: Fraction) -> Fraction:
    """What irrational slopes and joints cost, which were taken as the floats next to them."""
    ulp = Fraction(1, 2**52)
    slopes = [p.gradient for p in (activation.pieces[0], activation.pieces[-1])]
    tails = [
        abs(fraction(s))
        for s in slopes
        if s.is_number and not sp.sympify(s, strict=True).is_Rational
    ]
    joints = [
        abs(fraction(b))
        for b in activation.breakpoints
        if not sp.sympify(b, strict=True).is_Rational
    ]
    farthest = reach + max((abs(fraction(b)) for b in activation.breakpoints), default=Fraction(0))
    moved = ulp * max(joints, default=Fraction(0))
    return ulp * max(tails, default=Fraction(0)) * farthest + bend * moved * (moved + farthest)


def _sup_second_derivative(activation: Activation) -> Fraction:
    """A proved bound of sup|f″|, rounded up."""
    claim = certify(activation, ["gradient_lipschitz"])["gradient_lipschitz"]
    if claim.status.value != "proved" or claim.value in (None, "inf"):
        raise UsageError(
            f"{activation.spec}: no bound of its second derivative is proved "
            f"({claim.reason or 'its gradient jumps'}), so no piecewise-linear stand-in can be "
            "vouched for."
        )
    number = parse_exact(str(claim.value), {})
    if number.is_Rational and claim.method == "exact":
        return fraction(number)
    # Printed digits of an enclosure: a thousandth of a millionth is far more than they are off by.
    return Fraction(ceil(sp.N(number, 30) * 10**12 * (1 + sp.Rational(1, 10**9))), 10**12)


def _ball(number: Fraction) -> flint.arb:
    return flint.arb(flint.fmpq(number.numerator, number.denominator))
