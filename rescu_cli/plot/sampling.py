"""Curves as data: f and its derivatives sampled piece by piece, jumps kept as jumps.

Every ordinate is the midpoint of a rigorous enclosure with more digits than a float64 holds, so no
formula overflows and no narrow transition is smeared. Nothing here knows how a figure is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import flint
import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X
from rescu_cli.errors import ParameterError, UsageError
from rescu_cli.plot.window import Window

Array = npt.NDArray[np.float64]
Point: TypeAlias = float | sp.Expr
"""A place on the line: a float inside a piece, the exact expression at a joint."""

MAX_ORDER = 4
_BITS = (96, 192, 384, 768, 1536, 3072)
_GOOD_BITS = 56
_INVISIBLE = 1e-30
_BEND = 2e-3
"""Largest distance of a sample from the chord of its neighbours, as a part of the curve's height:
four times the error of the drawn polyline, which stays below a fifth of a printed dot."""
_FINEST = 2.0**-26
_MAX_POINTS = 3000
_SAME = 1e-12


@dataclass(frozen=True)
class Stroke:
    """An unbroken stretch of a curve.

    Args:
        x: Ascending abscissae.
        y: Ordinates, all finite.
    """

    x: Array
    y: Array


@dataclass(frozen=True)
class Dot:
    """The end of a stroke at a jump; filled where the joint's owner is on this side."""

    x: float
    y: float
    filled: bool


@dataclass(frozen=True)
class Impulse:
    """A Dirac impulse: the derivative of a jump of height ``weight``."""

    x: float
    weight: float


@dataclass(frozen=True)
class Curve:
    """One derivative of one activation over a window.

    Args:
        order: 0 for f itself.
        strokes: From left to right; two strokes never share an abscissa with different ordinates
            unless a jump or a pole lies between them.
        joints: Places (x, y) where pieces meet without a jump.
        dots: Both ends of every jump.
        impulses: Where the derivative one order below jumps.
        bounded: False if an end of a stroke runs off to infinity.
    """

    order: int
    strokes: tuple[Stroke, ...]
    joints: tuple[tuple[float, float], ...]
    dots: tuple[Dot, ...]
    impulses: tuple[Impulse, ...]
    bounded: bool


def sample(activation: Activation, window: Window, n_derivatives: int) -> tuple[Curve, ...]:
    """f and its first ``n_derivatives`` derivatives over ``window``.

    Args:
        activation: With every parameter bound.
        window: Ascending finite ends.
        n_derivatives: 0 to 4.

    Raises:
        ParameterError: If a parameter is free.
        UsageError: If ``n_derivatives`` is out of range.
    """
    if not 0 <= n_derivatives <= MAX_ORDER:
        raise UsageError(f"{n_derivatives} derivatives cannot be drawn; choose 0 to {MAX_ORDER}.")
    if activation.free_parameters:
        name = activation.free_parameters[0].name
        raise ParameterError(
            f"{activation.spec} cannot be drawn while {name} is symbolic; "
            f"bind it, e.g. {activation.name}:{name}=1."
        )
    stretches = _stretches(activation, window, n_derivatives)
    _refine(stretches, window)
    return tuple(_curve(stretches, order) for order in range(n_derivatives + 1))


# -- one piece ------------------------------------------------------------------------------


class _Stretch:
    """The visible part of one piece, with the samples taken so far (one row of y per order)."""

    def __init__(
        self, piece: Piece, window: Window, owned: tuple[bool, bool], n_derivatives: int,
        centres: Sequence[float],
    ) -> None:  # fmt: skip
        low, high = window
        begins = float(piece.lower) >= low
        ends = float(piece.upper) <= high
        self.start: Point = piece.lower if begins else low
        self.stop: Point = piece.upper if ends else high
        self.owned = owned
        self.evaluators = _evaluators(piece, n_derivatives)
        a, b = float(self.start), float(self.stop)
        inner = [x for x in _first_guess(piece, a, b, centres) if a < x < b]
        points: list[Point] = [self.start, *sorted(inner), self.stop]
        self.x: Array = np.array([float(p) for p in points])
        self.y: Array = np.array([[f(p) for p in points] for f in self.evaluators])

    def add(self, xs: Sequence[float]) -> None:
        at = np.searchsorted(self.x, xs)
        new = np.array([[f(x) for x in xs] for f in self.evaluators])
        self.x = np.insert(self.x, at, xs)
        self.y = np.insert(self.y, at, new, axis=1)

    def bends(self, heights: Array, finest: float) -> list[float]:
        """Midpoints of the intervals beside a sample that is off its neighbours' chord."""
        if len(self.x) < 3:
            return []
        x, y = self.x, self.y
        share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
        chord = y[:, :-2] + share * (y[:, 2:] - y[:, :-2])
        off = np.abs(y[:, 1:-1] - chord) > _BEND * heights[:, None]
        bent = np.asarray(off.any(axis=0))
        split = np.zeros(len(x) - 1, dtype=bool)
        split[:-1] |= bent
        split[1:] |= bent
        split &= np.diff(x) > finest
        return [float(m) for m in ((x[:-1] + x[1:]) / 2)[split]]


def _stretches(activation: Activation, window: Window, n_derivatives: int) -> list[_Stretch]:
    low, high = window
    centres = [0.0, *(float(b) for b in activation.breakpoints)]
    if activation.kink is not None:
        centres.append(float(activation.kink.at))
    owners = activation.owners
    found: list[_Stretch] = []
    for i, piece in enumerate(activation.pieces):
        if max(low, float(piece.lower)) >= min(high, float(piece.upper)):
            continue
        owned = (i == 0 or owners[i - 1] == "right", i == len(owners) or owners[i] == "left")
        found.append(_Stretch(piece, window, owned, n_derivatives, centres))
    return found


