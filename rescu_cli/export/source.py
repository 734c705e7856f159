"""From a program to lines of code: which nodes get a name, and how operators nest.

The languages that are printed agree on operators and brackets; a subclass says the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from math import isfinite

import sympy as sp

from rescu_cli.errors import UnsupportedError
from rescu_cli.export.naming import Namer
from rescu_cli.export.program import Node, Program

ATOM, UNARY, PRODUCT, SUM = 4, 3, 2, 1
_WIDTH = 60
"""An inlined expression longer than this gets a name, for the reader's sake."""


class Source(ABC):
    """Prints the part of a program that some outputs need, as assignments and expressions.

    Subclasses say how one operation looks (`call`, `extreme`, `literal`, `assignment`).

    Args:
        program: What to print.
        taken: Names that temporaries must not use.
    """

    def __init__(self, program: Program, taken: Sequence[str] = ()) -> None:
        self.program = program
        self._taken = {"x", *(p.name for p in program.parameters), *taken}

    def lines(self, outputs: Sequence[int]) -> tuple[list[str], list[str]]:
        """Assignments, and one expression per output."""
        program = self.program
        needed = program.needed(outputs)
        uses = Counter(a for i in needed for a in program.nodes[i].args)
        uses.update(outputs)
        self._namer = Namer(self._taken)
        self._text: dict[int, tuple[str, int]] = {}
        self._assignments: list[str] = []
        self.named: set[int] = set()
        for i in needed:
            node = program.nodes[i]
            self._text[i] = self.expression(i, node)
            while len(self._text[i][0]) > _WIDTH and self._shorten(i):
                self._text[i] = self.expression(i, node)
            if node.args and uses[i] > 1:
                self._name(i)
        return self._assignments, [self._text[o][0] for o in outputs]

    def _shorten(self, i: int) -> bool:
        """Give the longest operand of node ``i`` a name; False if all are names already."""
        nodes = self.program.nodes
        operands = {b for a in nodes[i].args for b in (a, *nodes[a].args)}
        long = [a for a in operands if a not in self.named and nodes[a].args]
        shown = [a for a in long if self._text[a][0] in self._text[i][0]]
        if not shown:
            return False
        self._name(max(shown, key=lambda a: (len(self._text[a][0]), a)))
        return True

    def _name(self, i: int) -> None:
        name = self._namer(self.program.nodes[i].op)
        self._assignments.append(self.assignment(name, self._text[i][0]))
        self._text[i] = name, ATOM
        self.named.add(i)

    def expression(self, i: int, node: Node) -> tuple[str, int]:
        """The text of a node and how tightly it binds."""
        match node.op:
            case "x":
                return "x", ATOM
            case "parameter":
                return node.name, ATOM
            case "constant":
                text = self.literal(float(sp.N(node.number, 30)))
                return text, UNARY if text.startswith("-") else ATOM
            case "tiny" | "huge" | "splitter":
                return node.op, ATOM
            case "add":
                return f"{self.at(node.args[0], SUM)} + {self.at(node.args[1], PRODUCT)}", SUM
            case "sub":
                return f"{self.at(node.args[0], SUM)} - {self.at(node.args[1], PRODUCT)}", SUM
            case "mul":
                return f"{self.at(node.args[0], PRODUCT)} * {self.at(node.args[1], UNARY)}", PRODUCT
            case "div":
                return f"{self.at(node.args[0], PRODUCT)} / {self.at(node.args[1], UNARY)}", PRODUCT
            case "neg":
                return f"-{self.at(node.args[0], UNARY)}", UNARY
            case "min" | "max":
                return self.extreme(i, node), ATOM
        return self.call(node.op, self.at(node.args[0], 0)), ATOM

    def at(self, i: int, level: int) -> str:
        """Operand ``i``, in brackets if it binds less tightly than ``level``."""
        text, own = self._text[i]
        return text if own >= level else f"({text})"

    def assignment(self, name: str, text: str) -> str:
        """A statement that names a value."""
        return f"{name} = {text}"

    def literal(self, number: float) -> str:
        return decimal(number)

    @abstractmethod
    def call(self, op: str, argument: str) -> str:
        """One function of one argument."""

    @abstractmethod
    def extreme(self, i: int, node: Node) -> str:
        """A minimum or maximum."""


def decimal(number: float) -> str:
    """The shortest decimal that reads back as ``number``, as formatters write it.

    Raises:
        UnsupportedError: If no float is as large.
    """
    if not isfinite(number):
        raise UnsupportedError(
            "A constant of this formula is larger than any float; choose parameters that are "
            "smaller, or further from 0."
        )
    return repr(number).replace("e+", "e")
