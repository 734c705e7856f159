"""`Formula`: one point of the space, as text, as mathematics and as code that trains."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite, pi, sqrt
from typing import TypeAlias, cast

import numpy as np
import sympy as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli.certify.switches import sign_changes
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.split import split
from rescu_cli.core.symbols import X, plain, spell
from rescu_cli.errors import UsageError
from rescu_cli.search.grammar import BINARY, UNARY, Pair

Operand: TypeAlias = tuple[int, int]
"""Number of a word in `UNARY`, and what it is applied to: 0 for x, 1 for the unit before."""

_REACH, _STEPS = 8.0, 4001
_DIGITS = 10


@dataclass(frozen=True, order=True)
class Unit:
    """binary(unary(·), unary(·)).

    Args:
        binary: Number of a word in `BINARY`.
        first: Its first operand.
        second: Its second operand.
    """

    binary: int
    first: Operand
    second: Operand


@dataclass(frozen=True, order=True)
class Formula:
    """Units stacked on each other; the last one is the activation.

    Args:
        units: One or more; those of the first apply to x alone.

    Raises:
        UsageError: If a word does not exist, or an operand is not there.
    """

    units: tuple[Unit, ...]

    def __post_init__(self) -> None:
        if not self.units:
            raise UsageError("A formula needs at least one unit.")
        for number, unit in enumerate(self.units):
            for word, operand in (unit.first, unit.second):
                known = 0 <= word < len(UNARY) and 0 <= unit.binary < len(BINARY)
                if not known or not 0 <= operand <= min(number, 1):
                    raise UsageError(f"Not a unit of the space: {unit}.")

    # -- as mathematics --------------------------------------------------------------------------

    @cached_property
    def expr(self) -> sp.Expr:
        """f as SymPy builds it: sums and products are in its order, constants are folded."""
        last = X
        for unit in self.units:
            a, b = (UNARY[w].expr((X, last)[o]) for w, o in (unit.first, unit.second))
            last = BINARY[unit.binary].expr(a, b)
        return last

    @property
    def spec(self) -> str:
        """f as text, e.g. ``x*sigmoid(x)``."""
        return spell(self.expr)

    @property
    def slug(self) -> str:
        """A file name."""
        return f"formula-{self.digest[:16]}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the units: equal for equal code, whatever SymPy prints."""
        return hashlib.sha256(repr(self.units).encode()).hexdigest()

    def activation(self, name: str) -> Activation:
        """The activation, cut into pieces where |·|, max and min switch.

        Raises:
            DerivationError: If a switch cannot be located.
        """
        expr = plain(self.expr).replace(sp.sinc, lambda u: sp.sin(u) / u)
        stretches, owners = split(expr, Assumptions({}, ()), sign_changes)
        pieces = [Piece(s.lower, s.upper, s.expr, sp.diff(s.expr, X)) for s in stretches]
        return Activation(
            name=name, parameters=(), pieces=tuple(pieces), owners=tuple(owners),
            summary=self.spec, remarks=("found by search",),
        )  # fmt: skip

    # -- as code ---------------------------------------------------------------------------------

    def pair(self, x: Tensor) -> Pair:
        """f(x) and f′(x) of a floating tensor of any shape."""
        inner: Pair | None = None
        for unit in self.units:
            a, b = (_chained(w, x, inner if o else None) for w, o in (unit.first, unit.second))
            inner = BINARY[unit.binary].pair(a, b)
        return cast("Pair", inner)

    def value(self, x: Tensor) -> Tensor:
        """f(x)."""
        return self.pair(x)[0]

    def gradient(self, x: Tensor) -> Tensor:
        """f′(x); at a corner, a slope of one of its sides."""
        return self.pair(x)[1]

    # -- what an experiment asks ------------------------------------------------------------------

    @cached_property
    def init_gain(self) -> float:
        """(E f(z)²)^(−1/2) for z ~ N(0, 1), by the trapezoidal rule; infinite for f = 0."""
        return _gain(self.value)

    surrogate = None
    """The slope is that of the value."""
    free_parameters = ()
    """Nothing is open."""

    @property
    def name(self) -> str:
        """The file name: a formula has no other."""
        return self.slug

    def with_defaults(self) -> Formula:
        """Itself."""
        return self

    def fingerprint(self) -> bytes:
        """f at fixed points in float64, to ten digits: the same for two spellings of a function."""
        return fingerprint(self.value(probes()))

    def shape(self) -> bytes:
        """The same for f(x), c·f(x) and c·f(−x), c ≠ 0; see `shape_of`."""
        return shape_of(self.value)


