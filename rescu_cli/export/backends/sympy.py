"""SymPy: a Python module with the exact expressions."""

# ruff: noqa: N802  # reason: SymPy's printers find these methods by the names of its classes

from __future__ import annotations

import sympy as sp
from sympy.printing.str import StrPrinter

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import plain
from rescu_cli.export.document import banner
from rescu_cli.export.layout import docstring, exported

SUFFIX = ".py"


class _Printer(StrPrinter):
    """Python code under ``import sympy as sp``, with exact fractions."""

    def _print_Function(self, expr: sp.Function) -> str:
        return f"sp.{expr.func.__name__}({self.stringify(expr.args, ', ')})"

    def _print_Rational(self, expr: sp.Rational) -> str:
        return f"sp.Rational({expr.p}, {expr.q})"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        if expr.exp == sp.S.Half:
            return f"sp.sqrt({self._print(expr.base)})"
        if expr.exp == -sp.S.Half:
            return f"1/sp.sqrt({self._print(expr.base)})"
        return str(super()._print_Pow(expr, rational=rational))

    def _print_Pi(self, expr: sp.Expr) -> str:
        return "sp.pi"

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return "sp.E"

    def _print_ExpBase(self, expr: sp.Expr) -> str:
        return f"sp.exp({self._print(expr.args[0])})"

    def _print_Max(self, expr: sp.Max) -> str:
        return f"sp.Max({self.stringify(expr.args, ', ')})"

    def _print_Min(self, expr: sp.Min) -> str:
        return f"sp.Min({self.stringify(expr.args, ', ')})"

    def _print_Integral(self, expr: sp.Integral) -> str:
        variable, low, high = (self._print(e) for e in expr.limits[0])
        return f"sp.Integral({self._print(expr.function)}, ({variable}, {low}, {high}))"

    def _print_Infinity(self, expr: sp.Expr) -> str:
        return "sp.oo"

    def _print_NegativeInfinity(self, expr: sp.Expr) -> str:
        return "-sp.oo"


def emit(activation: Activation, name: str) -> str:
    """The text of a Python file that needs SymPy and nothing else."""
    names = [name, f"{name}_gradient"]
    lines = [
        docstring(banner(activation, "SymPy", floats=False)),
        "",
        "from __future__ import annotations",
        "",
        "import sympy as sp",
        "",
        *exported(["x", *(p.name for p in activation.free_parameters), *names]),
        "",
        *_symbols(activation),
        "",
        *_assigned(name, _text(activation, "value")),
        "",
        *_assigned(f"{name}_gradient", _text(activation, "gradient")),
    ]
    return "\n".join(lines) + "\n"


def _symbols(activation: Activation) -> list[str]:
    rows = ['x = sp.Symbol("x", real=True)']
    for p in activation.free_parameters:
        kept = [k for k, v in p.symbol._assumptions_orig.items() if v]
        facts = "".join(f", {k}=True" for k in kept)
        rows.append(f'{p.name} = sp.Symbol("{p.name}"{facts})')
    if any(p.value.has(sp.Integral) for p in activation.pieces):
        rows.append('t = sp.Symbol("t", real=True)')
    return rows


def _text(activation: Activation, field: str) -> list[str]:
    printer = _Printer()
    shown = [printer.doprint(plain(getattr(p, field))) for p in activation.pieces]
    if len(shown) == 1:
        return shown
    conditions = [
        f"x {'<=' if owner == 'left' else '<'} {printer.doprint(end)}"
        for end, owner in zip(activation.breakpoints, activation.owners, strict=True)
    ]
    rows = [f"({e}, {c})," for e, c in zip(shown, [*conditions, "True"], strict=True)]
    # As they are: SymPy would turn the conditions round.
    return ["sp.Piecewise(", *(f"    {row}" for row in rows), "    evaluate=False,", ")"]


def _assigned(name: str, text: list[str]) -> list[str]:
    return [f"{name} = {text[0]}", *text[1:]]
