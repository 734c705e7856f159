"""The function that an artifact is judged against: its parameters as a format holds them.

0.1 is 13421773/2^27 in float32. Judged at 1/10 itself, the joint of a transition would lie
elsewhere than the artifact's, and the first ulps beside it would be those of a different function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import FloatFormat, float_format
from rescu_cli.core.symbols import X
from rescu_cli.errors import ParameterError, UnknownNameError
from rescu_cli.export.runners.base import slope_of

_FACTORS = (sp.Rational(37, 100), sp.Rational(33, 10))
"""Of the defaults, for further samples; no powers of two, which hide roundings."""


@dataclass(frozen=True)
class Held:
    """An activation at its parameters as an artifact holds them.

    Args:
        symbolic: With its fixed parameters rounded, and the free ones free.
        numbers: Of the free parameters, rounded too.
        exact: Whether the fixed parameters could be rounded.
    """

    symbolic: Activation
    numbers: dict[str, float]
    exact: bool

    @cached_property
    def bound(self) -> Activation:
        """The activation at the numbers."""
        return self.symbolic.bind({n: sp.Rational(v) for n, v in self.numbers.items()})

    @cached_property
    def slopes(self) -> dict[str, Activation]:
        """By quantity, the derivative of f with respect to a free parameter, as a function of x.

        At a joint it is that of the piece which owns it.
        """
        return {slope_of(name): self._slope(name) for name in self.numbers}

    def _slope(self, parameter: str) -> Activation:
        symbol = next(p.symbol for p in self.symbolic.parameters if p.name == parameter)
        pieces = []
        for piece in self.symbolic.pieces:
            value = sp.diff(piece.value, symbol)
            pieces.append(replace(piece, value=value, gradient=sp.diff(value, X)))
        plain = Activation(
            name=f"{self.symbolic.name}_{slope_of(parameter)}",
            parameters=self.symbolic.parameters,
            pieces=tuple(pieces),
            owners=self.symbolic.owners,
            relations=self.symbolic.relations,
        )
        return plain.bind({n: sp.Rational(v) for n, v in self.numbers.items()})


def as_held(
    activation: Activation,
    kind: FloatFormat,
    sample: Mapping[str, sp.Expr] | None = None,
    *,
    wide: bool = False,
) -> Held:
    """The activation at its parameters as the artifact holds them.

    Args:
        activation: What is exported.
        kind: Format of input and result.
        sample: Numbers of the free parameters; their defaults if not given.
        wide: Whether it is computed in float64 all the same. Arguments are then of the format,
            fixed parameters constants of float64.

    Raises:
        ParameterError: If a parameter is too large or too small for the format.
    """

    def held(value: sp.Expr, format_: FloatFormat) -> float:
        number = float(format_.round(float(sp.N(value, 30))))
        if not math.isfinite(number) or (number == 0) != (value == 0):
            raise ParameterError(f"{format_.name} does not hold {float(value):g}.")
        return number

    narrow, constants = computing(kind), computing(kind, wide=wide)
    given = defaults(activation) if sample is None else sample
    free = {n: held(v, narrow) for n, v in given.items()}
    fixed = {p.name: p.value for p in activation.parameters if p.value is not None}
    rounded = {n: held(v, constants) for n, v in fixed.items()}
    if all(sp.Rational(rounded[n]) == v for n, v in fixed.items()):
        return Held(activation, free, True)
    try:
        original = catalogue.get(activation.name)
    except UnknownNameError:
        return Held(activation, free, False)
    if original.bind(fixed).digest != activation.digest:
        return Held(activation, free, False)
    return Held(original.bind({n: sp.Rational(v) for n, v in rounded.items()}), free, True)


def computing(kind: FloatFormat, *, wide: bool = False) -> FloatFormat:
    """The format that artifacts compute in for results of a format."""
    return float_format("float64" if wide or kind.name == "float64" else "float32")


def defaults(activation: Activation) -> dict[str, sp.Expr]:
    """The default of each free parameter that has one."""
    return {p.name: p.default for p in activation.free_parameters if p.default is not None}


def further_samples(activation: Activation) -> list[dict[str, sp.Expr]]:
    """Other numbers for the free parameters, inside their domains: the defaults, stretched.

    Neighbours are stretched differently, so that a symmetric shape is no longer so. A parameter
    whose default is 0, or that would leave its domain, is shifted, or stays.
    """
    given = defaults(activation)
    found = []
    for first in range(len(_FACTORS)):
        sample = dict(given)
        for k, (name, default) in enumerate(given.items()):
            factor = _FACTORS[(first + k) % len(_FACTORS)]
            for moved in (default * factor, default + factor / 8, default - factor / 8):
                trial = {**sample, name: moved}
                if moved != default and _admits(activation, trial):
                    sample = trial
                    break
        if sample != given and sample not in found:
            found.append(sample)
    return found


def _admits(activation: Activation, numbers: Mapping[str, sp.Expr]) -> bool:
    try:
        activation.bind(dict(numbers))
    except ParameterError:
        return False
    return True
