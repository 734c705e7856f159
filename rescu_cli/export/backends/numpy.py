"""NumPy: two functions on arrays and scalars."""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.document import banner, derivative
from rescu_cli.export.layout import default, docstring, exported, head, indented, wrapped
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import Source

SUFFIX = ".py"
_HELPERS = {
    "sigmoid": '''
def _sigmoid(u):
    """The logistic function; neither exponential can overflow."""
    return np.exp(np.minimum(u, 0.0)) / (1.0 + np.exp(-np.abs(u)))
''',
    "erf": """
# NumPy has no error function; the one of the standard library is right to the last digits.
_erf = np.vectorize(math.erf, otypes=[np.float64])
""",
    "erfc": """
# NumPy has no error function; the one of the standard library is right to the last digits.
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
""",
    "Phi": '''
# NumPy has no error function; the one of the standard library is right to the last digits.
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _normal_cdf(u):
    """The normal distribution function, accurate in its left tail."""
    wide = np.asarray(u, dtype=np.float64)
    return (0.5 * _erfc(-0.7071067811865476 * wide)).astype(u.dtype)
''',
}
_NAMES = {"abs": "np.abs", "atan": "np.arctan", "sigmoid": "_sigmoid", "Phi": "_normal_cdf",
          "erf": "_erf", "erfc": "_erfc"}  # fmt: skip


class _Source(Source):
    def call(self, op: str, argument: str) -> str:
        if op == "step":
            return f"np.heaviside({argument}, 0.0)"
        return f"{_NAMES.get(op, f'np.{op}')}({argument})"

    def extreme(self, i: int, node: Node) -> str:
        a, b = node.args
        inner = self.program.nodes[a]
        if node.op == "min" and inner.op == "max" and a not in self.named:
            c, low = inner.args
            return f"np.clip({self.at(c, 0)}, {self.at(low, 0)}, {self.at(b, 0)})"
        return f"np.{node.op}imum({self.at(a, 0)}, {self.at(b, 0)})"


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs NumPy and nothing else."""
    program = lower(activation)
    used = {n.op for n in program.nodes}
    helpers = [text.strip("\n") for op, text in _HELPERS.items() if op in used]
    math = ["import math", ""] if used & {"erf", "erfc", "Phi"} else []
    top = [
        docstring(banner(activation, "NumPy")),
        "",
        "from __future__ import annotations",
        "",
        *math,
        "import numpy as np",
        "",
        *exported([name, f"{name}_gradient"]),
    ]
    parts = [
        "\n".join(top),
        _WIDENED.format(name=name).strip("\n"),
        *helpers,
        _function(program, name, "f(x)", program.value),
        _function(program, f"{name}_gradient", f"{derivative(activation)} at x", program.gradient),
    ]
    return "\n\n\n".join(parts) + "\n"


_WIDENED = '''
def _widened(x):
    """x as an array, the format of the result, and x in the format that is computed in."""
    x = np.asarray(x)
    if x.dtype.kind in "biu":
        x = x.astype(np.float64)
    if x.dtype not in (np.float16, np.float32, np.float64):
        found = f"found {{x.dtype}}."
        raise TypeError(f"{name} takes real numbers up to float64; {{found}}")
    # float16 is computed in float32 and rounded once, at the end.
    return x.dtype, x.astype(np.promote_types(x.dtype, np.float32))
'''


def _function(program: Program, name: str, says: str, output: int) -> str:
    taken = ("np", "math", "dtype", "tiny", "huge", "result", name)
    lines, (result,) = _Source(program, taken).lines([output])
    used = {program.nodes[i].op for i in program.needed([output])}
    note = (
        "x is an array of any shape or a number; the result has its shape and float format "
        "(integers give float64)."
    )
    if program.parameters:
        note += " Parameters broadcast with x."
    limits = {"tiny": "tiny = np.finfo(x.dtype).tiny", "huge": "huge = np.finfo(x.dtype).max"}
    body = [
        "dtype, x = _widened(x)",
        *(f"{p.name} = np.asarray({p.name}, dtype=x.dtype)" for p in program.parameters),
        *(line for op, line in limits.items() if op in used),
        *lines,
        f"result = {result}",
        "return np.asarray(result, dtype=dtype)[()]",
    ]
    arguments = ["x", *(f"{p.name}{default(p).replace(' ', '')}" for p in program.parameters)]
    return "\n".join(
        [
            # Overflow on the way to a finite result is meant; so is 0 for an underflow.
            '@np.errstate(over="ignore", under="ignore", invalid="ignore")',
            head(name, arguments, "").replace(" -> :", ":"),
            docstring([f"{says}.", "", *wrapped(note, 4)], 4),
            indented(body),
        ]
    )
