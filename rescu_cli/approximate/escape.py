"""How far from the centre the approximation can be trusted: the escape radius.

For a tolerance τ and a centre c, the escape radius is

    R = sup { r ≥ 0 : |P(x) − f(x)| ≤ τ for all x with |x − c| ≤ r }.

A polynomial leaves every bounded error behind at some R: pre-activations beyond it *escape*, and
grow from layer to layer. Boxes are walked outward from c; all up to R are proved, and just outside
it the first one is found that is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from rescu_cli.approximate.bound import Approximant, Box, cut, start_box
from rescu_cli.approximate.spread import Spread
from rescu_cli.approximate.target import BITS, Target
from rescu_cli.core import balls
from rescu_cli.core.symbols import exact
from rescu_cli.errors import UnsupportedError, UsageError

_DOUBLINGS = 40
_RESOLUTION = 1e-9
"""Relative width of the boxes at which the walk ends."""
_MAX_BOXES = 40_000
_SAMPLES = 400


@dataclass(frozen=True)
class Escape:
    """Where |P − f| first exceeds a tolerance.

    Args:
        tolerance: τ.
        center: c.
        left: |P − f| ≤ τ from here to c; None if no end was found.
        right: And from c to here.
        searched: How far from c the search went.
        proved: Whether balls prove it, or samples only suggest it.
    """

    tolerance: float
    center: float
    left: float | None
    right: float | None
    searched: float
    proved: bool

    @property
    def radius(self) -> float | None:
        """R; None if P stays within the tolerance as far as was searched."""
        sides = [abs(e - self.center) for e in (self.left, self.right) if e is not None]
        return min(sides, default=None)

    def outside(self, spread: Spread) -> float:
        """The fraction of a distribution that lies outside [left, right]."""
        return spread.outside(self.left, self.right)

    def to_dict(self) -> dict[str, Any]:
        return {
            "tolerance": self.tolerance,
            "center": self.center,
            "left": self.left,
            "right": self.right,
            "searched": self.searched,
            "proved": self.proved,
        }


def escape(
    target: Target,
    approximant: Approximant,
    center: Fraction,
    half: Fraction,
    tolerance: float,
    known: tuple[Fraction, Fraction] | None = None,
) -> Escape:
    """Find where |P − f| first exceeds ``tolerance`` on each side of ``center``.

    Args:
        target: f.
        approximant: P.
        center: c.
        half: First step; then 2·half, 4·half, ….
        tolerance: τ ≥ 0.
        known: An interval around c on which |P − f| ≤ τ is already proved.
    """
    proved = target.closed_form
    ends = []
    for side in (-1, 1):
        start = center
        if known is not None and known[0] <= center <= known[1]:
            start = known[(side + 1) // 2]
        walk = _walked if proved else _stepped
        try:
            ends.append(walk(target, approximant, start, half, side, tolerance))
        except (UnsupportedError, UsageError):
            proved = False
            ends.append(float(start))
    return Escape(tolerance, float(center), ends[0], ends[1], float(half) * 2.0**_DOUBLINGS, proved)


def _windows(start: Fraction, half: Fraction, side: int) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Intervals outward from ``start``, each as long as all before it."""
    near = Fraction(0)
    for k in range(_DOUBLINGS + 1):
        far = half * 2**k
        ends = sorted((start + side * near, start + side * far))
        yield exact(ends[0]), exact(ends[1])
        near = far


def _walked(
    target: Target, approximant: Approximant, start: Fraction, half: Fraction, side: int,
    tolerance: float,
) -> float | None:  # fmt: skip
    """The last point up to which |P − f| ≤ τ is proved; None if there is no end."""
    limit = flint.arb(tolerance)
    done = 0
    with balls.precision(BITS):
        for low, high in _windows(start, half, side):
            parts = cut(target.stretches(low, high), (sp.S.Zero,))
            # A stack: the box nearest to the centre is always on top.
            stack = [start_box(p, approximant) for p in (parts[::-1] if side > 0 else parts)]
            while stack:
                box = stack.pop()
                if box.upper <= limit:
                    continue
                done += 1
                narrow = float(box.width) <= _RESOLUTION * max(
                    abs(float(box.middle) - float(start)), float(half)
                )
                if narrow or done > _MAX_BOXES:
                    return float((box.middle - side * box.width).mid())
                stack += _halved(box, approximant, side)
    return None


def _halved(box: Box, approximant: Approximant, side: int) -> list[Box]:
    left, right, width = box.halves
    order = (right, left) if side > 0 else (left, right)
    return [Box(box.stretch, approximant, m, width) for m in order]


def _stepped(
    target: Target, approximant: Approximant, start: Fraction, half: Fraction, side: int,
    tolerance: float,
) -> float | None:  # fmt: skip
    """The last sample up to which |P − f| ≤ τ: no proof."""
    last = float(start)
    with balls.precision(BITS):
        for low, high in list(_windows(start, half, side))[:12]:
            parts = target.stretches(low, high)
            for part in parts if side > 0 else parts[::-1]:
                a, b = part.ends() if side > 0 else part.ends()[::-1]
                for i in range(_SAMPLES + 1):
                    x = (a + (b - a) * i / _SAMPLES).mid()
                    e = target.at(part, x) - approximant.at(x)[0]
                    if abs(float(e.mid())) > tolerance:
                        return last
                    last = float(x)
    return None
