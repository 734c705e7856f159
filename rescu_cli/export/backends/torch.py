"""PyTorch: functions, an autograd function that saves one tensor, and a module."""

from __future__ import annotations

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.torch_module import module_text
from rescu_cli.export.document import banner, derivative, prose
from rescu_cli.export.inplace import InPlaceSource
from rescu_cli.export.layout import (
    TORCH_FORMATS,
    default,
    docstring,
    domain_row,
    exported,
    head,
    indented,
    wrapped,
)
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import class_name
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import ATOM, Source

SUFFIX = ".py"


class _Source(Source):
    """Pure tensor expressions: differentiable, for any batching."""

    def call(self, op: str, argument: str) -> str:
        helpers = {"Phi": "_normal_cdf", "step": "_step", "expm1": "_expm1"}
        return f"{helpers.get(op, f'torch.{op}')}({argument})"

    def expression(self, i: int, node: Node) -> tuple[str, int]:
        if node.op == "abs" and self.program.is_number(i):
            return f"abs({self.at(node.args[0], 0)})", ATOM
        return super().expression(i, node)

    def extreme(self, i: int, node: Node) -> str:
        (a, b), nodes, number = node.args, self.program.nodes, self.program.is_number
        if number(a) and number(b):
            return f"{node.op}({self.at(a, 0)}, {self.at(b, 0)})"
        if not number(b):
            return f"torch.{node.op}imum({self.at(a, 0)}, {self.at(b, 0)})"
        inner = nodes[a]
        if node.op == "min" and inner.op == "max" and a not in self.named:
            c, low = inner.args
            if number(low):
                return f"torch.clamp({self.at(c, 0)}, {self.at(low, 0)}, {self.at(b, 0)})"
        bound = "min" if node.op == "max" else "max"
        return f"torch.clamp({self.at(a, 0)}, {bound}={self.at(b, 0)})"


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs torch and nothing else."""
    writer = _Writer(activation, lower(activation), name)
    parts = [writer.head(), writer.helpers(), writer.formulas(), writer.public(),
             writer.function(), writer.module()]  # fmt: skip
    return "\n\n\n".join(p.strip("\n") for p in parts) + "\n"


class _Writer:
    def __init__(self, activation: Activation, program: Program, name: str) -> None:
        self.activation, self.program, self.name = activation, program, name
        self.parameters = program.parameters
        self.names = [p.name for p in program.parameters]
        self.module_name = class_name(name)
        self.taken = ["torch", "nn", "Tensor", "tiny", "huge", "wide", "dtype", *_RESULTS, name]

    # -- pieces of signatures ---------------------------------------------------------------

    def _arguments(self, kind: str = "") -> list[str]:
        """x and the parameters: of one kind, or numbers-or-tensors with their defaults."""
        return ["x: Tensor", *(f"{p.name}: {kind or _KIND + default(p)}" for p in self.parameters)]

    # -- the parts of the file --------------------------------------------------------------

    def head(self) -> str:
        return "\n".join(
            [
                docstring(banner(self.activation, "PyTorch")),
                "",
                "from __future__ import annotations",
                "",
                "import torch",
                "from torch import Tensor, nn",
                "",
                *exported([self.module_name, self.name, *(f"{self.name}_{s}" for s in _SUFFIXES)]),
                TORCH_FORMATS,
            ]
        )

    def helpers(self) -> str:
        parts = [
            f'''
def _widened(x: Tensor) -> Tensor:
    if x.dtype not in _COMPUTED_IN:
        found = f"found {{x.dtype}}. Use x.float()."
        raise TypeError(f"{self.name} takes a float tensor; {{found}}")
    return x.to(_COMPUTED_IN[x.dtype])
'''
        ]
        if self.parameters:
            rows = "\n".join(domain_row(p, self.activation, "torch.inf") for p in self.parameters)
            parts.append(f'''
_ADMISSIBLE = {{
{rows}
}}


def _parameter(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    """A number or tensor as a tensor of the format and device that is computed in."""
    if isinstance(value, Tensor):
        return value.to(like)
    *_, domain, admissible = _ADMISSIBLE[name]
    if not admissible(value):
        raise ValueError(f"{self.name} needs {{domain}}; found {{name}}={{value}}.")
    return torch.full((), value, dtype=like.dtype, device=like.device)
''')
        used = {n.op for n in self.program.nodes}
        if "Phi" in used:
            parts.append('''
def _normal_cdf(u: Tensor) -> Tensor:
    """The normal distribution function, accurate in its left tail."""
    return 0.5 * torch.erfc(-0.7071067811865476 * u)
''')
        if used & {"step", "expm1"}:
            parts.append('''
def _step(u: Tensor) -> Tensor:
    """1 for u > 0, 0 for u <= 0, NaN for NaN; nowhere a slope."""
    kind = torch.finfo(u.dtype)
    # Faster than a comparison, and keeps NaN: both factors together lift the smallest
    # subnormal to 1.
    return (u.detach() * (1.0 / kind.tiny) * (1.0 / kind.eps)).clamp(0.0, 1.0)
''')
        if "expm1" in used:
            parts.append('''
def _expm1(u: Tensor) -> Tensor:
    """e^u - 1, also where the compiler's own is 0 for tiny u."""
    if not torch.compiler.is_compiling():
        return torch.expm1(u)
    half = torch.tanh(-0.5 * torch.abs(u))
    falling = 2.0 * half / (1.0 - half)  # e^-|u| - 1
    return falling * torch.exp(torch.clamp(u, min=0.0)) * (1.0 - 2.0 * _step(u))
