"""The same regions in rational arithmetic, for small networks: the reference of `partition`.

Every float64 is a fraction, and so are the crossings of lines with rational coefficients. Nothing
is rounded, no tolerance is needed, and a region is found however thin it is. It is written for
itself, polygon by polygon and unit by unit, and shares only the reading of the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from rescu_cli.errors import UsageError
from rescu_cli.network.regions.matrices import AffineMap, affine_map
from rescu_cli.network.regions.partition import pooled
from rescu_cli.network.regions.pieces import Pieces
from rescu_cli.network.regions.program import Affine, Choice, Largest, Program
from rescu_cli.network.regions.slices import Slice

Number = Any  # flint.fmpq; the package has no types
Point = tuple[Number, Number]
Function = tuple[Number, Number, Number]
"""a, b, c of a·x + b·y + c."""


ZERO = flint.fmpq(0)


@dataclass(frozen=True)
class ExactRegion:
    """A region with rational vertices.

    Args:
        vertices: In order around it.
        maps: The outputs as functions of x and y.
    """

    vertices: tuple[Point, ...]
    maps: tuple[Function, ...]

    @property
    def area(self) -> Number:
        """Half the cross products (shoelace)."""
        around = zip(self.vertices, (*self.vertices[1:], self.vertices[0]), strict=True)
        return sum((a[0] * b[1] - b[0] * a[1] for a, b in around), ZERO) / 2


@dataclass(frozen=True)
class _State:
    vertices: tuple[Point, ...]
    values: dict[str, list[Function]]


def exact_partition(
    program: Program,
    pieces: Mapping[str, Pieces],
    where: Slice,
    shape: Sequence[int] | None = None,
    max_regions: int | None = None,
) -> list[ExactRegion]:
    """All regions of a network on a slice, without rounding.

    Args:
        program: From `read_program`.
        pieces: Of the units of each `Choice`, by the step's name.
        where: The slice.
        shape: Of one input.
        max_regions: Refuses to go on beyond so many.

    Raises:
        UsageError: If there are more regions than asked for, or a layer is too large.
    """
    shape = (len(where.origin),) if shape is None else tuple(shape)
    lines = [[rational(v) for v in column] for column in where.coefficients().T.tolist()]
    entry: list[Function] = [(a, b, c) for a, b, c in lines]
    (x0, y0), (x1, y1) = (tuple(map(rational, end)) for end in (where.low, where.high))
    states = [_State(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), {program.entry: entry})]
    shapes: dict[str, tuple[int, ...]] = {program.entry: shape}
    for step in program.steps:
        if isinstance(step, Affine):
            if step.shape or step.name in program.constants:
                continue
            states, size = _affine(program, step, states, shapes)
            shapes[step.name] = size
        else:
            states, size = _choices(step, states, pieces, shapes[step.source])
            shapes[step.name] = size
        if max_regions is not None and len(states) > max_regions:
            raise UsageError(
                f"More than {max_regions} regions at {step.name}; rational arithmetic is for small "
                "networks. Leave '--exact' out, or take a smaller box."
            )
    return [ExactRegion(s.vertices, tuple(s.values[program.result])) for s in states]


def rational(number: float | Fraction) -> Number:
    """A float or a fraction, exactly."""
    found = Fraction(number)
    return flint.fmpq(found.numerator, found.denominator)


def _affine(
    program: Program, step: Affine, states: list[_State], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[list[_State], tuple[int, ...]]:
    found = affine_map(program, step, shapes)
    rows = _rows(found)

    def run(state: _State) -> list[Function]:
        out = []
        for terms, constant in rows:
            a = b = ZERO
            c = constant
            for name, place, weight in terms:
                u, v, w = state.values[name][place]
                a, b, c = a + weight * u, b + weight * v, c + weight * w
            out.append((a, b, c))
        return out

    return [_State(s.vertices, {**s.values, step.name: run(s)}) for s in states], found.shape


def _rows(found: AffineMap) -> list[tuple[list[tuple[str, int, Number]], Number]]:
    """For each output the places and weights that are not 0, and its constant."""
    rows = []
    for row, constant in enumerate(found.constant.tolist()):
        terms = [
            (name, int(place), rational(float(matrix[row, place])))
            for name, matrix in found.matrices.items()
            for place in np.flatnonzero(matrix[row])
        ]
        rows.append((terms, rational(constant)))
    return rows


def _choices(
    step: Choice | Largest, states: list[_State], pieces: Mapping[str, Pieces],
    shape: tuple[int, ...],
) -> tuple[list[_State], tuple[int, ...]]:  # fmt: skip
    found = []
    if isinstance(step, Choice):
        rule = pieces[step.name]
        for state in states:
            parts = [state.vertices]
            for a, b, c in state.values[step.source]:
                for t in rule.thresholds:
                    line = (a, b, c - rational(t))
                    halves = [_clip(part, line, side) for part in parts for side in (1, -1)]
                    parts = [half for half in halves if half]
            for part in parts:
                x, y = _inner(part)
                out = [_chosen(rule, f, x, y) for f in state.values[step.source]]
                found.append(_State(part, {**state.values, step.name: out}))
        return found, shape
    windows, size = pooled(step.module, shape)
    for state in states:
        units, parts = state.values[step.source], [state.vertices]
        for window in windows.tolist():
            members = [units[i] for i in window if i >= 0]
            parts = [p for part in parts for p in _largest_parts(part, members)]
        for part in parts:
            x, y = _inner(part)
            at = [a * x + b * y + c for a, b, c in units]
            best = [max((i for i in w if i >= 0), key=at.__getitem__) for w in windows.tolist()]
            out = [units[i] for i in best]
            found.append(_State(part, {**state.values, step.name: out}))
    return found, size


def _chosen(rule: Pieces, f: Function, x: Number, y: Number) -> Function:
    a, b, c = f
    z = a * x + b * y + c
    k = sum(z > rational(t) for t in rule.thresholds)
    slope, offset = rational(rule.slopes[k]), rational(rule.offsets[k])
    return a * slope, b * slope, c * slope + offset


def _largest_parts(part: tuple[Point, ...], members: list[Function]) -> list[tuple[Point, ...]]:
    found = []
    for i, f in enumerate(members):
        left: tuple[Point, ...] = part
        for j, g in enumerate(members):
            line = (f[0] - g[0], f[1] - g[1], f[2] - g[2])
            if i == j or not left:
                continue
            if not any(_at(line, p) for p in left):  # equal everywhere: the first has it
                left = left if i < j else ()
            else:
                left = _clip(left, line, 1)
        if left:
            found.append(left)
    return found


def _at(line: Function, point: Point) -> Number:
    return line[0] * point[0] + line[1] * point[1] + line[2]


def _clip(vertices: tuple[Point, ...], line: Function, side: int) -> tuple[Point, ...]:
    """The part where side·line ≥ 0; empty if it has no inside.

    A polygon on one side is given back whole; one on which the line is 0 everywhere, for side 1.
    """
    values = [_at(line, p) * side for p in vertices]
    if not any(values):
        return vertices if side == 1 else ()
    if min(values) >= 0:
        return vertices
    if max(values) <= 0:
        return ()
    found = []
    for i, (p, u) in enumerate(zip(vertices, values, strict=True)):
        j = (i + 1) % len(vertices)
        q, v = vertices[j], values[j]
        if u >= 0:
            found.append(p)
        if u * v < 0:
            share = u / (u - v)
            found.append((p[0] + (q[0] - p[0]) * share, p[1] + (q[1] - p[1]) * share))
    return tuple(found)


def _inner(vertices: tuple[Point, ...]) -> Point:
    """The mean of the vertices, inside."""
    n = len(vertices)
    return sum((p[0] for p in vertices), ZERO) / n, sum((p[1] for p in vertices), ZERO) / n
