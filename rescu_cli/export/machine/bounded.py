"""Evaluating an expression on many points at once in float64, with a proved bound on the error.

Each operation returns its float64 result with a bound on its distance from the exact value: what
the operands' errors become plus the operation's own rounding. For + − · / √ the rounding is that of
IEEE arithmetic, half a unit. For the elementary functions it is an *assumption* on the library:
`library.LIBRARY` units in the last place, and for erfc, whose libraries square their argument, a
multiple of the square more. The assumption is watched while a check runs (`truth.Truth.watch`).

Two ways of bounding share the code. *Flat*: one number bounds the error at all points of the
array, which costs two reductions per operation and suits neighbouring floats. *Pointwise*: an array
of bounds, for points where the flat one is too coarse.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError
from rescu_cli.export.machine.library import HALF_UNIT, RULES, Size

Array = npt.NDArray[np.float64]
_SMALLEST = 2.0**-1070
_SLACK = 1 + 2.0**-40
"""Covers the roundings of the bounds themselves: a few dozen operations of one part in 2^53."""


@dataclass(frozen=True)
class Bounded:
    """Values with the bound of their error: |values − exact| ≤ error.

    Args:
        values: An array, or a float for what does not depend on x.
        error: An array of the same shape, or one float for all points.
    """

    values: Any
    error: Any

    def within(self, error: Any) -> Bounded:
        """The same values, their ends not looked for again, with another bound."""
        other = Bounded(self.values, error)
        if "ends" in self.__dict__:
            other.__dict__["ends"] = self.ends
        return other

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        if isinstance(self.values, np.ndarray):
            return float(self.values.min()), float(self.values.max())
        return float(self.values), float(self.values)


class Evaluator:
    """Evaluates expressions in x on one array of points; common parts once.

    Args:
        points: Finite float64 values, taken as exact.
        flat: One bound for all points instead of one for each.
    """

    def __init__(self, points: Array, *, flat: bool) -> None:
        self.points, self._flat = points, flat
        self._known: dict[sp.Expr, Bounded] = {X: Bounded(points, 0.0)}

    def __call__(self, expr: sp.Expr) -> Bounded:
        """The expression on the points.

        Raises:
            UnsupportedError: For a function without a rule.
        """
        found = self._known.get(expr)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._known[expr] = self._visit(expr)
        return found

    # -- sizes ------------------------------------------------------------------------------

    def _most(self, u: Bounded) -> Any:
        """The largest |value|, at each point or over all."""
        if self._flat:
            low, high = u.ends
            return max(abs(low), abs(high))
        return np.abs(u.values)

    def _least(self, u: Bounded) -> Any:
        """The smallest |value|, at each point or over all."""
        if self._flat:
            low, high = u.ends
            return 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return np.abs(u.values)

    def _size(self, u: Bounded) -> Size:
        low, high = u.ends if self._flat else (u.values, u.values)
        return Size(self._most(u), self._least(u), low, high)

    def _rounded(self, values: Any, carried: Any) -> Bounded:
        """After one IEEE operation."""
        result = Bounded(values, 0.0)
        error = (carried + HALF_UNIT * self._most(result)) * _SLACK + _SMALLEST
        return result.within(error)

    # -- expressions ------------------------------------------------------------------------

    def _visit(self, expr: sp.Expr) -> Bounded:
        plan = _plan(expr)
        match plan.op:
            case "constant":
                return plan.constant
            case "add":
                return self._fold(plan.args, self._add)
            case "mul":
                top = self._fold(plan.args, self._mul) if plan.args else _ONE
                return self._div(top, self._fold(plan.below, self._mul)) if plan.below else top
            case "power":
                return self._power(self(plan.args[0]), plan.exponent)
            case "max" | "min":
                pick = np.maximum if plan.op == "max" else np.minimum
                return self._fold(plan.args, lambda a, b: Bounded(
                    pick(a.values, b.values), np.maximum(a.error, b.error)))  # fmt: skip
            case "abs":
                inner = self(plan.args[0])
                return Bounded(np.abs(inner.values), inner.error)
        return self._library(self(plan.args[0]), *RULES[type(expr)])

    def _library(
        self, u: Bounded, evaluate: Callable[..., Any], carry: Callable[..., Any],
        own: Callable[..., Any],
    ) -> Bounded:  # fmt: skip
        values = evaluate(u.values)
        size, top = self._size(u), self._most(Bounded(values, 0.0))
        error = (carry(size, top, u.error) + own(size.most) * top) * _SLACK + _SMALLEST
        return Bounded(values, np.where(np.isnan(error), np.inf, error))

    def _fold(self, args: Any, combine: Callable[[Bounded, Bounded], Bounded]) -> Bounded:
        result, *rest = (self(a) for a in args)
        for other in rest:
            result = combine(result, other)
        return result

    def _add(self, a: Bounded, b: Bounded) -> Bounded:
        return self._rounded(a.values + b.values, a.error + b.error)

    def _mul(self, a: Bounded, b: Bounded) -> Bounded:
        for scale, other in ((a, b), (b, a)):
            if _only_shifts(scale):
                factor = abs(float(scale.values))
                return Bounded(a.values * b.values, factor * other.error + _SMALLEST)
        if isinstance(a.error, float) and isinstance(b.error, float) and a.error == b.error == 0:
            return self._rounded(a.values * b.values, 0.0)
        carried = self._most(a) * b.error + (self._most(b) + b.error) * a.error
        return self._rounded(a.values * b.values, carried)

    def _div(self, a: Bounded, b: Bounded) -> Bounded:
        values = a.values / b.values
        if _only_shifts(b):
            return Bounded(values, a.error / abs(float(b.values)) + _SMALLEST)
        room = self._least(b) - b.error
        size = self._most(Bounded(values, 0.0))
        carried = (a.error + size * b.error) / np.maximum(room, 0.0)
        return self._rounded(values, np.where(room > 0, carried, np.inf))

    def _power(self, base: Bounded, exponent: sp.Rational) -> Bounded:
        if not exponent.is_Integer:
            base, exponent = self._root(base), 2 * exponent
        result, square, n = None, base, int(exponent)
        while n:
            if n & 1:
                result = square if result is None else self._mul(result, square)
            n >>= 1
            if n:
                square = self._mul(square, square)
        return result or _ONE

    def _root(self, u: Bounded) -> Bounded:
        values = np.sqrt(u.values)
        # |√A − √a| = |A − a|/(√A + √a)
        carried = np.minimum(u.error / self._least(Bounded(values, 0.0)), np.sqrt(u.error))
        return self._rounded(values, np.where(np.isnan(carried), np.inf, carried))


_ONE = Bounded(np.float64(1.0), 0.0)


@dataclass(frozen=True)
class _Plan:
    """How one node of an expression is evaluated, read off once."""

    op: str
    args: tuple[sp.Expr, ...] = ()
    below: tuple[sp.Expr, ...] = ()
    exponent: sp.Rational | None = None
    constant: Bounded = _ONE


@lru_cache(maxsize=4096)
def _plan(expr: sp.Expr) -> _Plan:
    if expr.is_number:
        return _Plan("constant", constant=_constant(expr))
    if expr.is_Add:
        return _Plan("add", expr.args)
    if expr.is_Mul or (expr.is_Pow and expr.exp.is_negative and not isinstance(expr, sp.exp)):
        above: list[sp.Expr] = []
        below: list[sp.Expr] = []
        for factor in sp.Mul.make_args(expr):
            inverse = not isinstance(factor, sp.exp) and factor.as_base_exp()[1].is_negative
            (below if inverse else above).append(1 / factor if inverse else factor)
        return _Plan("mul", tuple(above), tuple(below))
    if expr.is_Pow and not isinstance(expr, sp.exp):
        if (2 * expr.exp).is_Integer:
            return _Plan("power", (expr.base,), exponent=expr.exp)
        raise UnsupportedError(f"No error bound is known for the power {expr}.")
    if isinstance(expr, sp.Max | sp.Min):
        return _Plan("max" if isinstance(expr, sp.Max) else "min", expr.args)
    if isinstance(expr, sp.Abs):
        return _Plan("abs", expr.args)
    if type(expr) not in RULES:
        raise UnsupportedError(f"No error bound is known for {type(expr).__name__} in {expr}.")
    return _Plan("library", expr.args)


def _constant(expr: sp.Expr) -> Bounded:
    value = float(sp.N(expr, 40))
    exact = bool(expr.is_Rational and sp.Rational(value) == expr) if math.isfinite(value) else False
    return Bounded(np.float64(value), 0.0 if exact else 2 * HALF_UNIT * abs(value) + _SMALLEST)


def _only_shifts(u: Bounded) -> bool:
    """Whether multiplying by ``u`` is exact but for underflow: ±2^k."""
    if isinstance(u.values, np.ndarray) or not isinstance(u.error, float) or u.error != 0:
        return False
    return abs(math.frexp(float(u.values))[0]) == 0.5
