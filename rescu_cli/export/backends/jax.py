"""JAX: a function with its own derivative rule, and the derivative."""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.document import banner, derivative, prose
from rescu_cli.export.layout import WIDTH, default, docstring, exported, head, indented, wrapped
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import PRODUCT, UNARY, Source

SUFFIX = ".py"
_NAMES = {"sigmoid": "jax.nn.sigmoid", "Phi": "_normal_cdf", "atan": "jnp.arctan",
          "erf": "jax.lax.erf", "erfc": "jax.lax.erfc", "step": "_step"}  # fmt: skip
_SHIELD = '''
def _opaque(u):
    """u, unseen by XLA: it turns x / 3 into a product, and (a / b) / c into a / (b * c)."""
    return jax.lax.optimization_barrier(u)
'''
_HELPERS = {
    "Phi": '''
def _normal_cdf(u):
    """The normal distribution function, accurate in its left tail."""
    return 0.5 * jax.lax.erfc(-0.7071067811865476 * u)
''',
    "step": '''
def _step(u):
    """1 for u > 0, 0 for u <= 0, NaN for NaN; nowhere a slope."""
    u = jax.lax.stop_gradient(u)
    # XLA takes subnormal numbers for 0 in comparisons; their bits it leaves alone.
    signed = jnp.int64 if u.dtype == jnp.float64 else jnp.int32
    above = jax.lax.bitcast_convert_type(u, signed) > 0
    return jnp.where(jnp.isnan(u), u, above.astype(u.dtype))
''',
}
_FORMATS = '''
# 16-bit formats are computed in float32 and rounded once, at the end.
_COMPUTED_IN = {{
    "float16": jnp.float32,
    "bfloat16": jnp.float32,
    "float32": jnp.float32,
    "float64": jnp.float64,
}}


def _widened(x):
    """The format of the result, and x in the format that is computed in."""
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == jnp.bool_:
        x = x.astype(jnp.result_type(float))
    if x.dtype.name not in _COMPUTED_IN:
        found = f"found {{x.dtype}}."
        raise TypeError(f"{name} takes real numbers up to float64; {{found}}")
    return x.dtype, x.astype(_COMPUTED_IN[x.dtype.name])
'''


class _Source(Source):
    def expression(self, i: int, node: Node) -> tuple[str, int]:
        """A quotient is shielded from the compiler where it would change its value."""
        if node.op != "div":
            return super().expression(i, node)
        nodes, (a, b) = self.program.nodes, node.args
        above, below = self.at(a, PRODUCT), self.at(b, UNARY)
        if _divides(self.program, a):
            above = f"_opaque({self.at(a, 0)})"
        if nodes[b].op == "constant":
            below = f"_opaque(jnp.asarray({below}, x.dtype))"
        elif _divides(self.program, b):
            below = f"_opaque({self.at(b, 0)})"
        return f"{above} / {below}", PRODUCT

    def call(self, op: str, argument: str) -> str:
        return f"{_NAMES.get(op, f'jnp.{op}')}({argument})"

    def extreme(self, i: int, node: Node) -> str:
        a, b = node.args
        inner = self.program.nodes[a]
        if node.op == "min" and inner.op == "max" and a not in self.named:
            c, low = inner.args
            return f"jnp.clip({self.at(c, 0)}, {self.at(low, 0)}, {self.at(b, 0)})"
        return f"jnp.{node.op}imum({self.at(a, 0)}, {self.at(b, 0)})"


