"""JavaScript: an ES module of functions on numbers and typed arrays."""

from __future__ import annotations

from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.c import outputs
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import Language, ScalarSource, header, helpers
from rescu_cli.export.source import decimal

SUFFIX = ".mjs"
_NAMES = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "atan")
_LIMITS = {
    "tiny": "2.2250738585072014e-308",
    "huge": "Number.MAX_VALUE",
    "splitter": "134217729",
}


class JavaScript(Language):
    """JavaScript, whose numbers are float64.

    Args:
        name: Of the main function.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "number", {op: f"Math.{op}({{}})" for op in _NAMES})

    def assignment(self, name: str, text: str) -> str:
        return f"const {name} = {text};"

    def literal(self, number: float) -> str:
        return decimal(number)

    def limit(self, op: str) -> str:
        return _LIMITS[op]

    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        body = "\n".join(f"  {line}" for line in [*lines, f"return {result};"])
        return f"// {op}(x).\nfunction {self.private(op)}(x) {{\n{body}\n}}"

    def primitive(self, op: str) -> str:
        name = self.private(op)
        if op == "step":
            return (
                "// 1 for u > 0, 0 for u <= 0, NaN for NaN.\n"
                f"function {name}(u) {{\n  return u > 0 ? 1 : u <= 0 ? 0 : u;\n}}"
            )
        sign = "<" if op == "max" else ">"
        return (
            f"// The {'larger' if op == 'max' else 'smaller'}; a NaN in u is kept.\n"
            f"function {name}(u, v) {{\n  return u {sign} v ? v : u;\n}}"
        )


def emit(activation: Activation, name: str) -> str:
    """The text of an ES module without imports."""
    program = lower(activation)
    language = JavaScript(name)
    names = [p.name for p in program.parameters]
    defaults = [
        p.name if p.default is None else f"{p.name} = {decimal(float(p.default))}"
        for p in program.parameters
    ]
    parts = [
        header(activation, "JavaScript", "//"),
        *helpers(program, language, names),
        *(_function(program, language, defaults, *row) for row in outputs(program, name)),
        *_arrays(name, names, defaults),
    ]
    return "\n\n".join(parts) + "\n"


def _function(
    program: Program,
    language: JavaScript,
    arguments: list[str],
    function: str,
    says: str,
    node: int,
) -> str:
    lines, (result,) = ScalarSource(program, language, ["u", "v"]).lines([node])
    text = "\n".join(f"  {line}" for line in [*lines, f"return {result};"])
    given = ", ".join(["x", *arguments])
    return f"/** {says}; x is a number. */\nexport function {function}({given}) {{\n{text}\n}}"


def _arrays(name: str, names: list[str], arguments: list[str]) -> list[str]:
    more, given = ("".join(f", {n}" for n in rows) for rows in (arguments, names))
    return [
        "/** y[i] = f(x[i]); arrays of numbers or typed arrays of one length, y may be x. */\n"
        f"export function {name}_forward(x, y{more}) {{\n"
        "  for (let i = 0; i < x.length; i++) {\n"
        f"    y[i] = {name}(x[i]{given});\n  }}\n  return y;\n}}",
        "/** dx[i] = f'(x[i]) * dy[i]; dx may be x or dy. */\n"
        f"export function {name}_backward(x, dy, dx{more}) {{\n"
        "  for (let i = 0; i < x.length; i++) {\n"
        f"    dx[i] = {name}_gradient(x[i]{given}) * dy[i];\n  }}\n  return dx;\n}}",
    ]