''')
        return "\n\n\n".join(p.strip("\n") for p in parts)

    def formulas(self) -> str:
        """The private functions: pure, in the computing format."""
        rows = [("_value", "f(x)", self.program.value),
                ("_gradient", derivative(self.activation), self.program.gradient)]  # fmt: skip
        if not self.names:
            del rows[0]  # the autograd function then runs the fast variant
        rows += [(f"_{n}_gradient", f"The derivative of f with respect to {n}", i)
                 for n, i in self.program.parameter_gradients]  # fmt: skip
        parts = []
        for function, says, output in rows:
            lines, (result,) = _Source(self.program, self.taken).lines([output])
            body = [*self._limits([output]), *lines, f"return {_fresh(result)}"]
            parts.append(
                head(function, self._arguments("Tensor"), "Tensor")
                + f'\n    """{says}, for x of the format that is computed in."""\n'
                + indented(body)
            )
        return "\n\n\n".join(parts)

    def _limits(self, outputs: list[int]) -> list[str]:
        used = {self.program.nodes[i].op for i in self.program.needed(outputs)}
        rows = {
            "tiny": "tiny = torch.finfo(x.dtype).tiny",
            "huge": "huge = torch.finfo(x.dtype).max",
        }
        return [line for op, line in rows.items() if op in used]

    def public(self) -> str:
        """The plain functions: temporaries reused, no graph."""
        places = {"value": self.program.value, "gradient": self.program.gradient}
        plain = self.activation.surrogate is None
        both = f"f(x) and its {'derivative' if plain else 'surrogate gradient'}"
        rows = [
            ("value", "Tensor", "f(x)"),
            ("gradient", "Tensor", f"{derivative(self.activation)} at x"),
            ("value_and_gradient", "tuple[Tensor, Tensor]", both),
        ]
        parts = []
        for suffix, kind, says in rows:
            quantities = suffix.split("_and_")
            lines, results = InPlaceSource(self.program, self.taken).lines(*quantities)
            outputs = [places[q] for q in quantities]
            prepare = [f'{n} = _parameter("{n}", {n}, x)' for n in self.names]
            final = [f"{_fresh(r)}.to(dtype)" for r in results]
            if len(final) > 1 and len(", ".join(final)) > 68:
                lines += [f"{n} = {text}" for n, text in zip(_RESULTS, final, strict=True)]
                final = list(_RESULTS)
            narrowed = ", ".join(final)
            body = ["dtype, x = x.dtype, _widened(x)", *prepare, *self._limits(outputs), *lines,
                    f"return {narrowed}"]  # fmt: skip
            shape = " Parameters broadcast to x's shape." if self.names else ""
            note = (f"Any shape and float dtype; an empty tensor gives an empty one. Records no "
                    f"graph: use {self.name} to differentiate.{shape}")  # fmt: skip
            if suffix == "value" and not self.names:
                # The autograd function runs it bare: torch.export would keep a no_grad of it,
                # and cut the gradient of the exported program.
                private = '    """f(x), temporaries reused."""\n'
                parts.append("def _value(x: Tensor) -> Tensor:\n" + private + indented(body))
                body = ["return _value(x)"]
            parts.append(
                "@torch.no_grad()\n"
                + head(f"{self.name}_{suffix}", self._arguments(), kind)
                + "\n"
                + docstring([f"{says}, fast.", "", *wrapped(note, 4)], 4)
                + "\n"
                + indented(body)
            )
        return "\n\n\n".join(parts)

    def function(self) -> str:
        """The autograd function and its public face."""
        names = self.names
        note = (
            "Differentiable any number of times, in both modes, under torch.compile, torch.func "
            "and vmap. Keeps x alone for the backward pass."
        )
        if names:
            note += " Parameters may be tensors that broadcast with x, and then get gradients too."
        facts = [f"{prose(self.activation.summary) or 'f(x)'}, elementwise.", "", *wrapped(note, 4)]
        inputs = ", ".join(["x", *names])
        return f"""
{self._function_of_x_and_parameters() if names else self._function_of_x()}


{head(self.name, self._arguments(), "Tensor")}
{docstring(facts, 4)}
    # The compiler cannot trace a forward-mode rule, and needs none.
    compiling = torch.compiler.is_compiling()
    function = _{self.module_name}Function if compiling else _{self.module_name}BothWays
    return function.apply({inputs})
"""

    def _function_of_x(self) -> str:
        return f"""class _{self.module_name}Function(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return _value(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, upstream):
        (x,) = ctx.saved_tensors
        wide = _widened(x)
        # With no graph to record, the variant that reuses its temporaries is the faster one. The
        # product is a new tensor: under vmap, upstream may be batched where x is not.
        slope = _gradient if torch.is_grad_enabled() else {self.name}_gradient
        return (upstream.to(wide.dtype) * slope(wide)).to(x.dtype)


class _{self.module_name}BothWays(_{self.module_name}Function):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        wide = _widened(x)
        return (tangent.to(wide.dtype) * _gradient(wide)).to(x.dtype)"""

    def _function_of_x_and_parameters(self) -> str:
        table = "\n".join(f"    _{n}_gradient," for n in self.names)
        return f'''_SLOPES = (
    _gradient,
{table}
)