def _divides(program: Program, i: int) -> bool:
    """Whether the node is a quotient, or a product or negative of one."""
    node = program.nodes[i]
    return node.op == "div" or (
        node.op in ("mul", "neg") and any(_divides(program, a) for a in node.args)
    )


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs JAX and nothing else."""
    writer = _Writer(activation, lower(activation), name)
    parts = [writer.head(), *writer.helpers(), *writer.formulas(), writer.rule(), *writer.public()]
    return "\n\n\n".join(p.strip("\n") for p in parts) + "\n"


class _Writer:
    def __init__(self, activation: Activation, program: Program, name: str) -> None:
        self.activation, self.program, self.name = activation, program, name
        self.names = [p.name for p in program.parameters]
        self.inputs = ", ".join(["x", *self.names])

    def head(self) -> str:
        return "\n".join(
            [
                docstring(banner(self.activation, "JAX")),
                "",
                "from __future__ import annotations",
                "",
                *(["from functools import partial", ""] if self.names else []),
                "import jax",
                "import jax.numpy as jnp",
                "",
                *exported([self.name, f"{self.name}_gradient"]),
                _FORMATS.format(name=self.name).rstrip("\n"),
            ]
        )

    def helpers(self) -> list[str]:
        used = {n.op for n in self.program.nodes}
        parts = [text for op, text in _HELPERS.items() if op in used]
        return [_SHIELD, *parts] if "_opaque(" in "".join(self.formulas()) else parts

    def formulas(self) -> list[str]:
        """The private functions, in the format that is computed in."""
        rows = [("_value", "f(x)", self.program.value),
                ("_gradient", derivative(self.activation), self.program.gradient)]  # fmt: skip
        rows += [(f"_{n}_gradient", f"The derivative of f with respect to {n}", i)
                 for n, i in self.program.parameter_gradients]  # fmt: skip
        parts = []
        for function, says, output in rows:
            used = {self.program.nodes[i].op for i in self.program.needed([output])}
            limits = {"tiny": "tiny = jnp.finfo(x.dtype).tiny",
                      "huge": "huge = _opaque(jnp.finfo(x.dtype).max)"}  # fmt: skip
            lines, (result,) = _Source(self.program, _TAKEN).lines([output])
            body = [*(line for op, line in limits.items() if op in used), *lines,
                    f"return {result}"]  # fmt: skip
            decorator = "@jax.custom_jvp\n" if function == "_value" else ""
            parts.append(
                f"{decorator}def {function}({self.inputs}):\n"
                f'    """{says}, for x of the format that is computed in."""\n' + indented(body)
            )
        return parts

    def rule(self) -> str:
        """The derivative rule; from it JAX makes every kind of derivative, of any order."""
        terms = [("x", "_gradient"), *((n, f"_{n}_gradient") for n in self.names)]
        lines = [f"{self.inputs} = primals" if self.names else "(x,) = primals"]
        if not self.names:
            lines += ["return _value(x), _gradient(x) * tangents[0]"]
            return "@_value.defjvp\ndef _value_jvp(primals, tangents):\n" + indented(lines)
        lines += [
            *_tuple("slopes", [slope for _, slope in terms]),
            f"value = _value({self.inputs})",
            "moved = jnp.zeros_like(value)",
            "for slope, tangent in zip(slopes, tangents, strict=True):",
            "    # The slope by a parameter may be infinite at an infinite x: no product with 0.",
            "    if not isinstance(tangent, jax.custom_derivatives.SymbolicZero):",
            f"        moved = moved + slope({self.inputs}) * tangent",
            "return value, moved",
        ]
        return (
            "@partial(_value.defjvp, symbolic_zeros=True)\n"
            "def _value_jvp(primals, tangents):\n" + indented(lines)
        )

    def public(self) -> list[str]:
        note = (
            "x is an array of any shape or a number; the result has its shape and float format "
            "(integers give the default one)."
        )
        if self.names:
            note += " Parameters broadcast with x."
        more = (" Differentiable any number of times, in both modes, under jit, vmap and grad. NaN "
                "propagates; XLA may take subnormal numbers for 0.")  # fmt: skip
        rows = [
            (self.name, f"{prose(self.activation.summary) or 'f(x)'}, elementwise.", "_value",
             note + more),
            (f"{self.name}_gradient", f"{derivative(self.activation)} at x.", "_gradient", note),
        ]  # fmt: skip
        arguments = ["x", *(f"{p.name}{default(p).replace(' ', '')}"
                            for p in self.program.parameters)]  # fmt: skip
        body = [
            "dtype, x = _widened(x)",
            *(f"{n} = jnp.asarray({n}, dtype=x.dtype)" for n in self.names),
        ]
        return [
            "\n".join(
                [
                    head(function, arguments, "").replace(" -> :", ":"),
                    docstring([says, "", *wrapped(text, 4)], 4),
                    indented([*body, f"return {private}({self.inputs}).astype(dtype)"]),
                ]
            )
            for function, says, private, text in rows
        ]


def _tuple(name: str, entries: list[str]) -> list[str]:
    """An assignment; one entry a line where it does not fit."""
    line = f"{name} = ({', '.join(entries)})"
    return (
        [line] if len(line) <= WIDTH - 4 else [f"{name} = (", *(f"    {e}," for e in entries), ")"]
    )


_TAKEN = ("jax", "jnp", "partial", "tiny", "huge")
