"""Shared by the targets that compute one number at a time: C, C++, CUDA, Rust, Julia, JavaScript.

A language is a `Language`: how it writes functions, literals and comments. What the program asks of
it beyond that (sigmoid, Φ, in some erfc) is printed as a helper function from `special`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from rescu_cli.core.activation import Activation
from rescu_cli.export.document import banner
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import Source
from rescu_cli.export.special import DEFINITIONS, definition

ALWAYS_HELPERS = ("min", "max", "step")
"""Operations whose treatment of NaN differs from what the languages offer."""


class Language(ABC):
    """How one language is written.

    Args:
        prefix: Of private names, so that several generated files can live together.
        scalar: Name of the type that is computed in.
        functions: Operation → the language's own function, as a pattern with {}.
    """

    def __init__(self, prefix: str, scalar: str, functions: Mapping[str, str]) -> None:
        self.prefix, self.scalar, self.functions = prefix, scalar, functions

    @abstractmethod
    def assignment(self, name: str, text: str) -> str:
        """A statement that names a value."""

    @abstractmethod
    def literal(self, number: float) -> str:
        """A number of the type that is computed in."""

    @abstractmethod
    def limit(self, op: str) -> str:
        """``tiny``, ``huge`` or ``splitter`` of the type that is computed in."""

    @abstractmethod
    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        """A private function of one argument x."""

    @abstractmethod
    def primitive(self, op: str) -> str:
        """The private function ``min``, ``max`` or ``step``."""

    def call(self, op: str, argument: str) -> str:
        """One function of one argument."""
        pattern = self.functions.get(op)
        return pattern.format(argument) if pattern else f"{self.private(op)}({argument})"

    def private(self, op: str) -> str:
        """The name of a helper."""
        return f"{self.prefix}_{op.lower()}_"


class ScalarSource(Source):
    """Prints a program in a language.

    Args:
        program: What to print.
        language: In which.
        taken: Names that temporaries must not use.
    """

    def __init__(self, program: Program, language: Language, taken: Iterable[str] = ()) -> None:
        super().__init__(program, tuple(taken))
        self._language = language

    def expression(self, i: int, node: Node) -> tuple[str, int]:
        if node.op in ("tiny", "huge", "splitter"):
            return self._language.limit(node.op), 4
        return super().expression(i, node)

    def assignment(self, name: str, text: str) -> str:
        return self._language.assignment(name, text)

    def literal(self, number: float) -> str:
        return self._language.literal(number)

    def call(self, op: str, argument: str) -> str:
        return self._language.call(op, argument)

    def extreme(self, i: int, node: Node) -> str:
        # The helpers keep a NaN of their first operand: the one that varies with x.
        first, second = node.args
        if not self.program.depends_on_x[first]:
            first, second = second, first
        return f"{self._language.private(node.op)}({self.at(first, 0)}, {self.at(second, 0)})"


def helpers(program: Program, language: Language, taken: Iterable[str] = ()) -> list[str]:
    """The private functions that a program needs, each after those it uses itself."""
    used = {node.op for node in program.nodes}
    needed = [op for op in DEFINITIONS if op in used and op not in language.functions]
    bodies: dict[str, Program] = {}
    while needed:
        op = needed.pop(0)
        bodies.pop(op, None)  # moved to the end: those found later are used by earlier ones
        bodies[op] = body = _definition(op)
        inside = {node.op for node in body.nodes}
        used |= inside
        needed += [o for o in DEFINITIONS if o in inside and o not in language.functions]
    parts = [language.primitive(op) for op in ALWAYS_HELPERS if op in used]
    for op, body in reversed(bodies.items()):
        lines, (result,) = ScalarSource(body, language, taken).lines([body.value])
        parts.append(language.helper(op, lines, result))
    return parts


def libraries(program: Program, language: Language) -> set[str]:
    """The functions of the language's own library that the text calls, helpers included."""
    seen: set[str] = set()
    waiting = {node.op for node in program.nodes}
    while waiting:
        op = waiting.pop()
        if op in seen:
            continue
        seen.add(op)
        if op in DEFINITIONS and op not in language.functions:
            waiting |= {node.op for node in _definition(op).nodes}
    return {op for op in seen if op in language.functions and op not in ("abs", "sqrt")}


@cache
def _definition(op: str) -> Program:
    """The definition with the other defined functions left as calls."""
    return definition(op, frozenset(DEFINITIONS) - {op})


def header(activation: Activation, what: str, comment: str) -> str:
    """The banner as line comments, which nothing inside can end."""
    return "\n".join(f"{comment} {line}".rstrip() for line in banner(activation, what))
