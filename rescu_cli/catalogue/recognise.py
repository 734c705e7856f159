"""Say which catalogue activation a derived one is. A name is given only after exact comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from rescu_cli.catalogue import get
from rescu_cli.catalogue.table import TABLE
from rescu_cli.core.activation import Activation
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.placement import find_placement, is_zero
from rescu_cli.core.shape import GradientShape, Placement
from rescu_cli.core.symbols import X
from rescu_cli.errors import ParameterError

_Values = dict[str, sp.Expr]
_Rule = Callable[[Placement], _Values | None]


def _symmetric(name: str) -> _Rule:
    """One width, from 0 to 1 around 0."""

    def rule(p: Placement) -> _Values | None:
        plain_rise = p.center == 0 and p.g_minus == 0 and p.g_plus == 1
        return {name: p.half} if plain_rise else None

    return rule


def _leaky(width: Callable[[Placement], _Values]) -> _Rule:
    """A slope on the left, 1 on the right, around 0."""

    def rule(p: Placement) -> _Values | None:
        return {"alpha": p.g_minus, **width(p)} if p.center == 0 and p.g_plus == 1 else None

    return rule


_RULES: dict[str, _Rule] = {
    "smelu": _symmetric("beta"),
    "gsmelu": lambda p: {
        "alpha": sp.expand(p.half - p.center),
        "beta": sp.expand(p.half + p.center),
        "g_minus": p.g_minus,
        "g_plus": p.g_plus,
    },
    "rescu_smoothstep": _symmetric("beta"),
    "rescu_smootherstep": _symmetric("beta"),
    "rescu_cosine": _symmetric("beta"),
    "rescu_gaussian": _symmetric("beta"),
    "rescu_laplace": _symmetric("beta"),
    "softplus": lambda p: (
        {"k": 1 / p.half} if p.center == 0 and p.g_minus == 0 and p.g_plus == 1 else None
    ),
    "squareplus": _symmetric("c"),
    "sau": _leaky(lambda p: {"s": p.half}),
    "smu1": _leaky(lambda p: {"mu": sp.cancel(p.half * (1 - p.g_minus))}),
}
"""How a placed profile gives each entry's parameters; a row here for each RESCU entry."""


def recognise(activation: Activation) -> tuple[str, ...]:
    """Catalogue specs that ``activation`` equals on the whole line, for all its parameters.

    An entry that matches with its own parameter names ends the search.

    Example:
        >>> from rescu_cli.core.derive import derive
        >>> from rescu_cli.core.shape import named_shape
        >>> recognise(derive(named_shape("logistic")))
        ('softplus:k=1/beta',)
    """
    if not activation.closed_form:
        return ()
    found: list[str] = []
    for name, values in _candidates(activation):
        if _equal(activation, name, values):
            found.append(_spec(name, values))
            if found[-1] == name:
                break  # its own name, parameters and all: what contains it adds nothing
    return tuple(found)


def _candidates(activation: Activation) -> Iterator[tuple[str, _Values]]:
    placement = find_placement(_shape_of(activation))
    if placement is not None:
        for name, rule in _RULES.items():
            if TABLE[name].profile == placement.profile.shape:
                values = rule(placement)
                if values is not None:
                    yield name, values
        return
    if len(activation.pieces) == 2 and not any(p.gradient.has(X) for p in activation.pieces):
        left, right = (p.gradient for p in activation.pieces)
        if (left, right) == (0, 1):
            yield "relu", {}
        elif right == 1:
            yield "leaky_relu", {"alpha": left}
        return
    free = {p.name: p.symbol for p in activation.free_parameters}
    for name, entry in TABLE.items():
        if get(name).surrogate is not None:
            continue  # its value alone would be recognised, and its value is another's
        if entry.profile or len(get(name).pieces) != len(activation.pieces):
            continue
        parameters = get(name).parameters
        if all(p.name in free for p in parameters):
            yield name, {p.name: free[p.name] for p in parameters}
        if parameters and all(p.default is not None for p in parameters):
            yield name, {p.name: p.default for p in parameters if p.default is not None}


def _shape_of(activation: Activation) -> GradientShape:
    return GradientShape(
        name=activation.name,
        parameters=activation.free_parameters,
        breakpoints=activation.breakpoints,
        pieces=tuple(p.gradient for p in activation.pieces),
        owners=activation.owners,
        relations=activation.relations,
    )


def _equal(activation: Activation, name: str, values: _Values) -> bool:
    """Same joints, same value on every piece, parameters inside the entry's domains."""
    entry = get(name)
    assumptions = activation.assumptions
    if not all(_admissible(entry, k, v, assumptions) for k, v in values.items()):
        return False
    substitution = {entry.parameter(k).symbol: v for k, v in values.items()}
    theirs = [(p.upper, p.value) for p in entry.pieces]
    for (end, value), piece in zip(theirs, activation.pieces, strict=True):
        moved_end = end.subs(substitution, simultaneous=True)
        if moved_end != piece.upper and not is_zero(moved_end - piece.upper, assumptions):
            return False
        moved = value.subs(substitution, simultaneous=True)
        if not is_zero(moved - piece.value, assumptions):
            return False
    return True


def _admissible(entry: Activation, name: str, value: sp.Expr, known: Assumptions) -> bool:
    domain = entry.parameter(name).domain
    if value.is_number:
        try:
            return domain.contains(value)
        except ParameterError:
            return False
    for bound, is_open, side in (
        (domain.lower, domain.lower_open, 1),
        (domain.upper, domain.upper_open, -1),
    ):
        if bound.is_finite:
            sign = known.sign(side * (value - bound))
            if sign != "+" and (is_open or sign not in ("0", ">=")):
                return False
    return True


def _spec(name: str, values: _Values) -> str:
    """``smelu`` when parameters keep their names, otherwise ``softplus:k=1/beta``."""
    renamed = {k: v for k, v in values.items() if str(v) != k}
    if not renamed:
        return name
    return name + ":" + ",".join(f"{k}={str(v).replace(' ', '')}" for k, v in values.items())
