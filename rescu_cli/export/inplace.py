"""The fast variant of generated torch code: temporaries are reused in place.

Eager tensor code costs one pass over memory per operation, and fresh memory for each result. Here
each operation writes over an operand that nothing needs any more, products are fused into the sum
that takes them, and no graph is recorded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import sympy as sp

from rescu_cli.export.naming import Namer
from rescu_cli.export.program import Node, Program
from rescu_cli.export.scaling import early_scaled
from rescu_cli.export.source import decimal

_METHODS = frozenset({"neg", "abs", "sqrt", "exp", "log", "log1p", "sigmoid", "tanh",
                      "erf", "erfc", "sin", "cos", "atan"})  # fmt: skip
_WIDTH = 60
_OPERATOR = re.compile(r"^-|^[^(]* [-+*/] |\) [-+*/] ")
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_FUNCTIONS = {"Phi": "_normal_cdf", "step": "_step", "expm1": "_expm1"}


class InPlaceSource:
    """Prints statements that compute several outputs of a program with few passes over memory.

    Args:
        program: What to print.
        taken: Names that temporaries must not use.
    """

    def __init__(self, program: Program, taken: Sequence[str] = ()) -> None:
        self._given = program
        self._taken = {"x", *(p.name for p in program.parameters), *taken}

    def lines(self, *quantities: str) -> tuple[list[str], list[str]]:
        """Assignments, and for each quantity text on which a method can be called.

        Args:
            quantities: ``value``, ``gradient`` or both.
        """
        scaled = early_scaled(self._given)
        program = min(self._given, scaled, key=lambda p: _passes(p, _outputs(p, quantities)))
        self.program = program
        outputs = _outputs(program, quantities)
        needed = program.needed(outputs)
        self._left = Counter(a for i in needed for a in program.nodes[i].args)
        for output in outputs:
            self._left[output] += 1
        self._uses = Counter(self._left)
        self._text: dict[int, str] = {}
        self._reads: dict[int, set[str]] = {}
        self._owned: set[int] = set()
        self._fused: set[int] = set()
        self._named: set[int] = set()
        self._compound: set[int] = set()
        self._namer = Namer(self._taken)
        self._lines: list[str] = []
        for i in needed:
            if self._waits(i, needed):
                self._fused.add(i)
                continue
            text, fresh = self._composed(i)
            self._text[i], self._reads[i] = text, self._reading
            if _OPERATOR.search(text):
                self._compound.add(i)
            if fresh and program.depends_on_x[i]:
                self._owned.add(i)
            if fresh and self._uses[i] > 1:
                self._name(i)
        return self._lines, [self._operand(o) for o in outputs]

    def _composed(self, i: int) -> tuple[str, bool]:
        """The text of a node; operands get names until it fits a line."""
        before = Counter(self._left)
        while True:
            self._reading: set[str] = set()
            text, fresh = self._operation(i)
            operands = self._operands(i)
            long = [a for a in operands if a not in self._named and self.program.nodes[a].args]
            if len(text) <= _WIDTH or not long:
                return text, fresh
            self._left = Counter(before)
            self._name(max(long, key=lambda a: len(self._text[a])))

    def _operands(self, i: int) -> list[int]:
        """What the text of node ``i`` is made of, through fused operands."""
        found = []
        for a in self.program.nodes[i].args:
            found += self._operands(a) if a in self._fused else [a]
        return found

    def _name(self, i: int) -> None:
        name = self._namer(self.program.nodes[i].op)
        self._lines.append(f"{name} = {self._text[i]}")
        self._text[i], self._reads[i] = name, {name}
        self._named.add(i)

    # -- operands ---------------------------------------------------------------------------

    def _take(self, i: int) -> str:
        self._left[i] -= 1
        self._reading |= self._reads[i]
        return self._text[i]

    def _free(self, i: int) -> bool:
        """Whether node ``i`` is a temporary of x's shape whose last use is the one at hand.

        An expression that is not written out yet may still read it by name; then it is not free.
        """
        if i not in self._owned or self._left[i] != 1:
            return False
        if i not in self._named:
            return True
        waiting = (r for j, r in self._reads.items() if j != i and self._left[j] > 0)
        return not any(self._reads[i] & r for r in waiting)

    def _constant(self, i: int) -> bool:
        return self.program.is_number(i)

    def _waits(self, i: int, needed: Sequence[int]) -> bool:
        """Whether a product is left to the only sum that takes it, or a max to its min."""
        nodes = self.program.nodes
        if self._uses[i] != 1 or not self.program.depends_on_x[i]:
            return False
        users = [j for j in needed if i in nodes[j].args]
        if not users:
            return False
        user = nodes[users[0]]
        if nodes[i].op == "max" and user.op == "min":
            return self._constant(nodes[i].args[1]) and self._constant(user.args[1])
        if nodes[i].op != "mul" or user.op != "add" or user.args[0] == user.args[1]:
            return False
        other = next(a for a in user.args if a != i)
        if self._constant(other):
            return self._scale(i) is not None
        return (
            other not in self._fused
            and self.program.depends_on_x[other]
            and (
                self._scale(i) is not None
                or all(self.program.depends_on_x[a] for a in nodes[i].args)
            )
        )

    def _scale(self, i: int) -> tuple[int, int] | None:
        """(factor, constant) if node ``i`` is a product with a constant."""
        a, b = self.program.nodes[i].args
        return (a, b) if self._constant(b) else None

    # -- operations -------------------------------------------------------------------------

    def _operation(self, i: int) -> tuple[str, bool]:
        """The text of node ``i``, and whether it makes a new tensor."""
        node = self.program.nodes[i]
        if node.op == "x":
            return "x", False
        if node.op == "parameter":
            return node.name, False
        if node.op in ("tiny", "huge"):
            return node.op, False
        if node.op == "constant":
            return decimal(float(sp.N(node.number, 30))), False
        if self._constant(i):
            return self._number(i, node), False
        if node.op in _FUNCTIONS:
            return f"{_FUNCTIONS[node.op]}({self._take(node.args[0])})", True
        if node.op == "neg" and not self.program.depends_on_x[i]:
            return f"-{self._operand(node.args[0])}", True
        if node.op in _METHODS:
            free = self._free(node.args[0])
            return f"{self._operand(node.args[0])}.{node.op}{'_' if free else ''}()", True
        a, b = node.args
        if node.op in ("min", "max"):
            return self._extreme(node.op, a, b), True
        if node.op == "add":
            return self._add(a, b), True
        return self._binary(node.op, a, b), True

    def _number(self, i: int, node: Node) -> str:
        """An expression of plain numbers, such as 5e299 * huge: Python's own arithmetic."""
        given = [self._operand(a) for a in node.args]
        match node.op:
            case "min" | "max" | "abs":
                return f"{node.op}({', '.join(given)})"
            case "neg":
                return f"-{given[0]}"
        return f" {_SIGNS[node.op]} ".join(given)

    def _operand(self, i: int) -> str:
        """Text on which a method can be called, or an operator."""
        text = self._take(i)
        return f"({text})" if i in self._compound and i not in self._named else text

    def _binary(self, op: str, a: int, b: int) -> str:
        if op == "mul" and not self._free(a) and self._free(b):
            a, b = b, a
        if a == b and self._uses[a] == 2 and a in self._owned:
            text = self._take(a)
            self._take(a)
            return f"{text}.square_()"
        if self._free(a) and (self.program.depends_on_x[a]):
            return f"{self._operand(a)}.{op}_({self._take(b)})"
        if self.program.depends_on_x[a]:
            return f"{self._operand(a)}.{op}({self._take(b)})"
        if op == "sub" and self._free(b):
            # -t + c is c - t to the last bit, and needs no new memory.
            return f"{self._operand(b)}.neg_().add_({self._take(a)})"
        return f"{self._operand(a)} {_SIGNS[op]} {self._operand(b)}"

    def _add(self, a: int, b: int) -> str:
        nodes, fused = self.program.nodes, self._fused
        if a in fused:
            a, b = b, a
        if b not in fused:
            if not self.program.depends_on_x[a] or (not self._free(a) and self._free(b)):
                a, b = b, a
            if not self.program.depends_on_x[a]:
                return f"{self._operand(a)} + {self._operand(b)}"
            suffix = "_" if self._free(a) else ""
            return f"{self._operand(a)}.add{suffix}({self._take(b)})"
        scaled = self._scale(b)
        if scaled is not None and self._constant(a):
            self._left[b] -= 1
            start, (factor, constant) = self._take(a), scaled
            return f"torch.add({start}, {self._take(factor)}, alpha={self._take(constant)})"
        base_free = self._free(a)
        base = self._operand(a)
        self._left[b] -= 1
        suffix = "_" if base_free else ""
        if scaled is not None:
            factor, constant = scaled
            return f"{base}.add{suffix}({self._take(factor)}, alpha={self._take(constant)})"
        left, right = nodes[b].args
        return f"{base}.addcmul{suffix}({self._take(left)}, {self._take(right)})"

    def _extreme(self, op: str, a: int, b: int) -> str:
        if a in self._fused:
            self._left[a] -= 1
            inner, low = self.program.nodes[a].args
            suffix = "_" if self._free(inner) else ""
            return f"{self._operand(inner)}.clamp{suffix}({self._take(low)}, {self._take(b)})"
        if self._constant(b):
            free = self._free(a)
            bound = "min" if op == "max" else "max"
            return f"{self._operand(a)}.clamp_{bound}{'_' if free else ''}({self._take(b)})"
        for first, second in ((a, b), (b, a)):
            if self._free(first):  # new memory costs more than the comparison
                bound = "min" if op == "max" else "max"
                return f"{self._operand(first)}.clamp_{bound}_({self._take(second)})"
        return f"torch.{op}imum({self._take(a)}, {self._take(b)})"


def _outputs(program: Program, quantities: Sequence[str]) -> list[int]:
    places = {"value": program.value, "gradient": program.gradient}
    return [places[q] for q in quantities]


def _passes(program: Program, outputs: Sequence[int]) -> int:
    """Passes over memory; c + s·x is one, and so is a clamp on both sides."""
    needed = program.needed(outputs)
    fused = 0
    for i in needed:
        node = program.nodes[i]
        if node.op == "add" and program.is_number(node.args[1]):
            inner = program.nodes[node.args[0]]
            fused += inner.op == "mul" and program.is_number(inner.args[1])
    return sum(program.depends_on_x[i] for i in needed) - fused
