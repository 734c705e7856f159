"""Keras 3: a function of `keras.ops` with its own gradient, and a layer.

Keras has no float64 to rely on: its operations of two operands give float32 for it, to be the same
on every backend. So all is computed in float32.
"""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.keras_layer import layer_text
from rescu_cli.export.document import banner, derivative, prose
from rescu_cli.export.layout import default, docstring, exported, head, indented, wrapped
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import class_name
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import ATOM, Source
from rescu_cli.export.special import expanded

SUFFIX = ".py"
_KNOWN = frozenset({"sigmoid", "expm1", "log1p", "tanh", "erf", "sin", "cos", "atan"})
"""What every Keras 3 has in `keras.ops`; erfc came late, and is 1 - erf on some backends."""
_LIMITS = {
    "tiny": ("_TINY", "1.1754943508222875e-38"),
    "huge": ("_HUGE", "3.4028234663852886e38"),
    "splitter": ("_SPLITTER", "4097.0"),
}


class _Source(Source):
    def expression(self, i: int, node: Node) -> tuple[str, int]:
        """Chains of quotients, and of products with the largest number, keep their order."""
        if node.op in _LIMITS:
            return _LIMITS[node.op][0], ATOM
        if node.op in ("div", "mul"):
            shielded = {a: _shield(self.program, node, a) for a in node.args}
            for a, yes in shielded.items():
                if yes and not self._text[a][0].startswith("_kept("):
                    self._text[a] = f"_kept({self.at(a, 0)})", ATOM
        return super().expression(i, node)

    def call(self, op: str, argument: str) -> str:
        names = {"step": "_step", "atan": "ops.arctan"}
        return f"{names.get(op, f'ops.{op}')}({argument})"

    def extreme(self, i: int, node: Node) -> str:
        a, b = node.args
        return f"ops.{node.op}imum({self.at(a, 0)}, {self.at(b, 0)})"


def _shield(program: Program, node: Node, i: int) -> bool:
    """Whether operand ``i`` of a product or quotient must not be joined with it."""
    if node.op == "div":
        return _divides(program, i)
    with_huge = any(program.nodes[a].op == "huge" for a in node.args)
    return with_huge and program.nodes[i].op == "mul"


