"""Rust: a module of functions on f64 and f32, and loops over slices."""

from __future__ import annotations

from collections.abc import Sequence

from rescu_cli.core.activation import Activation
from rescu_cli.export.backends.c import outputs
from rescu_cli.export.bounds import in_double
from rescu_cli.export.lowering import lower
from rescu_cli.export.program import Program
from rescu_cli.export.scalar import Language, ScalarSource, header, helpers
from rescu_cli.export.source import decimal

SUFFIX = ".rs"
_NAMES = {"abs": "abs", "sqrt": "sqrt", "exp": "exp", "expm1": "exp_m1", "log": "ln",
          "log1p": "ln_1p", "tanh": "tanh", "sin": "sin", "cos": "cos", "atan": "atan"}  # fmt: skip


class Rust(Language):
    """Rust in one of its two types.

    Args:
        name: Of the main function.
        scalar: ``f64`` or ``f32``.
    """

    def __init__(self, name: str, scalar: str) -> None:
        super().__init__(name, scalar, {op: f"{scalar}::{n}({{}})" for op, n in _NAMES.items()})

    def assignment(self, name: str, text: str) -> str:
        return f"let {name} = {text};"

    def literal(self, number: float) -> str:
        return decimal(number)

    def limit(self, op: str) -> str:
        if op == "splitter":
            return "4097.0" if self.scalar == "f32" else "134217729.0"
        return f"{self.scalar}::{'MIN_POSITIVE' if op == 'tiny' else 'MAX'}"

    def private(self, op: str) -> str:
        return f"{self.prefix}_{op.lower()}_{self.scalar}"

    def helper(self, op: str, lines: Sequence[str], result: str) -> str:
        body = "\n".join(f"    {line}" for line in [*lines, result])
        head = f"fn {self.private(op)}(x: {self.scalar}) -> {self.scalar}"
        return f"/// {op}(x).\n#[inline]\n{head} {{\n{body}\n}}"

    def primitive(self, op: str) -> str:
        t, name = self.scalar, self.private(op)
        if op == "step":
            return (
                "/// 1 for u > 0, 0 for u <= 0, NaN for NaN.\n#[inline]\n"
                f"fn {name}(u: {t}) -> {t} {{\n"
                "    if u > 0.0 { 1.0 } else if u <= 0.0 { 0.0 } else { u }\n}"
            )
        sign = "<" if op == "max" else ">"
        return (
            f"/// The {'larger' if op == 'max' else 'smaller'}; a NaN in u is kept.\n#[inline]\n"
            f"fn {name}(u: {t}, v: {t}) -> {t} {{\n    if u {sign} v {{ v }} else {{ u }}\n}}"
        )


def emit(activation: Activation, name: str) -> str:
    """The text of a module that needs the standard library and nothing else.

    Members with library functions are computed in f64 and rounded once for f32.
    """
    program = lower(activation)
    narrow = not in_double(activation, program)
    parts = [
        header(activation, "Rust", "//"),
        *_in_type(program, Rust(name, "f64"), narrow=True),
        *_in_type(program, Rust(name, "f32"), narrow=narrow),
    ]
    return "\n\n".join(parts) + "\n"


def _in_type(program: Program, language: Rust, *, narrow: bool) -> list[str]:
    t = language.scalar
    names = [p.name for p in program.parameters]
    more = "".join(f", {n}: {t}" for n in names)
    given = "".join(f", {n}" for n in names)
    given_names = [language.prefix, *names]
    plain = all(n == n.lower() and not n.endswith("_") for n in given_names)
    allowed = "" if plain else "#[allow(non_snake_case)]\n"
    parts = list(helpers(program, language, names)) if narrow else []
    for function, says, node in outputs(program, language.prefix):
        if narrow:
            lines, (result,) = ScalarSource(program, language, ["u", "v"]).lines([node])
            used = {program.nodes[i].name or program.nodes[i].op for i in program.needed([node])}
            lines = [*(f"let _ = {n};" for n in ["x", *names] if n not in used), *lines]
        else:
            wide = "".join(f", f64::from({n})" for n in names)
            lines, result = [], f"{function}_f64(f64::from(x){wide}) as f32"
        body = "\n".join(f"    {line}" for line in [*lines, result])
        parts.append(
            f"/// {says}.\n#[inline]\n{allowed}"
            f"pub fn {function}_{t}(x: {t}{more}) -> {t} {{\n{body}\n}}"
        )
    name = language.prefix
    return [
        *parts,
        "/// y[i] = f(x[i]), as far as both slices go.\n"
        f"{allowed}pub fn {name}_forward_{t}(x: &[{t}], y: &mut [{t}]{more}) {{\n"
        "    for (y, &x) in y.iter_mut().zip(x) {\n"
        f"        *y = {name}_{t}(x{given});\n    }}\n}}",
        "/// dx[i] = f'(x[i]) * dy[i], as far as all slices go.\n"
        f"{allowed}pub fn {name}_backward_{t}(x: &[{t}], dy: &[{t}], dx: &mut [{t}]{more}) {{\n"
        "    for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {\n"
        f"        *dx = {name}_gradient_{t}(x{given}) * dy;\n    }}\n}}",
    ]