def _held(given, like):
    """The parameters as tensors of the format that is computed in."""
    return [_parameter(n, p, like) for n, p in zip(_ADMISSIBLE, given, strict=True)]


class _{self.module_name}Function(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, *given):
        wide = _widened(x)
        return _value(wide, *_held(given, wide)).to(x.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, *given = inputs
        ctx.numbers = [None if isinstance(p, Tensor) else p for p in given]
        ctx.save_for_backward(x, *[p for p in given if isinstance(p, Tensor)])

    @staticmethod
    def backward(ctx, upstream):
        x, *tensors = ctx.saved_tensors
        given = [tensors.pop(0) if n is None else n for n in ctx.numbers]
        wide = _widened(x)
        held = _held(given, wide)
        upstream = upstream.to(wide.dtype)
        inputs, wanted, grads = (x, *given), ctx.needs_input_grad, []
        for primal, need, slope in zip(inputs, wanted, _SLOPES, strict=True):
            grad = None
            if need:
                grad = upstream * slope(wide, *held)
                grad = grad.sum_to_size(primal.shape).to(primal.dtype)
            grads.append(grad)
        return tuple(grads)


class _{self.module_name}BothWays(_{self.module_name}Function):
    @staticmethod
    def setup_context(ctx, inputs, output):
        _{self.module_name}Function.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*[p for p in inputs if isinstance(p, Tensor)])

    @staticmethod
    def jvp(ctx, *tangents):
        x, *tensors = ctx.saved_tensors
        given = [tensors.pop(0) if n is None else n for n in ctx.numbers]
        wide = _widened(x)
        held = _held(given, wide)
        moved = torch.zeros_like(wide)
        for tangent, slope in zip(tangents, _SLOPES, strict=True):
            if tangent is not None:
                moved = moved + tangent.to(wide.dtype) * slope(wide, *held)
        return moved.to(x.dtype)'''

    def module(self) -> str:
        """The module class."""
        arguments = ["self", *self._arguments()[1:], "learnable: bool = False"]
        return module_text(self.activation, self.name, arguments)


_KIND = "float | Tensor"
_RESULTS = ("value", "gradient")
_SUFFIXES = ("value", "gradient", "value_and_gradient")


def _fresh(text: str) -> str:
    """A result that shares no memory with the input."""
    return "x.clone()" if text == "x" else text
