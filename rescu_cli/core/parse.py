"""Text to SymPy, safely: a whitelist over Python's own syntax tree.

Nothing of the text is ever executed. Every node is either in the grammar below or an error with a
caret under it; sizes are bounded before anything is computed, so that no input can take long.

Grammar: numbers, ``x``, parameter names, ``+ - * / **``, the functions of ``FUNCTIONS``, and
Python's conditional ``a if x < b else c`` with comparisons joined by ``and``/``or``.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import sympy as sp

from rescu_cli.core import symbols
from rescu_cli.core.symbols import X
from rescu_cli.errors import ParameterError, ParseError

MAX_LENGTH = 2_000
MAX_DEPTH = 40
MAX_NODES = 600
MAX_EXPONENT = 64
MAX_BITS = 4_096
"""Largest numerator or denominator: generous for constants, tiny for a computer."""
MAX_EXACT_LENGTH = 200_000
"""Expressions we wrote ourselves (``derive --out``) may be longer than what a person types."""

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "μ": "mu", "σ": "sigmoid", "Φ": "Phi",
          "φ": "phi", "π": "pi", "−": "-", "·": "*", "×": "*"}  # fmt: skip

_Build = Callable[..., sp.Expr]
_two = sp.Integer(2)

FUNCTIONS: dict[str, tuple[int | None, _Build]] = {
    # name: (number of arguments, None for one or more; builder)
    "exp": (1, sp.exp),
    "expm1": (1, symbols.expm1),
    "log": (1, sp.log),
    "ln": (1, sp.log),
    "log1p": (1, symbols.log1p),
    "sqrt": (1, sp.sqrt),
    "sin": (1, sp.sin),
    "cos": (1, sp.cos),
    "tan": (1, sp.tan),
    "atan": (1, sp.atan),
    "arctan": (1, sp.atan),
    "asinh": (1, sp.asinh),
    "sinh": (1, sp.sinh),
    "cosh": (1, sp.cosh),
    "tanh": (1, sp.tanh),
    "sech": (1, lambda u: 1 / sp.cosh(u)),
    "erf": (1, sp.erf),
    "erfc": (1, sp.erfc),
    "sigmoid": (1, symbols.sigmoid),
    "softplus": (1, lambda u: sp.log(1 + sp.exp(u))),
    "Phi": (1, symbols.Phi),
    "phi": (1, lambda u: sp.exp(-(u**2) / 2) / sp.sqrt(2 * sp.pi)),
    "abs": (1, sp.Abs),
    "Abs": (1, sp.Abs),
    "sign": (1, sp.sign),
    "relu": (1, lambda u: sp.Max(0, u)),
    "Heaviside": (1, sp.Heaviside),
    "min": (None, sp.Min),
    "max": (None, sp.Max),
    "Min": (None, sp.Min),
    "Max": (None, sp.Max),
    "clip": (3, lambda u, low, high: sp.Min(sp.Max(u, low), high)),
}
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E, "E": sp.E}
RESERVED = frozenset(FUNCTIONS) | frozenset(CONSTANTS) | {"x", "oo", "Integral"}

_COMPARE: dict[type[ast.cmpop], Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    ast.Lt: sp.StrictLessThan,
    ast.LtE: sp.LessThan,
    ast.Gt: sp.StrictGreaterThan,
    ast.GtE: sp.GreaterThan,
}


def parse_expression(text: str, names: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Read an expression in ``x`` and the given parameters, conditionals included.

    Args:
        text: What the user typed.
        names: Symbol of each admissible name; ``x`` is added.

    Returns:
        A SymPy expression that may hold Abs, Min, Max, Heaviside, sign and Piecewise.

    Raises:
        ParseError: Anything outside the grammar or the limits, with its place.

    Example:
        >>> parse_expression("(1 + x)/2 if x < 1 else 1", {})
        Piecewise((x/2 + 1/2, x < 1), (1, True))
    """
    return _Reader(text, {**names, "x": X}, MAX_LENGTH, own=False).read()


