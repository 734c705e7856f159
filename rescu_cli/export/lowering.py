"""Lowers an activation to a `Program`: which formula, in which arithmetic, tried out before use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import sympy as sp

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.core.integrate import parameter_samples
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError
from rescu_cli.export.bell import uncancelled
from rescu_cli.export.builder import Builder
from rescu_cli.export.interpret import HUGE, run
from rescu_cli.export.pieces import assemble, carry_nan
from rescu_cli.export.program import Program
from rescu_cli.export.repair import births, pruned, repaired
from rescu_cli.export.rewrite import accurate, two_sided
from rescu_cli.export.slopes import parameter_slope, piece_slope
from rescu_cli.export.tails import straightened
from rescu_cli.export.translate import Translator
from rescu_cli.export.trial import first_mistake

_SAMPLES = 3


@lru_cache(maxsize=256)
def lower(activation: Activation) -> Program:
    """Value, gradient and parameter gradients as branch-free arithmetic.

    The activation's safe forms are used where it has them. Otherwise its pieces are: each on its
    own clamped variable, rewritten to safe functions, then tried out against the reference; if the
    tails are wrong, they are replaced by their asymptotes (parameters must be bound for that).

    Args:
        activation: Free parameters become inputs of the program, bound ones constants.

    Raises:
        UnsupportedError: If there is no closed form, a function that programs lack, or no formula
            was found that is right for every float.

    Example:
        >>> from rescu_cli import catalogue
        >>> print(lower(catalogue.resolve("relu")))
        %0 = x
        %1 = constant 0
        %2 = max %0 %1
        %3 = step %0
        value %2
        gradient %3
    """
    if not activation.closed_form:
        raise UnsupportedError(
            f"{activation.name} has no closed form (its gradient has no elementary integral), so "
            "there is no formula to export. 'rescu plot' and 'rescu show' work; for code, choose a "
            "gradient with an elementary integral, e.g. a named shape."
        )
    samples = _samples(activation)
    if activation.forms is not None:
        program = pruned(repaired(_from_forms(activation), samples))
        # Members of the catalogue are tried by the tests, float by float. Of other safe forms the
        # ends may be wrong; near a zero their error is absolute, and small.
        known = activation.name in catalogue.names()
        mistake = None if known else first_mistake(activation, program, samples, beyond=1e12)
        if mistake is not None:
            raise _no_formula(activation, mistake)
        _refuse_nan(activation, program, samples)
        return program
    program = pruned(repaired(_from_pieces(activation), samples))
    mistake = first_mistake(activation, program, samples)
    if mistake is not None and not activation.free_parameters:
        bent = straightened(activation)
        if bent is not None:
            program = pruned(repaired(_from_pieces(bent), samples))
            mistake = first_mistake(activation, program, samples)
    if mistake is not None:
        raise _no_formula(activation, mistake)
    _refuse_nan(activation, program, samples)
    return program


def _no_formula(activation: Activation, mistake: str) -> UnsupportedError:
    return UnsupportedError(
        f"No formula for {activation.spec} was found that is right for every float: {mistake}. "
        + _advice(activation)
    )


def _advice(activation: Activation) -> str:
    if activation.free_parameters:
        name = activation.free_parameters[0].name
        return f"Fix the parameters, e.g. {name}=1: then the tails can be replaced by asymptotes."
    return "'rescu plot' and 'rescu show' work; for code, choose a shape with simpler tails."


def _samples(activation: Activation) -> list[Mapping[str, float]]:
    """Parameter values a program is tried out with: defaults first, then others."""
    points: list[dict[sp.Symbol, sp.Expr]] = []
    free = activation.free_parameters
    if free and all(p.default is not None for p in free):
        points.append({p.symbol: p.default for p in free if p.default is not None})
    points += parameter_samples(activation.assumptions, _SAMPLES)
    return [{s.name: float(v) for s, v in point.items()} for point in points] or [{}]


def _from_forms(activation: Activation) -> Program:
    build = Builder()
    forms = activation.forms
    if forms is None:
        raise UnsupportedError(f"{activation.name} has no safe forms.")
    translate, value = Translator(build, build.x), accurate(two_sided(forms.value))
    quantities = translate(uncancelled(value)), translate(forms.gradient)
    if all(p.value.is_polynomial(X) for p in activation.pieces):
        # Factored, a derivative of a piece is simpler than the derivative of a form.
        slopes = _slopes_of_pieces(activation, build)
    else:
        free = activation.free_parameters
        slopes = [translate(parameter_slope(value, p.symbol)) for p in free]
    return _program(activation, build, *quantities, slopes)


def _from_pieces(activation: Activation) -> Program:
    build = Builder()
    joints, owners = activation.breakpoints, activation.owners

    def join(parts: Sequence[sp.Expr]) -> int:
        return assemble(build, parts, joints, owners)

    return _program(
        activation,
        build,
        join([p.value for p in activation.pieces]),
        join([p.gradient for p in activation.pieces]),
        _slopes_of_pieces(activation, build),
    )


def _slopes_of_pieces(activation: Activation, build: Builder) -> list[int]:
    pieces, joints, owners = activation.pieces, activation.breakpoints, activation.owners
    return [
        assemble(build, [piece_slope(piece, p.symbol) for piece in pieces], joints, owners)
        for p in activation.free_parameters
    ]


def _program(
    activation: Activation, build: Builder, value: int, gradient: int, slopes: Sequence[int]
) -> Program:
    free = activation.free_parameters
    value, gradient, *rest = (carry_nan(build, i) for i in (value, gradient, *slopes))
    names = [p.name for p in free]
    return Program(
        parameters=free,
        nodes=tuple(build.nodes),
        value=value,
        gradient=gradient,
        parameter_gradients=tuple(zip(names, rest, strict=True)),
    )


def _refuse_nan(
    activation: Activation, program: Program, samples: Sequence[Mapping[str, float]]
) -> None:
    """Refuse a program that answers NaN to a number, or a parameter slope that jumps at ±∞."""
    for node, x, sample in births(program, samples):
        raise _refusal(activation, f"{program.nodes[node].op} gives NaN", x, sample)
    for sample in samples:
        for x in (math.inf, -math.inf):
            sizes = (x, math.copysign(HUGE["float64"], x), math.copysign(2.0**400, x))
            at, near, nearer = (run(program, size, sample) for size in sizes)
            for name, i in program.parameter_gradients:
                settled = abs(at[i] - near[i]) <= 1e-6 * (1 + abs(near[i]))
                growing = abs(at[i]) >= abs(near[i]) > 1.5 * abs(nearer[i])
                if not settled and not growing:
                    raise _refusal(activation, f"the slope by {name} jumps", x, sample)


def _refusal(
    activation: Activation, what: str, x: float, sample: Mapping[str, float]
) -> UnsupportedError:
    at = "".join(f", {k}={v:g}" for k, v in sample.items())
    return _no_formula(activation, f"{what} at x={x:g}{at}")