def _divides(program: Program, i: int) -> bool:
    """Whether the node is a quotient, or a product or negative of one."""
    node = program.nodes[i]
    return node.op == "div" or (
        node.op in ("mul", "neg") and any(_divides(program, a) for a in node.args)
    )


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs Keras and nothing else."""
    writer = _Writer(activation, expanded(lower(activation), _KNOWN), name)
    formulas = writer.formulas()
    whole = "".join(formulas)
    parts = [writer.head(whole), *writer.helpers(whole), *formulas,
             writer.function(), *writer.public(), layer_text(activation, name)]  # fmt: skip
    return "\n\n\n".join(p.strip("\n") for p in parts) + "\n"


class _Writer:
    def __init__(self, activation: Activation, program: Program, name: str) -> None:
        self.activation, self.program, self.name = activation, program, name
        self.names = [p.name for p in program.parameters]
        self.inputs = ", ".join(["x", *self.names])

    def head(self, formulas: str) -> str:
        used = {n.op for n in self.program.nodes}
        limits = [f"{title} = {n}" for op, (title, n) in _LIMITS.items() if op in used]
        return "\n".join(
            [
                docstring(banner(self.activation, "Keras")),
                "",
                "from __future__ import annotations",
                "",
                *(["import math", ""] if self.names or "_kept(" in formulas else []),
                "import keras",
                "from keras import ops",
                "",
                *exported([class_name(self.name), self.name, f"{self.name}_gradient"]),
                *(["", *limits] if limits else []),
            ]
        )

    def helpers(self, formulas: str) -> list[str]:
        parts = [_WIDENED.format(name=self.name)]
        if "_step(" in formulas:
            parts.append(_STEP)
        if "_kept(" in formulas:
            parts.append(_KEPT)
        return parts

    def formulas(self) -> list[str]:
        """The private functions, in float32."""
        rows = [("_value", "f(x)", self.program.value),
                ("_gradient", derivative(self.activation), self.program.gradient)]  # fmt: skip
        rows += [(f"_{n}_gradient", f"The derivative of f with respect to {n}", i)
                 for n, i in self.program.parameter_gradients]  # fmt: skip
        parts = []
        for function, says, output in rows:
            lines, (result,) = _Source(self.program, _TAKEN).lines([output])
            parts.append(
                f"def {function}({self.inputs}):\n"
                f'    """{says}, for x in float32."""\n' + indented([*lines, f"return {result}"])
            )
        return parts

    def function(self) -> str:
        """The function with a gradient of its own."""
        if not self.names:
            return _FUNCTION_OF_X
        slopes = "\n".join(f"    _{n}_gradient," for n in self.names)
        return _FUNCTION_OF_X_AND_PARAMETERS.format(slopes=slopes)

    def public(self) -> list[str]:
        note = (
            "x is a tensor of any shape, or what becomes one; the result has its shape and format, "
            "but float32 where x has integers or float64, which Keras' own operations round too."
        )
        given = " Parameters are numbers or tensors, and broadcast with x." if self.names else ""
        more = (f"{given} Differentiable twice. NaN propagates. In a functional model, use the "
                f"layer {class_name(self.name)}.")  # fmt: skip
        arguments = ["x", *(f"{p.name}{default(p).replace(' ', '')}"
                            for p in self.program.parameters)]  # fmt: skip
        listed = f"[{', '.join(self.names)}]"
        call = f"_differentiable(x, {listed})" if self.names else "_differentiable(x)"
        casts = [f'{n} = ops.convert_to_tensor({n}, dtype="float32")' for n in self.names]
        rows = [
            (self.name, f"{prose(self.activation.summary) or 'f(x)'}, elementwise.",
             note + more, [f"return ops.cast({call}, dtype)"]),
            (f"{self.name}_gradient", f"{derivative(self.activation)} at x.", note + given,
             [*casts, f"return ops.cast(_gradient({self.inputs}), dtype)"]),
        ]  # fmt: skip
        return [
            "\n".join(
                [
                    head(function, arguments, "").replace(" -> :", ":"),
                    docstring([says, "", *wrapped(text, 4)], 4),
                    indented(["dtype, x = _widened(x)", *body]),
                ]
            )
            for function, says, text, body in rows
        ]


_WIDENED = '''
def _widened(x):
    """The format of the result, and x in float32, in which all is computed."""
    x = ops.convert_to_tensor(x)
    dtype = keras.backend.standardize_dtype(x.dtype)
    if dtype.startswith("complex"):
        raise TypeError(f"{name} takes real numbers; found {{dtype}}.")
    if dtype not in ("float16", "bfloat16"):
        dtype = "float32"
    return dtype, ops.cast(x, "float32")
'''
_STEP = '''
def _step(u):
    """1 for u > 0, 0 for u <= 0, NaN for NaN; nowhere a slope."""
    u = ops.stop_gradient(u)
    return ops.where(ops.isnan(u), u, ops.cast(u > 0, u.dtype))
'''
_KEPT = '''
def _kept(u):
    """u itself; XLA would join the factors, and overflow, where it knew that."""
    return ops.where(ops.isnan(u), math.nan, u)
'''
_FUNCTION_OF_X = """
@ops.custom_gradient
def _differentiable(x):
    def grad(*inputs, upstream=None):
        # Torch hands over x and the upstream, the other backends the upstream alone.
        if upstream is None:
            return inputs[0] * _gradient(x)
        return upstream * _gradient(*inputs)

    return _value(x), grad
"""
_FUNCTION_OF_X_AND_PARAMETERS = '''
_SLOPES = (
    _gradient,
{slopes}
)


def _summed(slope, like):
    """The gradient of an input that was broadcast."""
    extra = len(slope.shape) - len(like.shape)
    slope = ops.sum(slope, axis=tuple(range(extra))) if extra else slope
    axes = tuple(i for i, size in enumerate(like.shape) if size == 1)
    return ops.sum(slope, axis=axes, keepdims=True) if axes else slope


def _differentiable(x, given):
    """f with its gradient; a parameter that is a plain number gets none."""
    learned = [i for i, p in enumerate(given) if not isinstance(p, (int, float))]
    given = [ops.convert_to_tensor(p, dtype="float32") for p in given]

    def whole(tensors):
        """x and all parameters."""
        parameters = list(given)
        for i, tensor in zip(learned, tensors[1:], strict=True):
            parameters[i] = tensor
        return tensors[0], *parameters

    @ops.custom_gradient
    def function(*tensors):
        def grad(*inputs, upstream=None):
            # Torch hands over the inputs and the upstream, other backends that alone.
            if upstream is None:
                inputs, (upstream,) = tensors, inputs
            slopes = [_SLOPES[0], *(_SLOPES[i + 1] for i in learned)]
            grads = [
                _summed(upstream * slope(*whole(inputs)), like)
                for slope, like in zip(slopes, inputs, strict=True)
            ]
            return tuple(grads) if learned else grads[0]

        return _value(*whole(tensors)), grad

    return function(x, *(given[i] for i in learned))
'''
_TAKEN = ("keras", "ops", "math")
