"""Signs of constants: numbers by rigorous enclosure, parameter expressions by the assumptions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import sympy as sp

from rescu_cli.certify.calculus.factors import factor_list
from rescu_cli.certify.calculus.normal import exponential_form, vanishes
from rescu_cli.certify.calculus.numbers import enclose_number, number_sign
from rescu_cli.certify.calculus.signs import (
    extreme_sign,
    flip,
    power_sign,
    product_sign,
    sum_sign,
)
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Assumptions, Sign
from rescu_cli.core.balls import Enclosed, rational_bounds
from rescu_cli.core.symbols import algebraic_constants

Direction = Literal[1, -1]


class Oracle(Protocol):
    """A second source of signs; sound, and None where it does not know."""

    def sign(self, constant: sp.Expr) -> Sign | None:
        """The sign of an expression in the parameters, for all admissible values."""

    def sign_between(
        self, expr: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr
    ) -> Sign | None:
        """The one sign of ``expr`` for all admissible parameters and lower < variable < upper."""

    def extremes(self, expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> list[sp.Expr] | None:
        """Inf and sup of ``expr`` over lower < x < upper, for all admissible parameters."""


class Knowledge:
    """What the assumptions say, with a memory: the same constants are asked for again and again.

    Args:
        assumptions: On the free parameters.
        oracle: Asked for signs that do not follow here; None for no other source.
    """

    def __init__(self, assumptions: Assumptions, oracle: Oracle | None = None) -> None:
        self.assumptions = assumptions
        self.oracle = oracle
        self._signs: dict[sp.Expr, Sign | None] = {}
        self._own = self if oracle is None else Knowledge(assumptions)

    def sign(self, constant: sp.Expr) -> Sign | None:
        """The sign of an expression without x for all admissible parameters, None if unknown.

        ±oo have signs too; NaN and complex infinity have none.
        """
        if constant not in self._signs:
            if self.oracle is None:
                self._signs[constant] = self._sign(constant)
            else:
                self._signs[constant] = self._with_oracle(constant, self.oracle)
        return self._signs[constant]

    def _with_oracle(self, constant: sp.Expr, oracle: Oracle) -> Sign | None:
        """The own algebra first; the oracle about the whole, then about the parts."""
        known = self._own.sign(constant)
        if known in ("+", "-", "0") or not constant.free_symbols:
            return known
        return oracle.sign(constant) or known or self._by_parts(constant)

    def sign_between(
        self, expr: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr
    ) -> Sign | None:
        """What the oracle says of ``expr`` on an open interval; None without one."""
        if self.oracle is None:
            return None
        return self.oracle.sign_between(expr, variable, lower, upper)

    def extremes(self, expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> list[sp.Expr] | None:
        """What the oracle knows of inf and sup on an open interval; None without one."""
        return None if self.oracle is None else self.oracle.extremes(expr, lower, upper)

    def _sign(self, constant: sp.Expr) -> Sign | None:
        if constant.is_Rational:
            return "0" if constant.is_zero else "+" if constant.p > 0 else "-"
        if constant is sp.S.Infinity:
            return "+"
        if constant is sp.S.NegativeInfinity:
            return "-"
        if constant.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.I):
            return None
        if not constant.free_symbols:
            return number_sign(constant)
        known = self.assumptions.sign(constant)
        if known in ("+", "-", "0"):
            return known
        if known is None and vanishes(constant):
            return "0"
        # (1 − α)² is only known to be ≥ 0 until one asks for the sign of 1 − α.
        sharper = self._by_parts(constant) or self._by_parts(sp.factor(constant))
        return sharper if known is None or sharper in ("+", "-", "0") else known

    def _by_parts(self, constant: sp.Expr) -> Sign | None:
        """Sums of terms of one sign and products of signed factors, numbers enclosed."""
        if constant.is_Add:
            return sum_sign(self.sign(t) for t in constant.args)
        if constant.is_Mul:
            return product_sign(self.sign(f) for f in constant.args)
        if isinstance(constant, sp.exp):
            return "+"
        if constant.is_Pow and constant.exp.is_Rational:
            return power_sign(self.sign(constant.base), constant.exp)
        if isinstance(constant, sp.Max | sp.Min):
            signs = [self.sign(a) for a in constant.args]
            return extreme_sign(signs, isinstance(constant, sp.Max))
        return None

    def vanishes(self, constant: sp.Expr) -> bool:
        """Whether it is proved to be zero for all admissible parameters."""
        return self.sign(constant) == "0"

    def resolve(self, constant: sp.Expr) -> sp.Expr:
        """The same constant with |u| and √(u²) replaced by ±u where the sign of u is known."""
        if not constant.free_symbols or not (constant.has(sp.Abs) or _has_root(constant)):
            return constant
        roots = {r: self._root(r) for r in constant.atoms(sp.Pow) if _is_half(r)}
        constant = constant.xreplace({r: found for r, found in roots.items() if found != r})
        return constant.replace(sp.Abs, self._magnitude)

    def _magnitude(self, u: sp.Expr) -> sp.Expr:
        sign = self.sign(u)
        if sign in ("+", ">=", "0"):
            return u
        return -u if sign in ("-", "<=") else sp.Abs(u)

    def _root(self, root: sp.Pow) -> sp.Expr:
        """(u²·v)^(n/2) as |u|^n·v^(n/2); the base of a real root is nonnegative."""
        content, factors = factor_list(root.base)
        if self.sign(content) != "+":
            return root
        result = content**root.exp
        for factor, power in factors:
            if power % 2:
                result *= (factor**power) ** root.exp if self.sign(factor) == "+" else sp.S.NaN
            else:
                result *= self._magnitude(factor) ** (power * root.exp)
        return root if result.has(sp.nan) else result

    def tidy(self, value: sp.Expr) -> sp.Expr:
        """A short exact form of a constant; never changes its value."""
        if value.is_Rational or value.is_infinite or value.has(Enclosed):
            return value
        value = self.resolve(cancelled_arguments(value))
        if value.has(sp.CRootOf):  # factoring over such numbers takes minutes
            return value
        candidates = [value, sp.expand(value)]
        candidates.append(sp.factor(candidates[1]))
        if value.free_symbols:
            candidates.append(sp.cancel(value))
        else:
            spelled = exponential_form(value)
            if spelled.is_algebraic:
                candidates.append(sp.radsimp(sp.expand(sp.radsimp(spelled))))
        return min(candidates, key=lambda e: (sp.count_ops(e), len(str(e))))

    def compare(self, a: sp.Expr, b: sp.Expr) -> Sign | None:
        """The sign of a − b; infinite ends allowed, equal infinities compare as ``'0'``."""
        if a == b:
            return "0"
        if a.is_infinite or b.is_infinite:
            return self.sign(a) if a.is_infinite else flip(self.sign(b))
        return self.sign(a - b)

    def order(self, points: Iterable[sp.Expr]) -> list[sp.Expr]:
        """Distinct points, ascending.

        Raises:
            UndecidedError: If the order does not follow from the assumptions.
        """
        ordered: list[sp.Expr] = []
        for point in points:
            place = len(ordered)
            for i, other in enumerate(ordered):
                sign = self.compare(point, other)
                if sign == "0":
                    place = -1
                    break
                if sign == "-":
                    place = i
                    break
                if sign != "+":
                    raise UndecidedError(f"the order of {point} and {other} does not follow")
            if place >= 0:
                ordered.insert(place, point)
        return ordered

    def extreme(self, candidates: Iterable[sp.Expr], direction: Direction) -> sp.Expr:
        """The largest (1) or smallest (−1) candidate; a Max or Min where none always wins."""
        kept: list[sp.Expr] = []
        for candidate in candidates:
            beaten = False
            survivors = []
            for other in kept:
                sign = self.compare(candidate, other)
                sign = sign if direction > 0 else flip(sign)
                if sign in ("-", "<=", "0"):
                    beaten = True
                if sign not in ("+", ">="):
                    survivors.append(other)
            if not beaten:
                kept = [*survivors, candidate]
        if len(kept) == 1:
            return kept[0]
        if not any(k.free_symbols for k in kept):  # equal as far as any precision tried can see
            return _merged(kept, direction)
        return sp.Max(*kept, evaluate=False) if direction > 0 else sp.Min(*kept, evaluate=False)


def _merged(numbers: list[sp.Expr], direction: Direction) -> sp.Expr:
    """The extreme of numbers whose enclosures overlap, as an enclosure."""
    ends = []
    for number in numbers:
        ball = enclose_number(number, 256)
        if ball is None:
            raise UndecidedError(f"{number} has no enclosure")
        ends.append(rational_bounds(ball))
    pick = max if direction > 0 else min
    return Enclosed(pick(low for low, _ in ends), pick(high for _, high in ends))


def cancelled_arguments(value: sp.Expr) -> sp.Expr:
    """erf((1 − α)/(α − 1)) as −erf(1), tanh(ln 3/2) as 1/2: what substitution leaves behind."""
    return algebraic_constants(
        value.replace(
            lambda e: isinstance(e, sp.Function) and bool(e.free_symbols),
            lambda e: e.func(*[sp.cancel(a) for a in e.args]),
        )
    )


def _is_half(power: sp.Expr) -> bool:
    return bool(power.exp.is_Rational and power.exp.q == 2 and power.free_symbols)


def _has_root(constant: sp.Expr) -> bool:
    return any(_is_half(p) for p in constant.atoms(sp.Pow))