@dataclass(frozen=True)
class AtScale:
    """c·f with c > 0 such that E (c·f(z))² = ½ for z ~ N(0, 1), as ReLU has it.

    The first weights make up for the scale of an activation, but Adam's steps do not: with 2·f the
    same learning rate moves a network about twice as far. Candidates are therefore compared at one
    scale, or the largest would win.

    Args:
        formula: f; its second moment is positive and finite.
    """

    formula: Formula

    @property
    def _factor(self) -> float:
        return self.formula.init_gain / sqrt(2)

    @property
    def spec(self) -> str:
        """f as text, and that it is scaled."""
        return f"scaled {self.formula.spec}"

    @property
    def name(self) -> str:
        """The file name."""
        return self.slug

    @property
    def slug(self) -> str:
        """A file name."""
        return f"scaled-{self.formula.digest[:16]}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the units and of the scaling."""
        return hashlib.sha256(f"scaled {self.formula.units!r}".encode()).hexdigest()

    def pair(self, x: Tensor) -> Pair:
        """c·f(x) and c·f′(x)."""
        value, slope = self.formula.pair(x)
        return value * self._factor, slope * self._factor

    def value(self, x: Tensor) -> Tensor:
        """c·f(x)."""
        return self.formula.value(x) * self._factor

    def gradient(self, x: Tensor) -> Tensor:
        """c·f′(x)."""
        return self.formula.gradient(x) * self._factor

    init_gain = sqrt(2)
    """ReLU's, by construction."""
    surrogate = None
    free_parameters = ()

    def with_defaults(self) -> AtScale:
        """Itself."""
        return self


def _chained(word: int, x: Tensor, inner: Pair | None) -> Pair:
    """A word of x, or of what the first unit gives."""
    if inner is None:
        return UNARY[word].pair(x)
    value, slope = UNARY[word].pair(inner[0])
    return value, slope * inner[1]


def _gain(function: Callable[[Tensor], Tensor]) -> float:
    z, weight = _normal_grid()
    square = function(z) ** 2
    return float((square * weight).sum()) ** -0.5 if square.any() else float("inf")


def shape_of(function: Callable[[Tensor], Tensor]) -> bytes:
    """The least fingerprint of f, −f and their reflections, at ReLU's scale.

    Weights of one sign are as likely as of the other, before training and, as the optimizers
    treat signs alike, at any step: networks of f(x), −f(x) and f(−x) learn the same in law.
    """
    gain = _gain(function)
    scale = gain if isfinite(gain) else 1.0
    ways = (function(x) * c for x in (probes(), -probes()) for c in (scale, -scale))
    return min(fingerprint(values) for values in ways)


def fingerprint(values: Tensor) -> bytes:
    """Ten significant digits of each value, NaN and infinities as they are; −0 is 0."""
    return ",".join(f"{v + 0.0:.{_DIGITS - 1}e}" for v in values.tolist()).encode()


@lru_cache(maxsize=1)
def probes() -> Tensor:
    """Irrational places on both sides of 0, near and far, at which nothing is special."""
    steps = torch.arange(1, 33, dtype=torch.float64)
    right = (steps * sqrt(2)) % 1 * steps / 4 + steps / (8 * pi)
    return torch.cat([-right.flip(0) * sqrt(1.1), right])


@lru_cache(maxsize=1)
def _normal_grid() -> tuple[Tensor, Tensor]:
    z = torch.linspace(-_REACH, _REACH, _STEPS, dtype=torch.float64)
    weight = torch.exp(-z * z / 2) / sqrt(2 * pi) * (2 * _REACH / (_STEPS - 1))
    return z, weight


def normal_quantiles(n: int) -> NDArray[np.float64]:
    """n equally likely places of N(0, 1): Φ⁻¹((i + ½)/n)."""
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    return np.asarray((torch.special.ndtri(u)).numpy())


def one_unit(words: Sequence[int]) -> Formula:
    """The formula of (unary, unary, binary) on x."""
    first, second, binary = words
    return Formula((Unit(binary, (first, 0), (second, 0)),))
