"""Runs a program on single floats, in float32 or float64 arithmetic, without any framework.

Slow and simple: it is how the lowering looks for NaN and overflow before anything is printed, and
a second opinion on every backend in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from ctypes import c_float
from typing import Literal

import sympy as sp

from rescu_cli.export.program import Program

Kind = Literal["float32", "float64"]
TINY: dict[str, float] = {"float32": 2.0**-126, "float64": 2.0**-1022}
HUGE: dict[str, float] = {
    "float32": (2 - 2.0**-23) * 2.0**127,
    "float64": math.nextafter(math.inf, 0),
}
SPLITTER: dict[str, float] = {"float32": 2.0**12 + 1, "float64": 2.0**27 + 1}


def run(
    program: Program, x: float, parameters: Mapping[str, float] | None = None,
    kind: Kind = "float64",
) -> list[float]:  # fmt: skip
    """The value of every node at ``x``, each operation rounded to ``kind``.

    Args:
        program: What to run.
        x: Any float; rounded to ``kind`` first.
        parameters: A number for every free parameter.
        kind: Arithmetic.
    """
    rounded = _to_float32 if kind == "float32" else float
    values: list[float] = []
    for node in program.nodes:
        match node.op:
            case "x":
                result = x
            case "parameter":
                result = (parameters or {})[node.name]
            case "constant":
                result = float(sp.N(node.number, 30))
            case "tiny":
                result = TINY[kind]
            case "huge":
                result = HUGE[kind]
            case "splitter":
                result = SPLITTER[kind]
            case op:
                result = _OPERATIONS[op](*(values[a] for a in node.args))
        values.append(rounded(result))
    return values


def _to_float32(value: float) -> float:
    return c_float(value).value


def _divide(a: float, b: float) -> float:
    if b == 0:
        if a == 0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _extreme(pick: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda a, b: math.nan if math.isnan(a) or math.isnan(b) else pick(a, b)


def _total(function: Callable[[float], float]) -> Callable[[float], float]:
    """As an IEEE library would answer: inf for overflow, NaN outside the domain."""

    def call(u: float) -> float:
        try:
            return function(u)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return call


def _log(u: float) -> float:
    return -math.inf if u == 0 else math.log(u)


def _sigmoid(u: float) -> float:
    decay = math.exp(-abs(u))
    return 1 / (1 + decay) if u >= 0 else decay / (1 + decay)


_OPERATIONS: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _divide,
    "min": _extreme(min),
    "max": _extreme(max),
    "neg": lambda u: -u,
    "abs": abs,
    "sqrt": _total(math.sqrt),
    "exp": _total(math.exp),
    "expm1": _total(math.expm1),
    "log": _total(_log),
    "log1p": _total(lambda u: -math.inf if u == -1 else math.log1p(u)),
    "sigmoid": _sigmoid,
    "Phi": lambda u: math.erfc(-u * math.sqrt(0.5)) / 2,
    "tanh": math.tanh,
    "erf": math.erf,
    "erfc": math.erfc,
    "sin": _total(math.sin),
    "cos": _total(math.cos),
    "atan": math.atan,
    "step": lambda u: u if math.isnan(u) else float(u > 0),
}
