"""`Program`: an activation as branch-free arithmetic, the one thing every backend prints.

A program is a list of nodes in single-assignment order. Nothing in it branches: where a formula
changes from piece to piece, each piece sees its own clamped variable, and a jump is a ``step``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from rescu_cli.core.symbols import Parameter
from rescu_cli.errors import InternalError

ARITY: dict[str, int] = {
    "x": 0,
    "parameter": 0,
    "constant": 0,
    "tiny": 0,
    "huge": 0,
    "splitter": 0,
    "add": 2,
    "sub": 2,
    "mul": 2,
    "div": 2,
    "min": 2,
    "max": 2,
    "neg": 1,
    "abs": 1,
    "sqrt": 1,
    "exp": 1,
    "expm1": 1,
    "log": 1,
    "log1p": 1,
    "sigmoid": 1,
    "Phi": 1,
    "tanh": 1,
    "erf": 1,
    "erfc": 1,
    "sin": 1,
    "cos": 1,
    "atan": 1,
    "step": 1,
}
"""Every operation a backend has to know, with its number of operands.

``tiny`` is the smallest normal number and ``huge`` the largest finite one of the float format that
is computed in; ``splitter`` is Veltkamp's constant 2^⌈p/2⌉ + 1 of it, which cuts a number of p
digits into halves with exact squares (`special` needs it; `lower` never makes it). ``step`` is 1
for u > 0, 0 for u <= 0 and NaN for NaN. ``min`` and ``max`` are NaN if an operand is.
"""


@dataclass(frozen=True)
class Node:
    """One operation.

    Args:
        op: A key of `ARITY`.
        args: Positions of the operands; all earlier than the node itself.
        number: Exact value of a ``constant``.
        name: Name of a ``parameter``.
    """

    op: str
    args: tuple[int, ...] = ()
    number: sp.Expr | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.op not in ARITY:
            raise InternalError(f"No operation {self.op!r}; there are: {', '.join(ARITY)}.")
        if len(self.args) != ARITY[self.op]:
            raise InternalError(
                f"{self.op} takes {ARITY[self.op]} operands, found {len(self.args)}."
            )
        if (self.number is not None) != (self.op == "constant"):
            raise InternalError(f"Only a constant has a number; found {self.op} {self.number}.")
        if bool(self.name) != (self.op == "parameter"):
            raise InternalError(f"Only a parameter has a name; found {self.op} {self.name!r}.")


@dataclass(frozen=True)
class Program:
    """Value, gradient and parameter gradients of one activation.

    Args:
        parameters: The free parameters: named inputs with domain, default and meaning.
        nodes: Operations, operands before their users.
        value: Position of f(x).
        gradient: Position of f′(x).
        parameter_gradients: Position of ∂f/∂p for every free parameter, by name.

    Raises:
        InternalError: If a node uses a later one or an unknown parameter, or an output is missing.
    """

    parameters: tuple[Parameter, ...]
    nodes: tuple[Node, ...]
    value: int
    gradient: int
    parameter_gradients: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        names = {p.name for p in self.parameters}
        for i, node in enumerate(self.nodes):
            if any(not 0 <= a < i for a in node.args):
                raise InternalError(f"Node {i} ({node.op}) uses a node that comes after it.")
            if node.op == "parameter" and node.name not in names:
                raise InternalError(f"Node {i} reads {node.name!r}, which is not a parameter.")
        outputs = (self.value, self.gradient, *(i for _, i in self.parameter_gradients))
        if any(not 0 <= i < len(self.nodes) for i in outputs):
            raise InternalError(f"Outputs {outputs} are not among {len(self.nodes)} nodes.")
        if {n for n, _ in self.parameter_gradients} != names:
            raise InternalError("A program needs the gradient of each free parameter.")

    @cached_property
    def depends_on_x(self) -> tuple[bool, ...]:
        """For each node, whether it varies with x (the others are computed once per call)."""
        flags: list[bool] = []
        for node in self.nodes:
            flags.append(node.op == "x" or any(flags[a] for a in node.args))
        return tuple(flags)

    def is_number(self, i: int) -> bool:
        """Whether node ``i`` is a plain number in every backend, whatever the parameters are."""
        node = self.nodes[i]
        if node.op in ("constant", "tiny", "huge", "splitter"):
            return True
        plain = node.op in ("neg", "abs", "add", "sub", "mul", "div", "min", "max")
        return plain and all(self.is_number(a) for a in node.args)

    def needed(self, outputs: Iterable[int]) -> tuple[int, ...]:
        """The nodes that ``outputs`` need, in order."""
        wanted = set(outputs)
        for i in reversed(range(len(self.nodes))):
            if i in wanted:
                wanted.update(self.nodes[i].args)
        return tuple(sorted(wanted))

    def __str__(self) -> str:
        """One line per operation; for golden files and for reading."""
        lines = []
        for i, node in enumerate(self.nodes):
            body = node.name or (str(node.number) if node.number is not None else "")
            body = body or " ".join(f"%{a}" for a in node.args)
            lines.append(f"%{i} = {node.op} {body}".rstrip())
        lines.append(f"value %{self.value}")
        lines.append(f"gradient %{self.gradient}")
        lines += [f"d/d{name} %{i}" for name, i in self.parameter_gradients]
        return "\n".join(lines)