def _first_guess(piece: Piece, a: float, b: float, centres: Sequence[float]) -> list[float]:
    """Even steps, and steps that halve towards places where something narrow may hide."""
    if not piece.gradient.has(X) and not piece.value.has(sp.Integral):
        return []
    if piece.value.is_polynomial(X):
        return [float(x) for x in np.linspace(a, b, 17)[1:-1]]
    even = np.linspace(a, b, 65)[1:-1]
    halving = (b - a) * 0.5 ** np.arange(1, 22)
    near = [c + side * halving for c in centres if a <= c <= b for side in (-1, 1)]
    here = [c for c in centres if a < c < b]
    return sorted({float(x) for x in np.concatenate([even, *near, np.array(here)])})


def _refine(stretches: Sequence[_Stretch], window: Window) -> None:
    """Add samples until every polyline is as good as its curve at any printed size."""
    finest = _FINEST * (window[1] - window[0])
    while sum(len(s.x) for s in stretches) < _MAX_POINTS:
        heights = _heights(stretches)
        added = [(s, s.bends(heights, finest)) for s in stretches]
        if not any(xs for _, xs in added):
            return
        for stretch, xs in added:
            if xs:
                stretch.add(xs)


def _heights(stretches: Sequence[_Stretch]) -> Array:
    """Height of each order's curve, for derivatives with 0 as in the drawn panel; never 0."""
    y = np.concatenate([s.y for s in stretches], axis=1)
    low = np.min(y, axis=1, where=np.isfinite(y), initial=np.inf)
    high = np.max(y, axis=1, where=np.isfinite(y), initial=-np.inf)
    low[1:], high[1:] = np.minimum(low[1:], 0.0), np.maximum(high[1:], 0.0)
    heights = high - low
    return np.where(np.isfinite(heights) & (heights > 0), heights, 1.0)


# -- exact values ---------------------------------------------------------------------------


def _evaluators(piece: Piece, n_derivatives: int) -> list[Callable[[Point], float]]:
    expressions = [piece.value, piece.gradient]
    while len(expressions) <= n_derivatives:
        expressions.append(sp.diff(expressions[-1], X))
    return [_evaluator(e) for e in expressions[: n_derivatives + 1]]


def _evaluator(expr: sp.Expr) -> Callable[[Point], float]:
    if expr.has(sp.Integral):
        # The piece continued over the whole line is an activation that the oracle can answer for.
        line = Piece(sp.S.NegativeInfinity, sp.S.Infinity, expr, sp.S.Zero)
        oracle = Reference(Activation("piece", (), (line,)))
        return lambda point: oracle(float(point))
    if not expr.has(X):
        constant = _enclosed(expr, sp.S.Zero)
        return lambda point: constant
    return lambda point: _enclosed(expr, point)


def _enclosed(expr: sp.Expr, point: Point) -> float:
    """The nearest float (to a unit or so); NaN where no finite value can be enclosed."""
    ball = flint.arb("nan")
    for bits in _BITS:
        with balls.precision(bits):
            x = flint.arb(point) if isinstance(point, float) else balls.evaluate(point, {})
            ball = balls.evaluate(expr, {X: x})
            if ball.is_finite() and (
                ball.rel_accuracy_bits() >= _GOOD_BITS or ball.abs_upper() < _INVISIBLE
            ):
                break
    return float(ball.mid()) if ball.is_finite() else float("nan")


# -- from samples to curves -----------------------------------------------------------------


def _curve(stretches: Sequence[_Stretch], order: int) -> Curve:
    heights = _heights(stretches)
    joints: list[tuple[float, float]] = []
    dots: list[Dot] = []
    impulses: list[Impulse] = []
    runs: list[list[_Stretch]] = [[stretches[0]]]
    for left, right in pairwise(stretches):
        x, before, after = float(left.x[-1]), float(left.y[order, -1]), float(right.y[order, 0])
        ends = left.y[: order + 1, -1], right.y[: order + 1, 0]
        steps = ends[1] - ends[0]
        rounding = _SAME * np.maximum(np.abs(ends).max(axis=0), heights[: order + 1])
        jumps = ~(np.abs(steps) <= rounding)
        if order and jumps[order - 1] and np.isfinite(steps[order - 1]):
            impulses.append(Impulse(x, float(steps[order - 1])))
        if not jumps[order]:
            runs[-1].append(right)
            if not jumps.any():
                joints.append((x, before))
            continue
        runs.append([right])
        sides = ((before, left.owned[1]), (after, right.owned[0]))
        dots += [Dot(x, y, filled) for y, filled in sides if np.isfinite(y)]
    y = np.concatenate([s.y[order] for s in stretches])
    strokes = tuple(stroke for run in runs for stroke in _strokes(run, order))
    return Curve(
        order, strokes, tuple(joints), tuple(dots), tuple(impulses), bool(np.isfinite(y).all())
    )


def _strokes(run: Sequence[_Stretch], order: int) -> list[Stroke]:
    """One stroke, or several where samples without a finite value cut it."""
    x = np.concatenate([s.x if i == 0 else s.x[1:] for i, s in enumerate(run)])
    y = np.concatenate([s.y[order] if i == 0 else s.y[order, 1:] for i, s in enumerate(run)])
    finite = np.isfinite(y)
    cuts = np.flatnonzero(np.diff(finite.astype(np.int8))) + 1
    parts = zip(np.split(x, cuts), np.split(y, cuts), np.split(finite, cuts), strict=True)
    return [Stroke(px, py) for px, py, ok in parts if ok[0]]
