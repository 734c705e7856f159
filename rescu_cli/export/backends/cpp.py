"""C++17: a header of templates, and a function object that holds the parameters."""

from __future__ import annotations

from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import Parameter
from rescu_cli.export.backends.c import outputs, reads
from rescu_cli.export.bounds import in_double
from rescu_cli.export.lowering import lower
from rescu_cli.export.naming import class_name
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import Language, ScalarSource, header, helpers
from rescu_cli.export.source import decimal

SUFFIX = ".hpp"
_NAMES = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "sin", "cos",
          "atan")  # fmt: skip


class Cpp(Language):
    """C++, in a type called T.

    Args:
        name: Of the main function.
        scalar: Name of the type that is computed in.
        qualifier: In front of every private function.
    """

    def __init__(self, name: str, scalar: str = "T", qualifier: str = "inline") -> None:
        super().__init__(name, scalar, {op: f"std::{op}({{}})" for op in _NAMES})
        self.qualifier = qualifier
        self.template = "template <class T>\n" if scalar == "T" else ""

    def assignment(self, name: str, text: str) -> str:
        return f"const {self.scalar} {name} = {text};"

    def literal(self, number: float) -> str:
        return f"T({decimal(number)})" if self.template else decimal(number)

    def limit(self, op: str) -> str:
        limits = f"std::numeric_limits<{self.scalar}>"
        if op == "splitter":
            # p is 24 or 53: half of it, rounded up, is 12 or 27.
            return f"{self.scalar}((1LL << (({limits}::digits + 1) / 2)) + 1)"
        return f"{limits}::{'min' if op == 'tiny' else 'max'}()"

    def head(self, name: str, arguments: Sequence[str]) -> str:
        """The head of a function."""
        given = ", ".join(arguments)
        return f"{self.template}{self.qualifier} {self.scalar} {name}({given})"

    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        body = "\n".join(f"    {line}" for line in [*lines, f"return {result};"])
        head = self.head(self.private(op), [f"{self.scalar} x"])
        return f"// {op}(x).\n{head} {{\n{body}\n}}"

    def primitive(self, op: str) -> str:
        t, name = self.scalar, self.private(op)
        if op == "step":
            zero, one = self.literal(0.0), self.literal(1.0)
            return (
                "// 1 for u > 0, 0 for u <= 0, NaN for NaN.\n"
                f"{self.head(name, [f'{t} u'])} {{\n"
                f"    return u > {zero} ? {one} : (u <= {zero} ? {zero} : u);\n}}"
            )
        sign = "<" if op == "max" else ">"
        return (
            f"// The {'larger' if op == 'max' else 'smaller'}; a NaN in u is kept.\n"
            f"{self.head(name, [f'{t} u', f'{t} v'])} {{\n    return u {sign} v ? v : u;\n}}"
        )


def emit(activation: Activation, name: str) -> str:
    """The text of a header that needs the standard library and nothing else.

    Members with library functions are computed in double and rounded once.
    """
    program, title = lower(activation), class_name(name)
    narrow = not in_double(activation, program)
    guard = f"RESCU_{name.upper()}_HPP"
    language = Cpp(name) if narrow else Cpp(name, "double")
    body = [*helpers(program, language, [p.name for p in program.parameters])]
    if narrow:
        body += functions(program, language)
    else:
        body += [f"namespace {name}_detail {{", *functions(program, language),
                 f"}}  // namespace {name}_detail", *_wrappers(program, name)]  # fmt: skip
    parts = [
        header(activation, "C++17", "//"),
        f"#ifndef {guard}\n#define {guard}",
        "#include <cmath>\n#include <cstddef>\n#include <limits>\n#include <type_traits>",
        "namespace rescu {",
        *body,
        *_arrays(program.parameters, name),
        _object(program, name, title),
        "}  // namespace rescu",
        f"#endif  // {guard}",
    ]
    return "\n\n".join(parts) + "\n"


def functions(program: Program, language: Cpp) -> list[str]:
    """Value, gradient and parameter gradients, in the language's type."""
    names = [p.name for p in program.parameters]
    parts = []
    for function, says, node in outputs(program, language.prefix):
        lines, (result,) = ScalarSource(program, language, ["u", "v"]).lines([node])
        unused = [f"(void){n};" for n in ["x", *names] if not reads(program, node, n)]
        text = "\n".join(f"    {line}" for line in [*unused, *lines, f"return {result};"])
        arguments = [f"{language.scalar} x", *(argument(language, n) for n in names)]
        parts.append(f"// {says}.\n{language.head(function, arguments)} {{\n{text}\n}}")
    return parts


def argument(language: Cpp, name: str) -> str:
    """A parameter whose type does not decide what T is, so that ``f(x, 1)`` works."""
    kind = "std::common_type_t<T>" if language.template else language.scalar
    return f"{kind} {name}"


def _wrappers(program: Program, name: str) -> list[str]:
    names = [p.name for p in program.parameters]
    arguments = ", ".join(["T x", *(f"std::common_type_t<T> {n}" for n in names)])
    parts = []
    for function, says, _ in outputs(program, name):
        given = ", ".join(["x", *names])
        parts.append(
            f"// {says}, computed in double.\ntemplate <class T>\n"
            f"inline T {function}({arguments}) {{\n"
            '    static_assert(std::is_floating_point<T>::value, "a floating-point type");\n'
            f"    return static_cast<T>({name}_detail::{function}({given}));\n}}"
        )
    return parts


def _arrays(parameters: Sequence[Parameter], name: str) -> list[str]:
    more = "".join(f", std::common_type_t<T> {p.name}" for p in parameters)
    given = "".join(f", {p.name}" for p in parameters)
    return [
        "// y[i] = f(x[i]) for i < n; y may be x.\ntemplate <class T>\n"
        f"inline void {name}_forward(std::size_t n, const T* x, T* y{more}) {{\n"
        "    for (std::size_t i = 0; i < n; i++) {\n"
        f"        y[i] = {name}(x[i]{given});\n    }}\n}}",
        "// dx[i] = f'(x[i]) * dy[i] for i < n; dx may be x or dy.\ntemplate <class T>\n"
        f"inline void {name}_backward(std::size_t n, const T* x, const T* dy, T* dx{more}) {{\n"
        "    for (std::size_t i = 0; i < n; i++) {\n"
        f"        dx[i] = {name}_gradient(x[i]{given}) * dy[i];\n    }}\n}}",
    ]


def _object(program: Program, name: str, title: str) -> str:
    members = [
        f"    T {p.name}" + (f" = T({decimal(float(p.default))})" if p.default is not None else "")
        for p in program.parameters
    ]
    given = "".join(f", {p.name}" for p in program.parameters)
    lines = [
        "// The function with its parameters, for algorithms and layers.",
        "template <class T>",
        f"struct {title} {{",
        *(f"{m};" for m in members),
        f"    T operator()(T x) const {{ return {name}(x{given}); }}",
        f"    T gradient(T x) const {{ return {name}_gradient(x{given}); }}",
        "};",
    ]
    return "\n".join(lines)
