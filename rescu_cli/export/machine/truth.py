"""The true value and gradient at many floats: from the activation's definition, not its Program.

Each piece is evaluated in float64 with a proved bound on the error (`bounded`). Where the piece
itself cancels too much, formulas equal to it are tried in turn; where none is close enough, the
rigorous reference answers, point by point. So every number that leaves this module is within
`RESOLUTION` ulps of the truth. Formulas and the assumption on the library are watched: `watch`
compares with the reference and raises when the bound was broken.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.reference import Reference, What
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError, UnsupportedError
from rescu_cli.export.bounds import degree
from rescu_cli.export.machine.bounded import Evaluator
from rescu_cli.export.machine.order import first_key_right_of, key, n_keys
from rescu_cli.export.rewrite import safe

Array = npt.NDArray[np.float64]
RESOLUTION = 2.0**-6
"""Ulps of the format within which the truth is known."""
QUANTITIES: tuple[What, ...] = ("value", "gradient")
_REFERENCE_LOCK = threading.Lock()  # the precision of balls is one setting for all threads


@dataclass(frozen=True)
class Stretch:
    """Keys ``start`` … ``stop − 1`` that belong to one piece."""

    start: int
    stop: int
    piece: int


class Truth:
    """Value and gradient of an activation at floats of one format.

    Args:
        activation: With every parameter bound.
        kind: Format of the inputs and of the results.
    """

    def __init__(self, activation: Activation, kind: FloatFormat) -> None:
        self.activation, self.kind = activation, kind
        self.reference = Reference(activation)
        joints = [
            first_key_right_of(kind, b, owner)
            for b, owner in zip(activation.breakpoints, activation.owners, strict=True)
        ]
        ends = [0, *joints, n_keys(kind)]
        self._stretches = [Stretch(a, b, i) for i, (a, b) in enumerate(itertools.pairwise(ends))]
        self._formulas = {what: [_formulas(activation, i, what) for i in range(len(ends) - 1)]
                          for what in QUANTITIES}  # fmt: skip
        self._second = [sp.diff(p.gradient, X) for p in activation.pieces]
        self.degree = degree(activation)

    @property
    def polynomial(self) -> bool:
        """Whether every piece is a polynomial."""
        return self.degree is not None

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """The keys from ``start`` to ``stop``, cut at the joints."""
        for s in self._stretches:
            low, high = max(s.start, start), min(s.stop, stop)
            if low < high:
                yield Stretch(low, high, s.piece)

    # -- fast: one bound for a run of neighbouring floats ------------------------------------

    def flat(self, evaluator: Evaluator, piece: int, what: What) -> tuple[Any, float, float] | None:
        """(truth, smallest, largest) where one bound suffices for all points; else None.

        The truth is an array, or a number where it is the same everywhere.
        """
        for formula in self._formulas[what][piece]:
            found = evaluator(formula)
            low, high = found.ends
            if found.error == 0 and low == high:
                return found.values, low, high
            if not (math.isfinite(low) and math.isfinite(high)) or low <= 0 <= high:
                continue
            least = min(abs(low), abs(high))
            if found.error <= RESOLUTION * unit_of(self.kind, least):
                return found.values, low, high
        same = self._same_throughout(evaluator.points, piece, what)
        return None if same is None else (np.float64(same), same, same)

    def _same_throughout(self, xs: Array, piece: int, what: What) -> float | None:
        """The one float64 that is the truth at all points of an interval, if there is one.

        Far out, where a piece overflows in float64, the function is often constant; one ball over
        the interval proves it.
        """
        low, high = float(xs.min()), float(xs.max())
        if low <= 0 <= high or self.kind.name == "float64":
            return None
        own = self.activation.pieces[piece]
        with _REFERENCE_LOCK, balls.precision(128):
            ball = balls.evaluate(
                own.value if what == "value" else own.gradient,
                {X: balls.exact_ball(low).union(balls.exact_ball(high))},
            )
            if not ball.is_finite():
                return None
            middle, radius = float(ball.mid()), float(ball.rad())
        if not math.isfinite(middle):
            return None
        return middle if radius <= RESOLUTION / 2 * unit_of(self.kind, middle) else None

    # -- general: point by point -------------------------------------------------------------

    def at(self, xs: Array, piece: int, what: What) -> tuple[Array, Array]:
        """The truth at points of one piece as high + low; the limits at ±∞.

        It is NaN for NaN, and where the reference finds no enclosure.
        """
        if self.kind.name == "float64":  # no float64 arithmetic is finer than this format
            return self._pairs(xs, what)
        result = np.full(xs.shape, np.nan)
        for sign in (-1, 1):
            ends = xs == sign * np.inf
            if ends.any():
                with _REFERENCE_LOCK:
                    result[ends] = self.reference.at_infinity(sign, what)
        open_ = np.flatnonzero(np.isfinite(xs))
        for formula in self._formulas[what][piece]:
            if open_.size == 0:
                break
            found = Evaluator(xs[open_], flat=False)(formula)
            values = np.broadcast_to(np.asarray(found.values, dtype=np.float64), open_.shape)
            error = np.broadcast_to(np.asarray(found.error, dtype=np.float64), open_.shape)
            with np.errstate(invalid="ignore"):
                unit = self.kind.quantum(np.where(np.isfinite(values), values, 1.0))
                close = np.isfinite(values) & ((error <= RESOLUTION * unit) | (error == 0))
            result[open_[close]] = values[close]
            open_ = open_[~close]
        if open_.size > 1:
            same = self._same_throughout(xs[open_], piece, what)
            if same is not None:
                result[open_] = same
                open_ = open_[:0]
        for i in open_.tolist():
            result[i] = self._pairs(xs[i : i + 1], what)[0][0]
        return result, np.zeros_like(result)

    def _pairs(self, xs: Array, what: What) -> tuple[Array, Array]:
        high, low = np.full(xs.shape, np.nan), np.zeros(xs.shape)
        for i in range(len(xs)):
            with suppress(InternalError), _REFERENCE_LOCK:  # f cancels beyond its precision
                high[i : i + 1], low[i : i + 1] = self.reference.pairs(xs[i : i + 1], what)
        return high, low

    def exactly(self, x: float, what: What) -> float:
        """The float64 nearest to the truth, from the rigorous reference."""
        with _REFERENCE_LOCK:
            return self.reference(x, what)

    def steepness(self, xs: Array, pieces: npt.NDArray[np.int64], what: What) -> Array:
        """|slope| of the quantity at finite points, to a few digits: f′ for f and f″ for f′."""
        result = np.zeros(xs.shape)
        for piece in np.unique(pieces).tolist():
            here = pieces == piece
            if what == "value":
                result[here] = np.abs(self.at(xs[here], piece, "gradient")[0])
                continue
            found = Evaluator(xs[here], flat=False)(safe(self._second[piece]))
            values = np.broadcast_to(np.asarray(found.values, dtype=np.float64), xs[here].shape)
            result[here] = np.where(np.isfinite(values), np.abs(values), 0.0)
        return result

    def watch(self, x: float, what: What) -> None:
        """Compare with the reference at one finite point.

        Raises:
            InternalError: If the truth given for it is further away than was proved.
        """
        at = key(self.kind, x)
        piece = next(s.piece for s in self._stretches if s.start <= at < s.stop)
        found = float(self.at(np.array([x]), piece, what)[0][0])
        exact = self.exactly(x, what)
        room = 2 * RESOLUTION * float(self.kind.quantum(np.asarray(exact)))
        if abs(found - exact) > room and not (math.isinf(exact) and found == exact):
            raise InternalError(
                f"{self.activation.spec}: the {what} at x={x!r} came out as {found!r} and is "
                f"{exact!r}; the elementary functions of this machine are less accurate than "
                "assumed, or a formula is wrong."
            )


def unit_of(kind: FloatFormat, value: float) -> float:
    """One ulp of a finite number: `FloatFormat.quantum` without the cost of an array."""
    _, exponent = math.frexp(value)
    exponent = max(exponent - 1, kind.min_exponent) if value else kind.min_exponent
    return math.ldexp(1.0, exponent - (kind.precision - 1))


def _formulas(activation: Activation, piece: int, what: What) -> list[sp.Expr]:
    """Equal formulas of one piece: as defined, rewritten against cancellation, conjugated.

    The safe forms of the activation are not among them: code is made from those.
    """
    own = activation.pieces[piece]
    defined = own.value if what == "value" else own.gradient
    usable = []
    for formula in dict.fromkeys([defined, safe(defined), _conjugated(defined)]):
        try:
            Evaluator(np.array([0.5]), flat=False)(formula)
        except UnsupportedError:
            continue
        usable.append(formula)
    return usable


def _conjugated(expr: sp.Expr) -> sp.Expr:
    """u + √v as (v − u²)/(√v − u), which does not cancel where u is negative."""

    def turned(total: sp.Expr) -> sp.Expr:
        roots = [t for t in total.args if any(_is_root(f) for f in sp.Mul.make_args(t))]
        if len(roots) != 1 or not total.has(X):
            return total
        (root,) = roots
        rest = total - root
        return sp.factor(sp.expand(root**2 - rest**2)) / (root - rest)

    return sp.together(expr).replace(lambda e: e.is_Add, turned)


def _is_root(expr: sp.Expr) -> bool:
    return bool(expr.is_Pow and expr.exp == sp.S.Half and expr.has(X))
