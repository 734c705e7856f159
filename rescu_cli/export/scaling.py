"""Scales early: a power of two is drawn into the sum that begins a chain of operations.

(x + 1)/2, clamped, is 1/2 + x/2, clamped; and a quarter of a square is the square of the half. A
product with a power of two is exact, so that no rounding changes; but a library that takes c + s·x
in one pass over memory then needs fewer of them.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.export.builder import Builder
from rescu_cli.export.program import Program

_FURTHEST = 16
"""2^±16: far from where a scaled number leaves the range of a float where the other stays in it."""
_LARGEST = sp.Integer(2) ** 100


def early_scaled(program: Program) -> Program:
    """The same function to the last bit, powers of two first.

    Example:
        >>> from rescu_cli import catalogue
        >>> from rescu_cli.export import lower
        >>> scaled = early_scaled(lower(catalogue.resolve("smelu:beta=1")))
        >>> [scaled.nodes[i].op for i in scaled.needed([scaled.value]) if scaled.nodes[i].args]
        ['mul', 'add', 'max', 'min', 'mul', 'max']
    """
    build = Builder()
    place: list[int] = []
    for node in program.nodes:
        arguments = [place[a] for a in node.args]
        drawn = None
        if node.op == "mul":
            exponent = _exponent(build.number(arguments[1]))
            drawn = exponent and _scaled(build, arguments[0], exponent)
        place.append(drawn or build.node(node.op, *arguments, number=node.number, name=node.name))
    return Program(
        parameters=program.parameters,
        nodes=tuple(build.nodes),
        value=place[program.value],
        gradient=place[program.gradient],
        parameter_gradients=tuple((n, place[i]) for n, i in program.parameter_gradients),
    )


def _scaled(build: Builder, i: int, exponent: int) -> int | None:
    """2^exponent times node ``i``, by a chain that begins with c + 2^k·x; None if it does not."""
    node, factor = build.nodes[i], sp.Integer(2) ** exponent
    if node.op == "mul" and node.args[0] == node.args[1] and exponent % 2 == 0:
        half = _scaled(build, node.args[0], exponent // 2)
        return half and build.mul(half, half)
    if node.op not in ("add", "sub", "min", "max"):
        return None
    first, number = node.args[0], build.number(node.args[1])
    if number is None or abs(number * factor) > _LARGEST or 0 < abs(number * factor) < 1 / _LARGEST:
        return None
    scaled = build.constant(number * factor)
    if node.op in ("min", "max"):
        drawn = _scaled(build, first, exponent)
        return drawn and build.node(node.op, drawn, scaled)
    if build.nodes[first].op != "x":
        return None
    return build.node(node.op, build.mul(first, build.constant(factor)), scaled)


def _exponent(number: sp.Expr | None) -> int | None:
    """The k of 2^k, if it is small; None for 1 and for other numbers."""
    if number is None or not number.is_Rational or number <= 0 or number == 1:
        return None
    top, bottom = int(number.p), int(number.q)
    if top & (top - 1) or bottom & (bottom - 1):
        return None
    k = top.bit_length() - bottom.bit_length()
    return k if abs(k) <= _FURTHEST else None
