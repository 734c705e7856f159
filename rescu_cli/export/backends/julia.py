"""Julia: a module of functions on any float type, to be broadcast over arrays."""

from __future__ import annotations

from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.c import outputs
from rescu_cli.export.bounds import in_double
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import class_name
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import Language, ScalarSource, header, helpers
from rescu_cli.export.source import decimal

SUFFIX = ".jl"
_NAMES = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "sin", "cos", "atan")


class Julia(Language):
    """Julia, in a type called W, known where a value of it is.

    Args:
        name: Of the main function.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "W", {op: f"{op}({{}})" for op in _NAMES})

    def assignment(self, name: str, text: str) -> str:
        return f"{name} = {text}"

    def literal(self, number: float) -> str:
        return f"W({decimal(number)})"

    def limit(self, op: str) -> str:
        if op == "splitter":
            # Half the digits of the significand, rounded up: 12 or 27.
            return "W((1 << ((Base.significand_bits(W) + 2) >> 1)) + 1)"
        return f"float{'min' if op == 'tiny' else 'max'}(W)"

    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        body = "\n".join(f"    {line}" for line in [*lines, f"return {result}"])
        return (
            f"# {op}(x).\nfunction {self.private(op)}(x::W) where {{W<:AbstractFloat}}\n{body}\nend"
        )

    def primitive(self, op: str) -> str:
        name = self.private(op)
        if op == "step":
            return (
                "# 1 for u > 0, 0 for u <= 0, NaN for NaN.\n"
                f"{name}(u::W) where {{W<:AbstractFloat}} =\n"
                "    u > 0 ? one(W) : (u <= 0 ? zero(W) : u)"
            )
        sign = "<" if op == "max" else ">"
        return (
            f"# The {'larger' if op == 'max' else 'smaller'}; a NaN in u is kept.\n"
            f"{name}(u::W, v::W) where {{W<:AbstractFloat}} = u {sign} v ? v : u"
        )


def emit(activation: Activation, name: str) -> str:
    """The text of a module that needs Julia and nothing else.

    Float16 is computed in Float32; members with library functions in Float64. Both are rounded
    once.
    """
    program, module = lower(activation), class_name(name)
    language = Julia(name)
    names = [p.name for p in program.parameters]
    rows = outputs(program, name)
    widths = ["_wide(::Type{Float16}) = Float32", "_wide(::Type{T}) where {T<:AbstractFloat} = T"]
    if in_double(activation, program):
        widths = ["_wide(::Type{<:Union{Float16,Float32,Float64}}) = Float64",
                  "_wide(::Type{T}) where {T<:AbstractFloat} = T"]  # fmt: skip
    parts = [
        header(activation, "Julia", "#"),
        f"module {module}",
        "export " + ", ".join(function for function, *_ in rows),
        "# The type that is computed in.\n" + "\n".join(widths),
        *helpers(program, language, ["W", *names]),
        *(text for row in rows for text in _function(program, language, *row)),
        "end",
    ]
    return "\n\n".join(parts) + "\n"


def _function(
    program: Program, language: Julia, function: str, says: str, node: int
) -> tuple[str, str]:
    names = [p.name for p in program.parameters]
    lines, (result,) = ScalarSource(program, language, ["W", "T", "u", "v"]).lines([node])
    body = "\n".join(f"    {line}" for line in [*lines, f"return {result}"])
    typed = ", ".join(f"{n}::W" for n in ["x", *names])
    defaults = [
        f"{p.name}::Real" + ("" if p.default is None else f"={decimal(float(p.default))}")
        for p in program.parameters
    ]
    given = "".join(f", W({n})" for n in names)
    public = (
        f'"{says}, for a number; broadcast it over arrays: {function}.(x)."\n'
        f"function {function}({', '.join(['x::T', *defaults])}) where {{T<:AbstractFloat}}\n"
        f"    W = _wide(T)\n    return T(_{function}(W(x){given}))\nend"
    )
    return (
        f"function _{function}({typed}) where {{W<:AbstractFloat}}\n{body}\nend",
        public,
    )
