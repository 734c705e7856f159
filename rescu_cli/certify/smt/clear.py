"""Expressions as polynomials that a solver understands, without a division left.

|u|, roots, max and min are replaced by fresh symbols with defining equations, so that each has
exactly one value; then the expression is one fraction, and the fraction is multiplied with its
denominator. No solver ever sees a division, hence never chooses a value for x/0: a denominator is
cleared only when it is proved to have one strict sign.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from rescu_cli.certify.calculus.factors import factor_list
from rescu_cli.certify.calculus.signs import product_sign
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.smt.script import Fact
from rescu_cli.core.assumptions import Sign

Prover = Callable[[Fact], bool]
_MAX_ROOT = 6


class Clearing:
    """Turns expressions into polynomials, collecting definitions of what is not polynomial.

    Args:
        names: Symbols that may occur, with their names in the script; extended by fresh ones.
        prove: Proves a polynomial fact under the assumptions and the definitions so far.
    """

    def __init__(self, names: dict[sp.Symbol, str], prove: Prover) -> None:
        self.names = names
        self.prove = prove
        self.definitions: list[Fact] = []
        self._fresh: dict[sp.Expr, sp.Symbol] = {}

    def polynomial(self, expr: sp.Expr) -> sp.Expr:
        """A polynomial that has the sign of ``expr``, which is shown to be defined everywhere.

        Raises:
            UndecidedError: If a denominator may vanish, a root may be of a negative number, or a
                function is not algebraic.
        """
        flat = self._flat(sp.sympify(expr, strict=True))
        numerator, denominator = sp.fraction(sp.together(flat))
        sign = self._strict_sign(denominator)
        return sp.expand(numerator if sign == "+" else -numerator)

    def _flat(self, expr: sp.Expr) -> sp.Expr:
        if expr.is_Rational:
            return expr
        if expr.is_Symbol:
            if expr not in self.names:
                raise UndecidedError(f"nothing is assumed of {expr}")
            return expr
        if expr.is_Add or expr.is_Mul:
            return expr.func(*[self._flat(a) for a in expr.args])
        if expr.is_Pow and expr.exp.is_Integer:
            base = self._flat(expr.base)
            if expr.exp < 0:
                self._strict_sign(base)  # of the base as written, before anything cancels
            return base**expr.exp
        if expr.is_Pow and expr.exp.is_Rational and expr.exp.q <= _MAX_ROOT:
            root = self._root(self._flat(expr.base), int(expr.exp.q))
            if expr.exp < 0:
                self._strict_sign(root)
            return root ** int(expr.exp.p)
        if isinstance(expr, sp.Abs):
            return self._magnitude(self._flat(expr.args[0]))
        if isinstance(expr, sp.Max | sp.Min):
            return self._extreme(expr, [self._flat(a) for a in expr.args])
        raise UndecidedError(f"{expr} is not a rational function with rational coefficients")

    # -- definitions -----------------------------------------------------------------------

    def _define(self, key: sp.Expr) -> tuple[sp.Symbol, bool]:
        """The symbol that stands for ``key``, and whether it is new."""
        if key in self._fresh:
            return self._fresh[key], False
        count = len(self._fresh) + 1
        symbol = sp.Symbol(f"@{count}", real=True)  # no parameter can have such a name
        self._fresh[key] = symbol
        self.names[symbol] = f"r_{count}"
        return symbol, True

    def _cleared(self, expr: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """Numerator and denominator, the latter positive."""
        numerator, denominator = sp.fraction(sp.together(expr))
        if self._strict_sign(denominator) == "-":
            numerator, denominator = -numerator, -denominator
        return numerator, denominator

    def _root(self, base: sp.Expr, index: int) -> sp.Symbol:
        """R ≥ 0 with r^q·d = n for the root of n/d ≥ 0."""
        numerator, denominator = self._cleared(base)
        if not self.prove(Fact(sp.expand(numerator), ">=")):
            raise UndecidedError(f"{base} is not shown to be nonnegative under a root")
        root, new = self._define(base ** sp.Rational(1, index))
        if new:
            self.definitions.append(Fact(root, ">="))
            self.definitions.append(Fact(sp.expand(root**index * denominator - numerator), "="))
        return root

    def _magnitude(self, u: sp.Expr) -> sp.Symbol:
        """V ≥ 0 with v² = u²."""
        numerator, denominator = self._cleared(u)
        value, new = self._define(sp.Abs(u, evaluate=False))
        if new:
            square = sp.expand(value**2 * denominator**2 - numerator**2)
            self.definitions += [Fact(value, ">="), Fact(square, "=")]
        return value

    def _extreme(self, expr: sp.Expr, args: list[sp.Expr]) -> sp.Symbol:
        """The m on the right side of every argument that is equal to one of them."""
        value, new = self._define(expr.func(*args, evaluate=False))
        if new:
            product = sp.S.One
            for arg in args:
                numerator, denominator = self._cleared(arg)
                margin = sp.expand(value * denominator - numerator)
                self.definitions.append(Fact(margin, ">=" if isinstance(expr, sp.Max) else "<="))
                product *= margin
            self.definitions.append(Fact(sp.expand(product), "="))
        return value

    # -- denominators ----------------------------------------------------------------------

    def _strict_sign(self, expr: sp.Expr) -> Sign:
        """The sign of something that may be divided by: of each irreducible factor.

        Raises:
            UndecidedError: If one of them may vanish.
        """
        numerator, denominator = sp.fraction(sp.together(expr))
        signs: list[Sign | None] = []
        for part in (numerator, denominator):
            content, factors = factor_list(part)
            if content == 0:
                raise UndecidedError("a denominator is zero")
            signs.append("+" if content > 0 else "-")
            for factor, power in factors:
                one: Sign | None = None
                if self.prove(Fact(factor, ">")):
                    one = "+"
                elif self.prove(Fact(factor, "<")):
                    one = "-"
                elif power % 2 == 0 and self.prove(Fact(factor, "!=")):
                    one = "+"
                if one is None:
                    raise UndecidedError(f"{factor} may be zero, and something is divided by it")
                signs.append(one if power % 2 else "+")
        sign = product_sign(signs)
        if sign not in ("+", "-"):
            raise UndecidedError(f"{expr} may be zero, and something is divided by it")
        return sign
