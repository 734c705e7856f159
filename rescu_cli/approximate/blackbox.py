"""A function of which only values are known: fitted like an activation, and nothing proved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import flint
import sympy as sp

from rescu_cli.approximate.target import Stretch, Target
from rescu_cli.core import balls
from rescu_cli.core.symbols import X
from rescu_cli.errors import UsageError

_EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23}
_SLACK = 2.0**12
"""Rounding errors add up over the nodes of a rule."""


@dataclass(frozen=True)
class _Unknown(Stretch):
    """A stretch without a formula: no ball is known on it, nor any derivative."""

    def enclose(self, x: balls.Ball, order: int = 0) -> balls.Ball:
        return flint.arb("nan")


class BlackBox(Target):
    """A callable of one float.

    Args:
        function: f.
        spec: What it is called in messages.
        name: An identifier for it.
        precision: Format that its values are rounded to: float64 or float32.
    """

    closed_form = False
    why_unproved = "f is code, of which only values are known"

    def __init__(
        self, function: Callable[[float], float], spec: str, name: str, precision: str = "float64"
    ) -> None:
        self._function = function
        self.spec, self.name = spec, name
        self.settled = _SLACK * _EPSILON.get(precision, 2.0**-7)

    bends = None

    def stretches(self, low: sp.Expr, high: sp.Expr) -> tuple[Stretch, ...]:
        return (_Unknown(low, high, X),)

    def at(self, stretch: Stretch, x: balls.Ball) -> balls.Ball:
        return flint.arb(self._value(float(x.mid())))

    def _value(self, x: float) -> float:
        value = self._function(x)
        if not math.isfinite(value):
            raise UsageError(
                f"{self.spec} gives {value} at x = {x:.6g}; choose a range on which it is finite."
            )
        return value

    def jump(self, low: sp.Expr, high: sp.Expr) -> sp.Expr | None:
        return None

    def truth(self, x: float) -> Fraction:
        return Fraction(self._value(x))
