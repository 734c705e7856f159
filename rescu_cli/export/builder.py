"""Builds the nodes of a `Program`: shared subexpressions, exact constants, no dead arithmetic."""

from __future__ import annotations

import sympy as sp

from rescu_cli.export.program import Node

_COMMUTATIVE = frozenset({"add", "mul", "min", "max"})


class Builder:
    """Grows a list of nodes; the same operation on the same operands is one node.

    Constants are folded exactly. Nothing else is rearranged: the order of roundings is what the
    caller wrote.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Node, int] = {}
        self._varies: list[bool] = []

    def node(self, op: str, *args: int, number: sp.Expr | None = None, name: str = "") -> int:
        """The position of this very operation, without simplification."""
        key = Node(op, args, number, name)
        twin = Node(op, args[::-1]) if op in _COMMUTATIVE else key
        for known in (key, twin):
            if known in self._known:
                return self._known[known]
        self.nodes.append(key)
        self._known[key] = len(self.nodes) - 1
        self._varies.append(op == "x" or any(self._varies[a] for a in args))
        return len(self.nodes) - 1

    def varies(self, i: int) -> bool:
        """Whether node ``i`` depends on x."""
        return self._varies[i]

    def number(self, i: int) -> sp.Expr | None:
        """The exact value of node ``i`` if it is a constant."""
        return self.nodes[i].number

    def constant(self, number: sp.Expr | int) -> int:
        return self.node("constant", number=sp.sympify(number, strict=True))

    @property
    def x(self) -> int:
        return self.node("x")

    def parameter(self, name: str) -> int:
        return self.node("parameter", name=name)

    def add(self, a: int, b: int) -> int:
        left, right = self.number(a), self.number(b)
        if left is not None and right is not None:
            return self.constant(left + right)
        if left == 0:
            return b
        if right == 0:
            return a
        if left is not None:
            a, b, right = b, a, left
        if right is not None and right.is_negative:
            return self.sub(a, self.constant(-right))
        return self.node("add", a, b)

    def sub(self, a: int, b: int) -> int:
        left, right = self.number(a), self.number(b)
        if left is not None and right is not None:
            return self.constant(left - right)
        if right == 0:
            return a
        if left == 0:
            return self.neg(b)
        if right is not None and right.is_negative:
            return self.node("add", a, self.constant(-right))
        return self.node("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        left, right = self.number(a), self.number(b)
        if left is not None and right is not None:
            return self.constant(left * right)
        if left is not None:
            a, b, right = b, a, left
        if right is not None:
            return self._scaled(a, right)
        return self.node("mul", a, b)

    def _scaled(self, a: int, factor: sp.Expr) -> int:
        if factor == 0:
            return self.constant(0)
        if factor == 1:
            return a
        if factor == -1:
            return self.neg(a)
        # x/(2β) for β = 0.3 is a division by 0.6, not a product with 1.666…: a constant that the
        # format holds as it holds β, and one rounding less.
        inexact = factor.is_Rational and not _power_of_two(factor.q)
        if inexact and (abs(factor.p) == 1 or (_decimal(factor.p) and not _decimal(factor.q))):
            return self.node("div", a, self.constant(1 / factor))
        return self.node("mul", a, self.constant(factor))

    def div(self, a: int, b: int) -> int:
        left, right = self.number(a), self.number(b)
        if right is not None:
            return self.constant(left / right) if left is not None else self._divided(a, right)
        return a if left == 0 else self.node("div", a, b)

    def _divided(self, a: int, divisor: sp.Expr) -> int:
        if divisor == 1 or (divisor.is_Rational and _power_of_two(abs(divisor.p * divisor.q))):
            return self._scaled(a, 1 / divisor)
        return self.node("div", a, self.constant(divisor))

    def neg(self, a: int) -> int:
        value, node = self.number(a), self.nodes[a]
        if value is not None:
            return self.constant(-value)
        return node.args[0] if node.op == "neg" else self.node("neg", a)

    def extreme(self, op: str, a: int, b: int) -> int:
        """``min`` or ``max``."""
        left, right = self.number(a), self.number(b)
        if left is not None and right is not None:
            return self.constant(sp.Min(left, right) if op == "min" else sp.Max(left, right))
        if left is not None or (not self.varies(a) and self.varies(b)):
            a, b = b, a
        return a if a == b else self.node(op, a, b)

    def power(self, a: int, exponent: int) -> int:
        """a·a·…·a for a positive exponent, by repeated squaring."""
        value = self.number(a)
        if value is not None:
            return self.constant(value**exponent)
        if exponent == 1:
            return a
        half = self.power(a, exponent // 2)
        square = self.mul(half, half)
        return self.mul(a, square) if exponent & 1 else square

    def call(self, op: str, a: int) -> int:
        """A function of one operand."""
        return self.node(op, a)


def _power_of_two(n: sp.Integer) -> bool:
    return bool(n > 0 and int(n) & (int(n) - 1) == 0)


def _decimal(n: sp.Integer) -> bool:
    """Whether n has no prime factor but 2 and 5, so that 1/n is a finite decimal."""
    rest = abs(int(n))
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1
