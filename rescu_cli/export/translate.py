"""SymPy expressions to nodes, in an order of operations that keeps floats finite and accurate.

The mathematics is fixed by the expression; what is decided here is where the roundings fall:

* every denominator meets one numerator first, so that d²/(4β) becomes d·(d/(4β)): no d² that
  overflows for a large β or underflows for a small one;
* factors that may be infinite come last, after the quotient they multiply has been formed;
* a·x + b with numbers becomes a·(x + b/a), which is exact where it vanishes;
* a denominator made of parameters is kept away from 0, so that a width of 0 gives the limit.
"""

from __future__ import annotations

from math import log2

import sympy as sp

from rescu_cli.core import symbols
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError
from rescu_cli.export.builder import Builder

_UNARY: dict[type, str] = {
    sp.Abs: "abs",
    sp.exp: "exp",
    sp.log: "log",
    sp.tanh: "tanh",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.atan: "atan",
    sp.Heaviside: "step",
    symbols.expm1: "expm1",
    symbols.log1p: "log1p",
    symbols.sigmoid: "sigmoid",
    symbols.Phi: "Phi",
}
_SAFE_LOG2 = 20
"""Coefficients of a power outside 2^±20 are spread over its factors (see `_spread`)."""


class Translator:
    """Translates expressions in x and the parameters into nodes of one builder.

    Args:
        builder: Where the nodes go.
        x: The node that x stands for; a clamped copy of it when a piece is translated.
    """

    def __init__(self, builder: Builder, x: int) -> None:
        self._builder = builder
        self._x = x
        self._memo: dict[sp.Expr, int] = {}

    def __call__(self, expr: sp.Expr) -> int:
        """The node of ``expr``.

        Raises:
            UnsupportedError: If a function has no counterpart in a program.
        """
        found = self._memo.get(expr)
        if found is None:
            found = self._memo[expr] = self._visit(expr)
        return found

    def _visit(self, expr: sp.Expr) -> int:
        build = self._builder
        if expr == X:
            return self._x
        if expr.is_Symbol:
            return build.parameter(expr.name)
        if not expr.has(X) and expr.is_rational_function():
            expr = sp.factor(expr)
        if expr.is_number:
            return build.constant(expr)
        if expr.is_Add:
            return self._sum(expr)
        if expr.is_Mul:
            return self._product(expr)
        if expr.is_Pow and not isinstance(expr, sp.exp):
            if expr.exp == sp.S.Half:
                return build.call("sqrt", self(expr.base))
            return self._product(expr)
        if isinstance(expr, sp.Max | sp.Min):
            op = "max" if isinstance(expr, sp.Max) else "min"
            varying = [self(a) for a in expr.args if a.has(X)]
            fixed = [self(a) for a in expr.args if not a.has(X)]
            result, *others = varying + fixed
            for other in others:
                result = build.extreme(op, result, other)
            return result
        if isinstance(expr, sp.sign):
            (inside,) = expr.args
            return build.sub(self(sp.Heaviside(inside)), self(sp.Heaviside(-inside)))
        op_name = _UNARY.get(type(expr))
        if op_name is None:
            raise UnsupportedError(
                f"{type(expr).__name__} cannot be exported; write the gradient with: "
                f"{', '.join(sorted(_UNARY.values()))}, sqrt, min, max."
            )
        return build.call(op_name, self(expr.args[0]))

    # -- sums -------------------------------------------------------------------------------

    def _sum(self, expr: sp.Expr) -> int:
        build = self._builder
        if expr.is_polynomial(X) and not expr.free_symbols - {X} and sp.degree(expr, X) == 1:
            slope, constant = expr.coeff(X, 1), expr.coeff(X, 0)
            if abs(slope) != 1:
                return build.mul(self(X + constant / slope), build.constant(slope))
        uniform = [t for t in expr.args if not t.has(X)]
        varying = [t for t in expr.args if t.has(X)]
        terms = varying or uniform
        if uniform and varying:
            # In front, so that beta - |x| is one subtraction.
            total = sp.Add(*uniform)
            terms = [total, *varying] if not _negative(total) else [*varying, total]
        terms.sort(key=_negative)  # stable: what is added, then what is subtracted
        first, *rest = terms
        result = self(first)
        for term in rest:
            if _negative(term):
                result = build.sub(result, self(-term))
            else:
                result = build.add(result, self(term))
        return result

    # -- products ---------------------------------------------------------------------------

    def _product(self, expr: sp.Expr) -> int:
        number, above, below = _factors(expr)
        if number.is_negative:
            return self._builder.neg(self._quotient(-number, above, below))
        return self._quotient(number, above, below)

    def _quotient(self, number: sp.Expr, above: list[sp.Expr], below: list[sp.Expr]) -> int:
        """number · Π above / Π below, each denominator paired with a numerator."""
        build = self._builder
        varying = sorted((a for a in above if a.has(X)), key=lambda a: -above.count(a))
        fixed = [a for a in above if not a.has(X)]
        if not varying and not any(b.has(X) for b in below):
            return self._uniform(number, fixed, below)
        if not below and not fixed and (spread := _spread(number, varying)):
            base, scale, rest = spread
            scaled = build.power(build.mul(self(base), build.constant(scale)), varying.count(base))
            return self._times([scaled, *(self(a) for a in varying if a != base)], rest)
        queue: list[int] = [self(a) for a in varying if all(bounds(a))]
        if fixed:
            queue.append(self._uniform(number, fixed, []))
            number = sp.S.One
        queue += [self(a) for a in varying if not all(bounds(a))]
        divisors = sorted(below, key=lambda b: b.has(X))
        if len(below) == 1 and not below[0].has(X) and (1 / number).is_Integer:
            divisors, number = [below[0] / number], sp.S.One
        done: list[int] = []
        for divisor in divisors:
            at = 0
            if not divisor.has(X):  # parameters divide what varies, so that nothing overflows
                at = next((i for i, n in enumerate(queue) if build.varies(n)), 0)
            if queue:
                top = queue.pop(at)
            elif done:
                top = done.pop()
            else:
                top, number = build.constant(number), sp.S.One
            done.append(build.div(top, self._denominator(divisor)))
        return self._times([*done, *queue], number)

    def _uniform(self, number: sp.Expr, above: list[sp.Expr], below: list[sp.Expr]) -> int:
        """A product of parameters: arithmetic on scalars, done once per call."""
        result = self._times([self(a) for a in above], number)
        for divisor in below:
            result = self._builder.div(result, self._denominator(divisor))
        return result

    def _denominator(self, expr: sp.Expr) -> int:
        """A divisor; one that is positive for admissible parameters stays so at the boundary."""
        build = self._builder
        if expr.has(X) or expr.is_number or not expr.is_positive:
            return self(expr)
        return build.extreme("max", self(expr), build.node("tiny"))

    def _times(self, parts: list[int], number: sp.Expr) -> int:
        """The product in the order given, equal factors as powers, the number last."""
        build = self._builder
        result: int | None = None
        for part in dict.fromkeys(parts):
            factor = build.power(part, parts.count(part))
            result = factor if result is None else build.mul(result, factor)
        if result is None:
            return build.constant(number)
        return build.mul(result, build.constant(number))


