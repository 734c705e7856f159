"""C99: a header with functions on float and double, and loops over arrays."""

from __future__ import annotations

from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.export.bounds import in_double
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import Language, ScalarSource, header, helpers, libraries
from rescu_cli.export.source import decimal

SUFFIX = ".h"
_NAMES = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "sin", "cos",
          "atan")  # fmt: skip


class C(Language):
    """C99 in one of its two types.

    Args:
        name: Of the main function.
        scalar: ``double`` or ``float``.
    """

    def __init__(self, name: str, scalar: str) -> None:
        self.suffix = suffix = "f" if scalar == "float" else ""
        known = {op: f"{'fabs' if op == 'abs' else op}{suffix}({{}})" for op in _NAMES}
        super().__init__(name, scalar, known)

    def assignment(self, name: str, text: str) -> str:
        return f"const {self.scalar} {name} = {text};"

    def literal(self, number: float) -> str:
        return decimal(number) + self.suffix

    def limit(self, op: str) -> str:
        kind = "FLT" if self.scalar == "float" else "DBL"
        if op == "splitter":
            return self.literal(4097.0 if self.scalar == "float" else 134217729.0)
        return f"{kind}_{'MIN' if op == 'tiny' else 'MAX'}"

    def private(self, op: str) -> str:
        return f"{super().private(op)}{self.suffix}"

    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        body = "\n".join(f"    {line}" for line in [*lines, f"return {result};"])
        head = f"static inline {self.scalar} {self.private(op)}({self.scalar} x)"
        return f"/* {op}(x). */\n{head} {{\n{body}\n}}"

    def primitive(self, op: str) -> str:
        t, name = self.scalar, self.private(op)
        if op == "step":
            zero, one = self.literal(0.0), self.literal(1.0)
            return (
                f"/* 1 for u > 0, 0 for u <= 0, NaN for NaN. */\n"
                f"static inline {t} {name}({t} u) {{\n"
                f"    return u > {zero} ? {one} : (u <= {zero} ? {zero} : u);\n}}"
            )
        sign = "<" if op == "max" else ">"
        return (
            f"/* The {'larger' if op == 'max' else 'smaller'}; a NaN in u is kept. */\n"
            f"static inline {t} {name}({t} u, {t} v) {{\n    return u {sign} v ? v : u;\n}}"
        )


def emit(activation: Activation, name: str) -> str:
    """The text of a C99 header that needs the standard library and nothing else.

    Members with library functions are computed in double, and rounded once for float: no library
    promises as much for its float functions.
    """
    program = lower(activation)
    guard = f"RESCU_{name.upper()}_H"
    narrow = not in_double(activation, program)
    wide_language = C(name, "double")
    includes = ["#include <stddef.h>"]
    if libraries(program, wide_language) or any(n.op in ("abs", "sqrt") for n in program.nodes):
        includes.insert(0, "#include <math.h>")
    if any(n.op in ("tiny", "huge") for n in program.nodes):
        includes.insert(0, "#include <float.h>")
    parts = [
        header(activation, "C99", "//"),
        "\n".join([f"#ifndef {guard}", f"#define {guard}", "", *includes]),
        *_in_type(program, wide_language, narrow=True),
        *_in_type(program, C(name, "float"), narrow=narrow),
        f"#endif  // {guard}",
    ]
    return "\n\n".join(parts) + "\n"


def outputs(program: Program, name: str) -> list[tuple[str, str, int]]:
    """(function, what it is, node) of everything an artifact computes."""
    rows = [(name, "f(x)", program.value), (f"{name}_gradient", "f'(x)", program.gradient)]
    return rows + [
        (f"{name}_{p}_gradient", f"df/d{p} at x", i) for p, i in program.parameter_gradients
    ]


def _in_type(program: Program, language: C, *, narrow: bool) -> list[str]:
    """The functions for one type; those for float call those for double unless ``narrow``."""
    t, suffix = language.scalar, language.suffix
    names = [p.name for p in program.parameters]
    arguments = ", ".join(f"{t} {n}" for n in ["x", *names])
    parts = [f"// -- {t} {'-' * (90 - len(t))}"]
    if narrow:
        parts += helpers(program, language, names)
    for function, says, node in outputs(program, language.prefix):
        if narrow:
            lines, (result,) = ScalarSource(program, language, ["u", "v"]).lines([node])
            unused = [n for n in ["x", *names] if not reads(program, node, n)]
            body = [*(f"(void){n};" for n in unused), *lines, f"return {result};"]
        else:
            body = [f"return (float){function}({', '.join(['x', *names])});"]
        text = "\n".join(f"    {line}" for line in body)
        parts.append(
            f"// {says}.\nstatic inline {t} {function}{suffix}({arguments}) {{\n{text}\n}}"
        )
    parts += _arrays(program, language, t, suffix, names)
    return parts


def reads(program: Program, output: int, name: str) -> bool:
    """Whether an output depends on x or on a parameter."""
    nodes = (program.nodes[i] for i in program.needed([output]))
    return any((n.op == "x" and name == "x") or n.name == name for n in nodes)


def _arrays(program: Program, language: C, t: str, suffix: str, names: list[str]) -> list[str]:
    name, more = language.prefix, "".join(f", {t} {n}" for n in names)
    given = "".join(f", {n}" for n in names)
    return [
        "// y[i] = f(x[i]) for i < n. The arrays do not overlap. gcc makes vectors of these\n"
        "// loops with -O3 -fno-trapping-math, where no library function is called.\n"
        f"static inline void {name}_forward{suffix}(size_t n, const {t} *restrict x,\n"
        f"    {t} *restrict y{more}) {{\n"
        f"    for (size_t i = 0; i < n; i++) {{\n"
        f"        y[i] = {name}{suffix}(x[i]{given});\n    }}\n}}",
        f"// dx[i] = f'(x[i]) * dy[i] for i < n. The arrays do not overlap.\n"
        f"static inline void {name}_backward{suffix}(size_t n, const {t} *restrict x, "
        f"const {t} *restrict dy,\n"
        f"    {t} *restrict dx{more}) {{\n"
        f"    for (size_t i = 0; i < n; i++) {{\n"
        f"        dx[i] = {name}_gradient{suffix}(x[i]{given}) * dy[i];\n    }}\n}}",
    ]
