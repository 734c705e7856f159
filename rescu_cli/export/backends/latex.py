"""LaTeX: value and gradient as displayed formulas (needs amsmath)."""

# ruff: noqa: N802  # reason: SymPy's printers find these methods by the names of its classes

from __future__ import annotations

import sympy as sp
from sympy.printing.latex import LatexPrinter

from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import X
from rescu_cli.export.document import banner

SUFFIX = ".tex"


class _Printer(LatexPrinter):
    """The field's symbols for the package's own functions."""

    def _print_sigmoid(self, expr: sp.Expr) -> str:
        return rf"\sigma\left({self._print(expr.args[0])}\right)"

    def _print_Phi(self, expr: sp.Expr) -> str:
        return rf"\Phi\left({self._print(expr.args[0])}\right)"

    def _print_log1p(self, expr: sp.Expr) -> str:
        return str(self._print(sp.log(1 + expr.args[0])))

    def _print_expm1(self, expr: sp.Expr) -> str:
        return str(self._print(sp.exp(expr.args[0]) - 1))


def emit(activation: Activation, name: str) -> str:
    """Two aligned formulas in a display environment."""
    symbols = {p.symbol: _symbol(p.name) for p in activation.free_parameters}
    printer = _Printer({"symbol_names": {**symbols, X: "x"}, "ln_notation": True})
    title = name.replace("_", r"\_")
    function = rf"\operatorname{{{title}}}"
    lines = [
        *(f"% {line}".rstrip() for line in banner(activation, "LaTeX (amsmath)", floats=False)),
        r"\begin{align*}",
        f"  {function}(x) &= {_cases(activation, 'value', printer)} \\\\",
        f"  {function}'(x) &= {_cases(activation, 'gradient', printer)}",
        r"\end{align*}",
    ]
    return "\n".join(lines) + "\n"


def _cases(activation: Activation, field: str, printer: LatexPrinter) -> str:
    pieces = activation.pieces
    shown = [printer.doprint(getattr(p, field)) for p in pieces]
    if len(pieces) == 1:
        return str(shown[0])
    ends = [printer.doprint(b) for b in activation.breakpoints]
    # A joint is printed with the side that owns it.
    signs = [r"\le" if o == "left" else "<" for o in activation.owners]
    rows = [f"{shown[0]} & x {signs[0]} {ends[0]}"]
    for i in range(1, len(ends)):
        after = "<" if activation.owners[i - 1] == "left" else r"\le"
        rows.append(f"{shown[i]} & {ends[i - 1]} {after} x {signs[i]} {ends[i]}")
    last = ">" if activation.owners[-1] == "left" else r"\ge"
    rows.append(f"{shown[-1]} & x {last} {ends[-1]}")
    body = " \\\\\n    ".join(rows)
    return f"\\begin{{cases}}\n    {body}\n  \\end{{cases}}"


def _symbol(name: str) -> str:
    special = {"g_minus": "g_{-}", "g_plus": "g_{+}"}
    return special.get(name) or sp.latex(sp.Symbol(name))