def parse_exact(text: str, names: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Read back an expression that this package printed (also ``oo`` and ``Integral``).

    Raises:
        ParseError: As :func:`parse_expression`; files are no more trusted than typed text.
    """
    if not isinstance(text, str):
        raise ParseError(f"Expected an expression as text, found {type(text).__name__}.")
    return _Reader(text, dict(names), MAX_EXACT_LENGTH, own=True).read()


def canonical_text(text: str, names: Mapping[str, sp.Symbol]) -> str:
    """The printed form that reading and printing leave unchanged.

    SymPy distributes numbers over sums depending on how a product was built, so an expression and
    its own printout can differ in form; digests need one form.
    """
    for _ in range(4):
        again = symbols.spell(parse_exact(text, names))
        if again == text:
            break
        text = again
    return text


def parse_number(text: str) -> sp.Expr:
    """An exact real constant such as ``2``, ``0.1``, ``1/3`` or ``sqrt(2)``.

    Raises:
        ParseError: If it is not a finite real constant.
    """
    value = _Reader(text, {}, MAX_LENGTH, own=False).read()
    if not value.is_number or value.is_real is not True or value.is_finite is not True:
        raise ParseError("Expected a finite real number", text, 0)
    return value


@dataclass
class _Reader:
    text: str
    names: dict[str, sp.Symbol]
    max_length: int
    own: bool

    def read(self) -> sp.Expr:
        if len(self.text) > self.max_length:
            raise ParseError(
                f"The expression has {len(self.text):,} characters; the limit is "
                f"{self.max_length:,}."
            )
        if not self.text.strip():
            raise ParseError("The expression is empty; give e.g. '(1 + tanh(x/beta))/2'.")
        self.source = re.sub(r"\s", " ", self.text)
        for greek, name in _GREEK.items():
            if greek in self.source:
                self.source = self.source.replace(greek, name)
        tree = self._tree()
        self.nodes = 0
        value = self._expr(tree, 0)
        if value.has(sp.I):
            raise ParseError("The expression is complex; it must be real for every real x",
                             self.source, 0)  # fmt: skip
        if not self.own and value.has(sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise ParseError("The expression divides by zero", self.source, 0)
        return value

    def _tree(self) -> ast.expr:
        stripped = self.source.strip()
        self.shift = len(self.source) - len(self.source.lstrip())
        if "\x00" in stripped:
            raise self._error("Unexpected character", self.source.index("\x00"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # e.g. "1if x" warns; it is still in the grammar
                return ast.parse(stripped, mode="eval").body
        except SyntaxError as error:
            place = (error.offset or 1) - 1
            raise self._error(f"Cannot read this ({error.msg})", place + self.shift) from None
        except (ValueError, MemoryError, RecursionError):
            raise self._error("Nested too deeply or not text", 0) from None

    def _error(self, message: str, position: int) -> ParseError:
        return ParseError(message, self.source, position)

    def _at(self, node: ast.AST) -> int:
        offset: int = getattr(node, "col_offset", 0)
        line = self.source.strip().encode()
        return len(line[:offset].decode(errors="ignore")) + self.shift

    def _fail(self, message: str, node: ast.AST) -> ParseError:
        return self._error(message, self._at(node))

    def _expr(self, node: ast.AST, depth: int) -> sp.Expr:
        self.nodes += 1
        if depth > MAX_DEPTH and not self.own:
            raise self._fail(f"Nested deeper than {MAX_DEPTH} levels", node)
        if depth > 10 * MAX_DEPTH:
            raise self._fail(f"Nested deeper than {10 * MAX_DEPTH} levels", node)
        if self.nodes > MAX_NODES and not self.own:
            raise self._fail(f"More than {MAX_NODES} terms", node)
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.USub()):
                return -self._expr(node.operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd()):
                return self._expr(node.operand, depth + 1)
            case ast.BinOp():
                return self._binary(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.IfExp():
                branch = self._expr(node.body, depth + 1)
                condition = self._condition(node.test, depth + 1)
                other = self._expr(node.orelse, depth + 1)
                return sp.Piecewise((branch, condition), (other, True))
            case ast.Compare():
                raise self._fail("A comparison is only allowed in 'a if x < b else c'", node)
            case ast.Attribute():
                raise self._fail("Attribute access is not allowed; use plain names", node)
        kind = type(node).__name__
        raise self._fail(f"{kind} is not allowed here; use numbers, x, parameters, + - * / ** "
                         "and functions", node)  # fmt: skip

    def _number(self, node: ast.Constant) -> sp.Expr:
        if isinstance(node.value, complex):
            raise self._fail("Complex numbers are not allowed", node)
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self._fail(f"Expected a number, found {type(node.value).__name__}", node)
        start = self._at(node)
        end = start + (node.end_col_offset or 0) - node.col_offset
        literal = self.source[start:end].replace("_", "")
        if literal.lower().startswith(("0x", "0o", "0b")):
            return sp.Integer(node.value)
        try:
            number = symbols.exact(literal)
        except ParameterError:
            raise self._fail("This number is too long or too large", node) from None
        self._bounded(number, node)
        return number

    def _bounded(self, value: sp.Expr, node: ast.AST) -> None:
        if isinstance(value, sp.Rational) and not value.is_infinite:
            bits = max(int(value.p).bit_length(), int(value.q).bit_length())
            if bits > MAX_BITS:
                raise self._fail(f"A number of {bits:,} bits is too large", node)

    def _name(self, node: ast.Name) -> sp.Expr:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if self.own and node.id == "oo":
            return sp.S.Infinity
        if node.id in FUNCTIONS:
            raise self._fail(f"{node.id} is a function; write {node.id}(x)", node)
        known = [*self.names, *FUNCTIONS, *CONSTANTS]
        near = get_close_matches(node.id, known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise self._fail(
            f"Unknown name {node.id[:40]!r}. {hint}Known here: {', '.join(sorted(self.names))}; "
            f"declare a parameter with --assume '{node.id[:40]} > 0'",
            node,
        )

    def _binary(self, node: ast.BinOp, depth: int) -> sp.Expr:
        """A chain a + b + c … nests to the left; it is walked, not recursed into."""
        chain: list[ast.BinOp] = []
        leftmost: ast.AST = node
        while isinstance(leftmost, ast.BinOp):
            chain.append(leftmost)
            leftmost = leftmost.left
        value = self._expr(leftmost, depth + 1)
        for link in reversed(chain):
            value = self._combined(value, link, depth)
        return value

    def _combined(self, left: sp.Expr, node: ast.BinOp, depth: int) -> sp.Expr:
        if isinstance(node.op, ast.BitXor):
            raise self._fail("Use ** for powers, not ^", node)
        right = self._expr(node.right, depth + 1)
        match node.op:
            case ast.Add():
                value = left + right
            case ast.Sub():
                value = left - right
            case ast.Mult():
                value = left * right
            case ast.Div():
                if right.is_zero:
                    raise self._fail("Division by zero", node.right)
                value = left / right
            case ast.Pow():
                value = self._power(left, right, node)
            case _:
                raise self._fail(f"Operator {type(node.op).__name__} is not allowed; use "
                                 "+ - * / **", node)  # fmt: skip
        self._bounded(value, node)
        return value

    def _power(self, base: sp.Expr, exponent: sp.Expr, node: ast.BinOp) -> sp.Expr:
        if base == sp.E:
            return sp.exp(exponent)
        if exponent.is_Rational:
            if abs(exponent) > MAX_EXPONENT or exponent.q > MAX_EXPONENT:
                raise self._fail(f"An exponent beyond ±{MAX_EXPONENT} is not allowed", node.right)
            if base.is_Rational:
                bits = max(int(base.p).bit_length(), int(base.q).bit_length())
                if bits * abs(exponent) > MAX_BITS:
                    raise self._fail(f"A power of more than {MAX_BITS:,} bits is too large", node)
            if base.is_zero and exponent.is_negative:
                raise self._fail("Division by zero", node)
            return base**exponent
        if exponent.is_number:
            raise self._fail("An exponent must be a whole number or a simple fraction", node.right)
        if base.is_positive:
            return base**exponent
        raise self._fail(
            "A power with x or a parameter in the exponent needs a positive constant base; "
            "write exp(...)", node)  # fmt: skip

    def _call(self, node: ast.Call, depth: int) -> sp.Expr:
        if isinstance(node.func, ast.Attribute):
            raise self._fail("Attribute access is not allowed; use plain names", node.func)
        if not isinstance(node.func, ast.Name):
            raise self._fail("Only the listed functions can be called", node.func)
        name = node.func.id
        if self.own and name == "Integral":
            return self._integral(node, depth)
        if self.own and name == "Piecewise":
            return self._piecewise(node, depth)
        if self.own and name == "CRootOf":
            return self._root_of(node, depth)
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            listed = ", ".join(FUNCTIONS)
            raise self._fail(f"Unknown function {name[:40]!r}. {hint}Known: {listed}", node)
        count, build = FUNCTIONS[name]
        if node.keywords:
            raise self._fail("Keyword arguments are not allowed", node.keywords[0].value)
        if len(node.args) != count if count else not node.args:
            expected = f"{count} argument{'s' if count != 1 else ''}" if count else "arguments"
            raise self._fail(f"{name} takes {expected}, found {len(node.args)}", node)
        return build(*[self._expr(a, depth + 1) for a in node.args])

    def _integral(self, node: ast.Call, depth: int) -> sp.Expr:
        """``Integral(g, (t, a, x))`` as SymPy prints an antiderivative without closed form."""
        match node.args:
            case [body, ast.Tuple(elts=[ast.Name(id=dummy), lower, upper])]:
                inner = _Reader(self.text, {**self.names, dummy: DUMMY}, self.max_length, own=True)
                inner.source, inner.shift, inner.nodes = self.source, self.shift, self.nodes
                limits = (DUMMY, self._expr(lower, depth + 1), self._expr(upper, depth + 1))
                return sp.Integral(inner._expr(body, depth + 1), limits)
        raise self._fail("Expected Integral(g, (t, a, x))", node)

    def _root_of(self, node: ast.Call, depth: int) -> sp.Expr:
        """``CRootOf(z**3 + z - 1, 0)``, a real root of a polynomial with rational coefficients."""
        match node.args:
            case [body, ast.Constant(value=int(index))]:
                names = {n.id: sp.Symbol(n.id) for n in ast.walk(body) if isinstance(n, ast.Name)}
                inner = _Reader(self.text, names, self.max_length, own=True)
                inner.source, inner.shift, inner.nodes = self.source, self.shift, self.nodes
                found = inner._expr(body, depth + 1)
                if len(names) == 1 and found.is_polynomial(*names.values()):
                    degree = sp.degree(found, *names.values())
                    if 0 <= index < degree <= MAX_EXPONENT:
                        root = sp.CRootOf(found, index)
                        if root.is_real and not root.free_symbols:
                            return root
        raise self._fail("Expected CRootOf(polynomial, number of a real root)", node)

    def _piecewise(self, node: ast.Call, depth: int) -> sp.Expr:
        branches: list[tuple[sp.Expr, sp.Basic]] = []
        for pair in node.args:
            match pair:
                case ast.Tuple(elts=[value, condition]):
                    branches.append((self._expr(value, depth + 1),
                                     self._condition(condition, depth + 1)))  # fmt: skip
                case _:
                    raise self._fail("Expected Piecewise((value, condition), ...)", pair)
        return sp.Piecewise(*branches)

    def _condition(self, node: ast.AST, depth: int) -> sp.Basic:
        if depth > MAX_DEPTH:
            raise self._fail(f"Nested deeper than {MAX_DEPTH} levels", node)
        match node:
            case ast.Compare():
                parts: list[sp.Basic] = []
                left = self._expr(node.left, depth + 1)
                for op, right_node in zip(node.ops, node.comparators, strict=True):
                    build = _COMPARE.get(type(op))
                    if build is None:
                        raise self._fail("Compare with <, <=, > or >=", right_node)
                    right = self._expr(right_node, depth + 1)
                    parts.append(build(left, right))
                    left = right
                return sp.And(*parts)
            case ast.BoolOp():
                join = sp.And if isinstance(node.op, ast.And) else sp.Or
                return join(*[self._condition(v, depth + 1) for v in node.values])
            case ast.UnaryOp(op=ast.Not()):
                return sp.Not(self._condition(node.operand, depth + 1))
            case ast.Constant(value=bool(flag)) if self.own:
                return sp.true if flag else sp.false
            case ast.Call(func=ast.Name(id="Eq"), args=[left, right]) if self.own:
                return sp.Eq(self._expr(left, depth + 1), self._expr(right, depth + 1))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) if self.own:
                join = sp.And if isinstance(node.op, ast.BitAnd) else sp.Or
                return join(*[self._condition(v, depth + 1) for v in (node.left, node.right)])
        raise self._fail("Expected a comparison such as x < beta", node)


DUMMY = sp.Symbol("t", real=True)
"""The variable of integration in gradients without an elementary integral."""
