"""The behaviour of an expression as x → ±∞, as a proved expansion.

A tail is  e^E · (Σ_j c_j x^j + O(x^m)):  E is a polynomial in x without constant term, the c_j are
free of x (they may hold powers of log x), and m is an integer, or −∞ when the error is smaller
than every power. Lemmas used: x^n·e^(−cx) → 0; Taylor's theorem for analytic functions at the
limit of their argument; 1 − tanh u, 1 − erf u and 1 − σ(u) are below 2e^(−u) for u ≥ 1;
atan u = π/2 − atan(1/u) for u > 0; log(1 + δ) = δ − δ²/2 + …

Errors are O(x^(m+ε)) for every ε > 0 when a logarithm is involved, which is all that is used: a
power below the last kept one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge, cancelled_arguments
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

LOG = sp.Dummy("log_x", positive=True)
"""log|x|, slower than every power."""
_KEEP = -3
"""Powers of x below this are not computed; asymptotes and limits need no more than x^−1."""
_NEVER = -(10**6)
"""Stands for m = −∞."""
_MAX_DEGREE = 12


@dataclass(frozen=True)
class Tail:
    """e^exponent·(Σ coefficients[j]·x^j + O(x^error)) as x → +∞."""

    exponent: sp.Expr
    coefficients: tuple[tuple[int, sp.Expr], ...]
    error: int

    @property
    def terms(self) -> dict[int, sp.Expr]:
        return dict(self.coefficients)

    @property
    def degree(self) -> int:
        """The highest power that can occur (the error's if no term is known)."""
        return max((j for j, _ in self.coefficients), default=self.error)


def _tail(exponent: sp.Expr, terms: dict[int, sp.Expr], error: int, knowledge: Knowledge) -> Tail:
    kept = {}
    for power, coefficient in terms.items():
        if power < _KEEP:
            error = max(error, power)
        elif power > error and not _is_zero(coefficient, knowledge):
            kept[power] = coefficient
    if any(abs(p) > _MAX_DEGREE for p in kept):
        raise UndecidedError("the expansion at infinity has too large powers")
    return Tail(exponent, tuple(sorted(kept.items(), reverse=True)), error)


def _is_zero(coefficient: sp.Expr, knowledge: Knowledge) -> bool:
    if coefficient.has(LOG):
        return all(knowledge.vanishes(c) for c in sp.Poly(coefficient, LOG).all_coeffs())
    return knowledge.vanishes(coefficient)


class _Expander:
    """Expansion at +∞ by recursion over the expression."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge

    def make(self, terms: dict[int, sp.Expr], error: int = _NEVER) -> Tail:
        return _tail(sp.S.Zero, terms, error, self.knowledge)

    def expand(self, expr: sp.Expr) -> Tail:
        if not expr.has(X):
            if expr.has(sp.oo, sp.zoo, sp.nan):
                raise UndecidedError(f"{expr} is not finite")
            return self.make({0: expr})
        if expr == X:
            return self.make({1: sp.S.One})
        if expr.is_Add:
            return self._sum([self.expand(a) for a in expr.args])
        if expr.is_Mul:
            total = self.make({0: sp.S.One})
            for factor in expr.args:
                total = self._product(total, self.expand(factor))
            return total
        if isinstance(expr, sp.exp):
            return self._exp(self.expand(expr.args[0]), expr)
        if expr.is_Pow and expr.exp.is_Rational:
            return self._power(self.expand(expr.base), expr.exp, expr)
        return self._function(expr)

    # -- arithmetic ------------------------------------------------------------------------

    def _sum(self, tails: list[Tail]) -> Tail:
        total = tails[0]
        for tail in tails[1:]:
            total = self._add(total, tail)
        return total

    def _add(self, a: Tail, b: Tail) -> Tail:
        difference = sp.expand(a.exponent - b.exponent)
        if difference != 0:
            # The smaller exponential is below every power of x times the larger one.
            return a if self._goes_to(difference) > 0 else b
        terms = a.terms
        for power, coefficient in b.coefficients:
            terms[power] = sp.expand(terms.get(power, sp.S.Zero) + coefficient)
        return _tail(a.exponent, terms, max(a.error, b.error), self.knowledge)

    def _goes_to(self, exponent: sp.Expr) -> int:
        """1 or −1: where a non-zero polynomial exponent goes."""
        lead = sp.Poly(exponent, X).LC()
        sign = self.knowledge.sign(lead)
        if sign not in ("+", "-"):
            raise UndecidedError(f"the sign of {lead} decides which exponential is larger")
        return 1 if sign == "+" else -1

    def _product(self, a: Tail, b: Tail) -> Tail:
        terms: dict[int, sp.Expr] = {}
        for i, c in a.coefficients:
            for j, d in b.coefficients:
                terms[i + j] = terms.get(i + j, sp.S.Zero) + c * d
        error = max(
            _raised(a.error, b.degree if b.coefficients else b.error),
            _raised(b.error, a.degree if a.coefficients else a.error),
        )
        expanded = {p: sp.expand(c) for p, c in terms.items()}
        return _tail(sp.expand(a.exponent + b.exponent), expanded, error, self.knowledge)

    def _leading(self, tail: Tail, expr: sp.Expr) -> tuple[int, sp.Expr, int]:
        """Power, coefficient and sign of a leading term that is provably there."""
        if not tail.coefficients:
            raise UndecidedError(f"the leading term of {expr} at infinity is not known")
        power, coefficient = tail.coefficients[0]
        if coefficient.has(LOG):
            raise UndecidedError(f"{expr} grows with a logarithm")
        sign = self.knowledge.sign(coefficient)
        if sign not in ("+", "-"):
            raise UndecidedError(f"whether {coefficient} is zero decides how {expr} grows")
        return power, coefficient, 1 if sign == "+" else -1

    def _power(self, base: Tail, exponent: sp.Rational, expr: sp.Expr) -> Tail:
        if exponent.is_Integer and 0 <= exponent <= _MAX_DEGREE:
            total = self.make({0: sp.S.One})
            for _ in range(int(exponent)):
                total = self._product(total, base)
            return total
        power, lead, sign = self._leading(base, expr)
        shift = power * exponent
        if not exponent.is_Integer and sign < 0:
            raise UndecidedError(f"{expr} is a root of a negative number far out")
        if not shift.is_Integer:
            raise UndecidedError(f"{expr} grows with a fractional power of x")
        # base = e^E·lead·x^p·(1 + δ), δ → 0
        delta = self._divided(base, power, lead)
        series = self._taylor(delta, [sp.binomial(exponent, n) for n in range(_order(delta) + 1)])
        scale = self.make({int(shift): self.knowledge.resolve(lead**exponent)})
        result = self._product(scale, series)
        return Tail(sp.expand(base.exponent * exponent), result.coefficients, result.error)

    def _divided(self, tail: Tail, power: int, lead: sp.Expr) -> Tail:
        """tail/(lead·x^power) − 1 without its exponential factor."""
        terms = {p - power: sp.cancel(c / lead) for p, c in tail.coefficients}
        terms.pop(0)
        return self.make(terms, _raised(tail.error, -power))

    def _taylor(self, delta: Tail, coefficients: list[sp.Expr]) -> Tail:
        """Σ aₙδⁿ for δ → 0; what is left out is O(δ^(N+1))."""
        if delta.degree >= 0:
            raise UndecidedError("a series was asked for at a point that is not its limit")
        total = self.make({0: coefficients[0]})
        factor = self.make({0: sp.S.One})
        for coefficient in coefficients[1:]:
            factor = self._product(factor, delta)
            scaled = self._product(self.make({0: coefficient}), factor)
            total = self._add(total, scaled)
        rest = delta.degree * len(coefficients) if delta.degree > _NEVER else _NEVER
        return self.make(total.terms, max(total.error, rest))

    # -- functions -------------------------------------------------------------------------

    def _exp(self, u: Tail, expr: sp.Expr) -> Tail:
        if u.exponent != 0:
            if self._goes_to(u.exponent) < 0:
                return self.make({0: sp.S.One})  # e^u − 1 = O(u)
            if self._leading(u, expr)[2] < 0:
                return self.make({})
            raise UndecidedError(f"{expr} grows like an exponential of an exponential")
        if u.error >= 0:
            raise UndecidedError(f"the exponent of {expr} is not known to o(1)")
        if any(c.has(LOG) for _, c in u.coefficients):
            raise UndecidedError(f"{expr} grows like a power of x")
        growing = sp.Add(*[c * X**p for p, c in u.coefficients if p > 0])
        constant = u.terms.get(0, sp.S.Zero)
        delta = self.make({p: c for p, c in u.coefficients if p < 0}, u.error)
        series = self._taylor(delta, [1 / sp.factorial(n) for n in range(_order(delta) + 1)])
        result = self._product(self.make({0: sp.exp(constant)}), series)
        return Tail(sp.expand(growing), result.coefficients, result.error)

    def _function(self, expr: sp.Expr) -> Tail:
        if isinstance(expr, sp.log):
            return self._log(expr.args[0], expr)
        if isinstance(expr, log1p):
            return self._log(1 + expr.args[0], expr)
        if isinstance(expr, expm1):
            return self.expand(sp.exp(expr.args[0]) - 1)
        if isinstance(expr, sp.erfc):
            return self.expand(1 - sp.erf(expr.args[0]))
        if isinstance(expr, sp.sinh | sp.cosh):
            return self.expand(expr.rewrite(sp.exp))
        if isinstance(expr, (sp.tanh, sp.erf, sp.atan, sigmoid, Phi)):
            return self._bounded(expr)
        if isinstance(expr, sp.sin | sp.cos):
            return self.make({}, 0)  # bounded, and no more is needed beside what grows
        raise UndecidedError(f"no expansion at infinity is known for {expr.func.__name__}")

    def _bounded(self, expr: sp.Expr) -> Tail:
        """tanh, erf, atan, σ, Φ: their limits, exponentially close or by atan(1/u)."""
        argument = expr.args[0]
        side, u = self._destination(argument, expr)
        if side == 0:
            return self._at_finite_limit(expr, u)
        if isinstance(expr, sp.atan):
            if u.exponent != 0:  # 1/u is exponentially small
                return self.make({0: side * sp.pi / 2})
            inverse = self._power(u, sp.S.NegativeOne, expr)
            odd = [sp.S.Zero if n % 2 == 0 else sp.Rational((-1) ** (n // 2), n)
                   for n in range(_order(inverse) + 1)]  # fmt: skip
            correction = self._product(self.make({0: -sp.S.One}), self._taylor(inverse, odd))
            return self._add(self.make({0: side * sp.pi / 2}), correction)
        one_sided = isinstance(expr, sigmoid | Phi)
        limit = sp.S.One if side > 0 else (sp.S.Zero if one_sided else sp.S.NegativeOne)
        if limit != 0:
            return self.make({0: limit})
        # σ(u) and Φ(u) for u → −∞ keep their leading exponential where it is simple.
        if isinstance(expr, sigmoid) and u.exponent == 0:
            return self._exp(u, expr)
        return self.make({})

    def _destination(self, argument: sp.Expr, expr: sp.Expr) -> tuple[int, Tail]:
        """Whether the argument goes to ±∞ at least like x (±1), or to a finite limit (0)."""
        u = self.expand(argument)
        if u.exponent != 0:
            if self._goes_to(u.exponent) > 0:
                return self._leading(u, expr)[2], u
            return 0, self.make({})
        if not u.coefficients or u.coefficients[0][0] <= 0:
            if u.error >= 0:
                raise UndecidedError(f"the argument of {expr} is not known to o(1)")
            return 0, u
        return self._leading(u, expr)[2], u

    def _at_finite_limit(self, expr: sp.Expr, u: Tail) -> Tail:
        """Taylor's theorem at the limit of the argument; they are analytic on the real line."""
        limit = u.terms.get(0, sp.S.Zero)
        if limit.has(LOG):
            raise UndecidedError(f"the argument of {expr} grows with a logarithm")
        delta = self.make({p: c for p, c in u.coefficients if p < 0}, u.error)
        z = sp.Dummy("z", real=True)
        derivative, coefficients = expr.func(z), []
        for n in range(_order(delta) + 1):
            coefficients.append(derivative.subs(z, limit) / sp.factorial(n))
            derivative = sp.diff(derivative, z)
        return self._taylor(delta, coefficients)

    def _log(self, argument: sp.Expr, expr: sp.Expr) -> Tail:
        u = self.expand(argument)
        power, lead, sign = self._leading(u, expr)
        if sign < 0:
            raise UndecidedError(f"{expr} is the logarithm of a negative number far out")
        delta = self._divided(u, power, lead)
        orders = range(1, _order(delta) + 1)
        small = self._taylor(delta, [sp.S.Zero, *(sp.Rational((-1) ** (n + 1), n) for n in orders)])
        constant = sp.log(lead) + power * LOG
        whole = {p: c for (p,), c in sp.Poly(u.exponent, X).terms()} if u.exponent != 0 else {}
        return self._sum([self.make(dict(whole)), self.make({0: constant}), small])


def _raised(error: int, by: int) -> int:
    return _NEVER if error == _NEVER or by == _NEVER else error + by


def _order(delta: Tail) -> int:
    """How many powers of δ reach down to the kept precision."""
    if delta.degree == _NEVER:
        return 1
    if delta.degree >= 0:
        return 1
    return -(_KEEP // -delta.degree) + 2


@lru_cache(maxsize=2048)
def _expand(expr: sp.Expr, side: int, knowledge: Knowledge) -> Tail:
    moved = expr if side > 0 else expr.subs(X, -X)
    return _Expander(knowledge).expand(moved)


def tail(expr: sp.Expr, side: int, knowledge: Knowledge) -> Tail:
    """The expansion of ``expr`` as x → side·∞; for −∞ it is in powers of −x.

    Raises:
        UndecidedError: If a function or a cancellation is beyond the calculus.
    """
    return _expand(expr, side, knowledge)


def limit(expr: sp.Expr, side: int, knowledge: Knowledge) -> sp.Expr:
    """Lim expr as x → side·∞: an exact constant, oo or −oo.

    Raises:
        UndecidedError: If it does not follow.
    """
    if not expr.has(X):
        return expr
    found = tail(expr, side, knowledge)
    if found.exponent != 0:
        lead = knowledge.sign(sp.Poly(found.exponent, X).LC())
        if lead == "-":
            return sp.S.Zero
        if lead != "+":
            raise UndecidedError(f"where {found.exponent} goes does not follow")
        return _infinite(found, knowledge)
    if found.coefficients:
        power, lead = found.coefficients[0]
        if power > 0 or (power == 0 and lead.has(LOG)):
            return _infinite(found, knowledge)
    if found.error >= 0:
        raise UndecidedError(f"the limit of {expr} is lost in the error of its expansion")
    return found.terms.get(0, sp.S.Zero)


def _infinite(found: Tail, knowledge: Knowledge) -> sp.Expr:
    if not found.coefficients:
        raise UndecidedError("a leading term is not known")
    lead = found.coefficients[0][1]
    if lead.has(LOG):
        lead = sp.Poly(lead, LOG).LC()
    sign = knowledge.sign(lead)
    if sign not in ("+", "-"):
        raise UndecidedError(f"the sign of {lead} decides the limit")
    return sp.S.Infinity if sign == "+" else sp.S.NegativeInfinity


def end_value(expr: sp.Expr, point: sp.Expr, knowledge: Knowledge) -> sp.Expr:
    """The value at a finite point where ``expr`` is continuous, the limit at an infinite one."""
    if point is sp.S.Infinity:
        return limit(expr, 1, knowledge)
    if point is sp.S.NegativeInfinity:
        return limit(expr, -1, knowledge)
    value = cancelled_arguments(expr.subs(X, point).replace(_is_empty, lambda _: sp.S.Zero))
    shown = value.xreplace(dict.fromkeys(value.atoms(sp.Integral), sp.S.Zero))
    if shown.has(sp.nan, sp.zoo, sp.oo, -sp.oo, sp.AccumBounds):
        raise UndecidedError(f"{expr} has no value at {point}")
    return value


def _is_empty(expr: sp.Expr) -> bool:
    return isinstance(expr, sp.Integral) and expr.limits[0][1:2] == expr.limits[0][2:3]
