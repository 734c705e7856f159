"""ONNX: a model in text form, of functions for the value and each gradient.

The text is what `onnx.parser` reads; `encode` makes the binary file of it. A function is of
standard operations that ONNX Runtime computes in float32 and float64 alike: it has neither Erf nor
Atan in float64, and its Sigmoid and Tanh are too coarse in the tails.
"""

from __future__ import annotations

from collections.abc import Sequence

import rescu_cli
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import Parameter
from rescu_cli.errors import MissingDependencyError
from rescu_cli.export.document import banner
from rescu_cli.export.loader import INSTALL
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import Namer
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import ATOM, Source, decimal
from rescu_cli.export.special import expanded

SUFFIX = ".onnxtxt"
OPSET = 18
_WIDTH = 96
_KNOWN = frozenset({"sin", "cos"})
_BY_FORMAT = {
    "tiny": ("1.1754943508222875e-38", "2.2250738585072014e-308"),
    "huge": ("3.4028234663852886e38", "1.7976931348623157e308"),
    "splitter": ("4097.0", "134217729.0"),
}
"""Numbers that depend on the format: for float32 and for float64."""
_OF_FORMAT = f"""
<
  domain: "rescu",
  opset_import: ["" : {OPSET}]
>
of_format (x, of_single, of_double) => (number)
{{
  # 1 + 2^-40 is 1 in float32 and more in float64.
  fine = Constant <value = double {{1.0000000000009095}}> ()
  fine_of_x = CastLike (fine, x)
  one = Constant <value = double {{1.0}}> ()
  one_of_x = CastLike (one, x)
  is_double = Greater (fine_of_x, one_of_x)
  single_of_x = CastLike (of_single, x)
  double_of_x = CastLike (of_double, x)
  number = Where (is_double, double_of_x, single_of_x)
}}
"""


class _Source(Source):
    """One statement per operation; no nesting."""

    def lines(self, outputs: Sequence[int]) -> tuple[list[str], list[str]]:
        """Statements, and the name of each output."""
        self._namer = Namer(self._taken)
        self._text: dict[int, tuple[str, int]] = {}
        self._assignments: list[str] = []
        self._constants = 0
        for i in self.program.needed(outputs):
            node = self.program.nodes[i]
            text, _ = self.expression(i, node)
            if node.args:
                name = self._namer(node.op)
                self._assignments.append(self.assignment(name, text))
                text = name
            self._text[i] = text, ATOM
        return self._assignments, [self._text[o][0] for o in outputs]

    def expression(self, i: int, node: Node) -> tuple[str, int]:
        """The call of an operator, or the name of what needs none."""
        if node.op in _BY_FORMAT:
            single, double = (self._double(text) for text in _BY_FORMAT[node.op])
            self._assignments.append(f"{node.op} = rescu.of_format (x, {single}, {double})")
            return node.op, ATOM
        if node.op == "constant":
            name = self._double(super().expression(i, node)[0])
            self._assignments.append(f"{name}_of_x = CastLike ({name}, x)")
            return f"{name}_of_x", ATOM
        if node.op in ("x", "parameter"):
            return super().expression(i, node)
        if node.op == "step":
            sign = self._namer("step")
            self._assignments.append(f"{sign} = Sign ({self.at(node.args[0], 0)})")
            return f"Max ({sign}, {self._zero()})", ATOM
        return f"{node.op.capitalize()} ({', '.join(self.at(a, 0) for a in node.args)})", ATOM

    def _double(self, text: str) -> str:
        """A number in the format that holds all of them."""
        self._constants += 1
        name = f"number_{self._constants}"
        self._assignments.append(f"{name} = Constant <value = double {{{text}}}> ()")
        return name

    def _zero(self) -> str:
        name = self._double(decimal(0.0))
        self._assignments.append(f"{name}_of_x = CastLike ({name}, x)")
        return f"{name}_of_x"

    def call(self, op: str, argument: str) -> str:
        return f"{op.capitalize()} ({argument})"

    def extreme(self, i: int, node: Node) -> str:
        return f"{node.op.capitalize()} ({self.at(node.args[0], 0)}, {self.at(node.args[1], 0)})"


def emit(activation: Activation, name: str) -> str:
    """The text of a model of ONNX operator set 18."""
    program = expanded(lower(activation), _KNOWN)
    says = [f"# {line}".rstrip() for line in [*banner(activation, "ONNX"), "", *_NOTE]]
    functions = [(name, program.value), (f"{name}_gradient", program.gradient)]
    functions += [(f"{name}_{n}_gradient", i) for n, i in program.parameter_gradients]
    parts = ["\n".join(says) + "\n" + _model(program, name)]
    parts += [_function(program, title, output) for title, output in functions]
    if any("rescu.of_format" in part for part in parts):
        parts.append(_OF_FORMAT.strip("\n"))
    return "\n\n".join(parts) + "\n"


_NOTE = (
    "Model inputs: x, of any shape, and the parameters, which broadcast with it; outputs: value",
    "and gradient. The functions of the domain rescu work in the format of x, float32 or float64;",
    "cast 16-bit tensors to float32 and back. Slopes by parameters are functions too.",
)


def _model(program: Program, name: str) -> str:
    inputs = ["float[] x", *(_input(p) for p in program.parameters)]
    given = ", ".join(["x", *(p.name for p in program.parameters)])
    head = f"{name} ({', '.join(inputs)}) => (float[] value, float[] gradient)"
    if len(head) > _WIDTH:
        listed = ",\n".join(f"  {i}" for i in inputs)
        head = f"{name} (\n{listed}\n) => (float[] value, float[] gradient)"
    return f"""<
  ir_version: 9,
  opset_import: ["" : {OPSET}, "rescu" : 1],
  producer_name: "rescu",
  producer_version: "{rescu_cli.__version__}"
>
{head}
{{
  value = rescu.{name} ({given})
  gradient = rescu.{name}_gradient ({given})
}}"""


def _input(p: Parameter) -> str:
    """A parameter as input of the model, with its default if it has one."""
    if p.default is None:
        return f"float[] {p.name}"
    return f"float {p.name} = {{{decimal(float(p.default))}}}"


def _function(program: Program, name: str, output: int) -> str:
    taken = ("x", "result", *_BY_FORMAT)
    lines, (result,) = _Source(program, taken).lines([output])
    inputs = ", ".join(["x", *(p.name for p in program.parameters)])
    body = "\n".join(f"  {line}" for line in [*lines, f"result = Identity ({result})"])
    return f"""<
  domain: "rescu",
  opset_import: ["" : {OPSET}, "rescu" : 1]
>
{name} ({inputs}) => (result)
{{
{body}
}}"""


def encode(text: str) -> bytes:
    """The binary form of an artifact's text; its comments become the model's description.

    Raises:
        MissingDependencyError: If the package onnx is not installed.
    """
    try:
        from onnx import parser
    except ImportError as error:
        raise MissingDependencyError(
            "onnx", "Writing a binary ONNX file", INSTALL["onnx"]
        ) from error
    lines = text.splitlines()
    said = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
    model = parser.parse_model(text)
    model.doc_string = "\n".join(said)
    data: bytes = model.SerializeToString()
    return data
