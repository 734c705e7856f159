"""Triton: device functions, one kernel, and an autograd function of PyTorch."""

from __future__ import annotations

import numpy as np

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.triton_text import (
    HELPERS,
    LAUNCH,
    LOADED,
    OF_X,
    OF_X_AND_PARAMETERS,
)
from rescu_cli.export.document import banner, derivative, prose
from rescu_cli.export.layout import (
    TORCH_FORMATS,
    default,
    docstring,
    exported,
    head,
    indented,
    wrapped,
)
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import class_name
from rescu_cli.export.program import Node, Program
from rescu_cli.export.source import ATOM, Source
from rescu_cli.export.special import expanded

SUFFIX = ".py"
_KNOWN = frozenset({"erf", "sin", "cos"})
_BY_FORMAT = ("tiny", "huge", "splitter")
_HELPED = {"exp": "_exp", "log": "_log", "sqrt": "_sqrt", "step": "_step"}


class _Source(Source):
    def expression(self, i: int, node: Node) -> tuple[str, int]:
        """Quotients are rounded as IEEE says, which the operator of Triton is not."""
        if node.op == "div":
            a, b = (self._exact(i) for i in node.args)
            return f"_ratio({a}, {b}, x)", ATOM
        return super().expression(i, node)

    def call(self, op: str, argument: str) -> str:
        return f"{_HELPED.get(op, f'tl.{op}')}({argument})"

    def extreme(self, i: int, node: Node) -> str:
        a, b = (self._exact(i) for i in node.args)
        return f"_{node.op}({a}, {b})"

    def _exact(self, i: int) -> str:
        """An operand; a number that float32 does not hold, in the format of x."""
        node = self.program.nodes[i]
        if node.op == "constant":
            number = float(self._text[i][0])
            if float(np.float32(number)) != number:
                return f"_number({self._text[i][0]}, x)"
        return self.at(i, 0)


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs torch and triton, and nothing else."""
    writer = _Writer(activation, expanded(lower(activation), _KNOWN), name)
    formulas = writer.formulas()
    parts = [writer.head(), *_helpers("".join(formulas)), *formulas, writer.kernel(),
             *writer.launch(), *writer.public()]  # fmt: skip
    return "\n\n\n".join(p.strip("\n") for p in parts) + "\n"


def _helpers(text: str) -> list[str]:
    """The helpers that some text calls, and those that they call."""
    wanted: set[str] = set()
    for helper in reversed(HELPERS):
        called = helper.split("def ")[1].split("(")[0]
        if f"{called}(" in text or any(f"{called}(" in w for w in wanted):
            wanted.add(helper)
    return [h for h in HELPERS if h in wanted]


class _Writer:
    def __init__(self, activation: Activation, program: Program, name: str) -> None:
        self.activation, self.program, self.name = activation, program, name
        self.names = [p.name for p in program.parameters]
        self.inputs = ", ".join(["x", *self.names])

    def head(self) -> str:
        return "\n".join(
            [
                docstring(banner(self.activation, "Triton")),
                "",
                "import torch",
                "import triton",
                "import triton.language as tl",
                "",
                *exported([self.name, f"{self.name}_gradient"]),
                TORCH_FORMATS,
            ]
        )

    def formulas(self) -> list[str]:
        """The device functions, in the format that is computed in."""
        rows = [("_value", "f(x)", self.program.value),
                ("_gradient", derivative(self.activation), self.program.gradient)]  # fmt: skip
        rows += [(f"_{n}_gradient", f"The derivative of f with respect to {n}", i)
                 for n, i in self.program.parameter_gradients]  # fmt: skip
        parts = []
        for function, says, output in rows:
            used = {self.program.nodes[i].op for i in self.program.needed([output])}
            lines, (result,) = _Source(self.program, _TAKEN).lines([output])
            limits = [f"{op} = _{op}(x)" for op in _BY_FORMAT if op in used]
            parts.append(
                f"@triton.jit\ndef {function}({self.inputs}):\n"
                f'    """{says}, for x of the format that is computed in."""\n'
                + indented([*limits, *lines, f"return {result}"])
            )
        return parts

    def kernel(self) -> str:
        """One kernel for the value and for each slope, times what comes from above."""
        arguments = ["x_at", "upstream_at", "result_at", *(f"{n}_at" for n in self.names), "n",
                     *(f"{n}_is_one: tl.constexpr" for n in self.names),
                     *(f"{n}: tl.constexpr" for n in ("wide", "which", "block"))]  # fmt: skip
        loads = [f"{n} = _loaded({n}_at, places, inside, {n}_is_one)" for n in self.names]
        slopes = ["_gradient", *(f"_{n}_gradient" for n in self.names)]
        lines = [
            "step = tl.num_programs(0).to(tl.int64) * block",
            "for start in range(tl.program_id(0).to(tl.int64) * block, n, step):",
            "    places = start + tl.arange(0, block)",
            "    inside = places < n",
            "    x = tl.load(x_at + places, mask=inside, other=0.0).to(wide)",
            *(f"    {line}" for line in loads),
            "    if which == 0:",
            f"        result = _value({self.inputs})",
        ]
        for number, slope in enumerate(slopes, 1):
            lines += [f"    elif which == {number}:" if number < len(slopes) else "    else:",
                      f"        result = {slope}({self.inputs})"]  # fmt: skip
        lines += [
            "    if which > 0:",
            "        upstream = tl.load(upstream_at + places, mask=inside, other=0.0)",
            "        result = result * upstream.to(wide)",
            "    result = tl.broadcast_to(result, (block,))",
            "    tl.store(result_at + places, result.to(result_at.dtype.element_ty), mask=inside)",
        ]
        return (LOADED.strip("\n") + "\n\n\n" if self.names else "") + "\n".join(
            [
                "@triton.jit",
                head("_kernel", arguments, "").replace(" -> :", ":"),
                '    """f, or upstream times its slope by x (1) or a parameter (2, ...)."""',
                indented(lines),
            ]
        )

    def launch(self) -> list[str]:
        """The functions of torch around the kernel."""
        title = f"_{class_name(self.name)}Function"
        launch = LAUNCH.format(
            name=self.name,
            parameters=", parameters" if self.names else "",
            pointers="".join(f"\n            parameters[{i}]," for i in range(len(self.names))),
            flags="".join(
                f"\n            parameters[{i}].numel() == 1," for i in range(len(self.names))
            ),
        )
        if not self.names:
            return [launch, OF_X.format(title=title)]
        return [launch, OF_X_AND_PARAMETERS.format(title=title)]

    def public(self) -> list[str]:
        title = f"_{class_name(self.name)}Function"
        note = (
            "x is a float tensor of any shape, on a GPU (or on the CPU under TRITON_INTERPRET=1); "
            "the result has its shape and format."
        )
        given = " Parameters are numbers or tensors, and broadcast with x." if self.names else ""
        more = f"{given} Differentiable once; keeps its inputs alone for the backward pass."
        arguments = ["x", *(f"{p.name}{default(p).replace(' ', '')}"
                            for p in self.program.parameters)]  # fmt: skip
        given_names = f", [{', '.join(self.names)}]" if self.names else ""
        parts = []
        for function, says, text, body in (
            (self.name, f"{prose(self.activation.summary) or 'f(x)'}, elementwise.", note + more,
             [f"return {title}.apply({self.inputs})"]),
            (f"{self.name}_gradient", f"{derivative(self.activation)} at x.", note + given,
             [f"x{', parameters' if self.names else ''} = _prepared(x{given_names})",
              f"return _launch(x{', parameters' if self.names else ''}, 1, torch.ones_like(x))"]),
        ):  # fmt: skip
            parts.append(
                "\n".join(
                    [
                        head(function, arguments, "").replace(" -> :", ":"),
                        docstring([says, "", *wrapped(text, 4)], 4),
                        indented(body),
                    ]
                )
            )
        return parts


_TAKEN = ("tl", "triton", "torch", *_BY_FORMAT)