def _negative(term: sp.Expr) -> bool:
    if term.is_Add:
        return bool(term.could_extract_minus_sign())
    return bool(term.as_coeff_Mul()[0].is_negative)


def _factors(expr: sp.Expr) -> tuple[sp.Expr, list[sp.Expr], list[sp.Expr]]:
    """A product as (number, numerator factors, denominator factors), powers written out.

    Raises:
        UnsupportedError: For a power whose exponent is neither whole nor a half.
    """
    number = sp.S.One
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    for factor in sp.Mul.make_args(expr):
        if factor.is_number:
            number *= factor
            continue
        base, exponent = (factor, sp.S.One) if isinstance(factor, sp.exp) else factor.as_base_exp()
        if (2 * exponent).is_Integer and not exponent.is_Integer:
            base, exponent = sp.sqrt(base), 2 * exponent
        if not exponent.is_Integer:
            raise UnsupportedError(
                f"The power {factor} cannot be exported; write it with exp and log."
            )
        (above if exponent > 0 else below).extend([base] * abs(int(exponent)))
    return number, above, below


def _spread(number: sp.Expr, factors: list[sp.Expr]) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """c·d^n as (d·s)^n·rest with s a power of two, when c alone would leave float32.

    For a fixed width of 1e30, c = 1/β² is 0 in float32 although c·d³ is an ordinary number.
    """
    size = log2(abs(float(sp.N(number)))) if number else 0.0
    if abs(size) <= _SAFE_LOG2:
        return None
    repeated = [f for f in factors if factors.count(f) > 1]
    # A lone factor takes c itself, before it meets others: |x| rather than what is made from it.
    alone = sorted(factors, key=lambda f: (all(bounds(f)), sp.count_ops(f)))
    base = (repeated or alone)[0]
    count = factors.count(base)
    if count == 1:
        return base, number, sp.S.One
    scale = sp.Integer(2) ** round(size / count)
    return base, scale, number / scale**count


def bounds(expr: sp.Expr) -> tuple[bool, bool]:
    """Whether ``expr`` is seen at a glance to be bounded below, and above, for all x."""
    if not expr.has(X):
        return True, True
    if isinstance(expr, _GATES):
        return True, True
    inner = [bounds(a) for a in expr.args]
    if isinstance(expr, sp.Max):
        return any(b for b, _ in inner), all(a for _, a in inner)
    if isinstance(expr, sp.Min):
        return all(b for b, _ in inner), any(a for _, a in inner)
    if isinstance(expr, sp.Abs):
        return True, all(inner[0])
    if isinstance(expr, sp.exp):
        return True, inner[0][1]
    if expr.is_Add:
        return all(b for b, _ in inner), all(a for _, a in inner)
    if expr.is_Mul and len(expr.args) == 2 and expr.args[0].is_number:
        below, above = inner[1]
        return (below, above) if expr.args[0].is_positive else (above, below)
    if expr.is_Mul or (expr.is_Pow and expr.exp.is_positive):
        bounded = all(all(i) for i in inner)
        return bounded, bounded
    return False, False


_GATES = (sp.tanh, sp.erf, sp.erfc, sp.sin, sp.cos, sp.atan, sp.Heaviside, symbols.sigmoid,
          symbols.Phi)  # fmt: skip
