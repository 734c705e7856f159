"""Taylor coefficients of an expression, as balls, by arithmetic on truncated power series.

At an exact point m, coefficient j encloses f⁽ʲ⁾(m)/j!. On a ball B, it encloses f⁽ʲ⁾(ξ)/j! for
every ξ in B: the remainder of Taylor and Lagrange. Symbolic derivatives of tenth order would be
pages long and overestimate; FLINT's series are neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import flint
import sympy as sp

from rescu_cli.core import balls, symbols
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError

Series = Any
"""``flint.arb_series``, which ships no types."""


def _abs(u: Series) -> Series:
    """|u| where u keeps its sign; a corner has no Taylor series."""
    head = u[0]
    if head > 0:
        return u
    if head < 0:
        return -u
    raise UnsupportedError("the argument of an absolute value may be 0")


def _larger(u: Series, v: Series) -> Series:
    head = u[0] - v[0]
    if head > 0:
        return u
    if head < 0:
        return v
    raise UnsupportedError("the arguments of a maximum may be equal")


def _asinh(u: Series) -> Series:
    root = (1 + u * u).sqrt()
    return (u + root).log() if u[0] >= 0 else -(root - u).log()


# On a box, the coefficients of exp(v) are wide where v is large and vanish where it is very
# negative. With exp(−|v|) inside, what has settled to a line is enclosed as one.


def _sigmoid(v: Series) -> Series:
    if v[0].mid() > 0:
        return 1 / (1 + (-v).exp())
    rising = v.exp()
    return rising / (1 + rising)


def _softplus(v: Series) -> Series:
    """log(1 + exp(v))."""
    if v[0].mid() > 0:
        return v + (1 + (-v).exp()).log()
    return (1 + v.exp()).log()


def _tanh(u: Series) -> Series:
    if u[0].mid() < 0:
        return -_tanh(-u)
    falling = (-2 * u).exp()
    return (1 - falling) / (1 + falling)


_UNARY: dict[type, Callable[[Series], Series]] = {
    sp.exp: lambda u: u.exp(),
    sp.log: lambda u: u.log(),
    sp.sin: lambda u: u.sin(),
    sp.cos: lambda u: u.cos(),
    sp.tan: lambda u: u.tan(),
    sp.atan: lambda u: u.atan(),
    sp.asinh: _asinh,
    sp.sinh: lambda u: (u.exp() - (-u).exp()) / 2,
    sp.cosh: lambda u: (u.exp() + (-u).exp()) / 2,
    sp.tanh: _tanh,
    sp.erf: lambda u: u.erf(),
    sp.erfc: lambda u: u.erfc(),
    sp.Abs: _abs,
    symbols.sigmoid: _sigmoid,
    symbols.log1p: lambda u: (1 + u).log(),
    symbols.expm1: lambda u: u.exp() - 1,
    symbols.Phi: lambda u: (-u / flint.arb(2).sqrt()).erfc() / 2,
}


@contextmanager
def _capped(length: int) -> Iterator[None]:
    before = flint.ctx.cap
    flint.ctx.cap = length
    try:
        yield
    finally:
        flint.ctx.cap = before


def taylor(expr: sp.Expr, x: balls.Ball, length: int) -> list[balls.Ball] | None:
    """The first ``length`` Taylor coefficients on the ball x; None if they are not all enclosed."""
    with _capped(length):
        try:
            found = _Program.of(expr)(flint.arb_series([x, flint.arb(1)], prec=length))
        except (UnsupportedError, ZeroDivisionError, ValueError):
            return None
        terms = list(found.coeffs())
    terms += [flint.arb(0)] * (length - len(terms))
    return terms if all(t.is_finite() for t in terms) else None


class _Program:
    """A straight-line program; common subexpressions are evaluated once."""

    def __init__(self, expr: sp.Expr) -> None:
        self._steps: list[tuple[sp.Expr, tuple[int, ...]]] = []
        self._places: dict[sp.Expr, int] = {}
        self._add(expr)

    @staticmethod
    @lru_cache(maxsize=256)
    def of(expr: sp.Expr) -> _Program:
        """The program of an expression, kept for the next call."""
        return _Program(expr)

    def _add(self, expr: sp.Expr) -> int:
        if expr not in self._places:
            whole = not expr.has(X) or isinstance(expr, sp.Integral)
            exponent = _softplus_of(expr)
            args = expr.args if exponent is None else (exponent,)
            operands = () if whole else tuple(self._add(a) for a in args)
            self._steps.append((expr, operands))
            self._places[expr] = len(self._steps) - 1
        return self._places[expr]

    def __call__(self, x: Series) -> Series:
        values: list[Series] = []
        for expr, operands in self._steps:
            if expr == X:
                values.append(x)
            elif operands:
                values.append(_apply(expr, [values[i] for i in operands]))
            elif isinstance(expr, sp.Integral):
                values.append(_integral(expr, x))
            else:
                number = _constant(expr, balls.current_precision())
                values.append(flint.arb_series([number], prec=x.prec))
        return values[-1]


@lru_cache(maxsize=1024)
def _constant(expr: sp.Expr, bits: int) -> balls.Ball:
    return balls.evaluate(expr, {})


@lru_cache(maxsize=1024)
def _softplus_of(expr: sp.Expr) -> sp.Expr | None:
    """v of log(1 + exp(v)), in either spelling; None for anything else."""
    if isinstance(expr, sp.log):
        inner = expr.args[0] - 1
    elif isinstance(expr, symbols.log1p):
        inner = expr.args[0]
    else:
        return None
    return inner.args[0] if isinstance(inner, sp.exp) else None


def _apply(expr: sp.Expr, args: list[Series]) -> Series:
    if _softplus_of(expr) is not None:
        return _softplus(args[0])
    if expr.is_Add:
        return sum(args[1:], args[0])
    if expr.is_Mul:
        product = args[0]
        for factor in args[1:]:
            product = product * factor
        return product
    if expr.is_Pow and not isinstance(expr, sp.exp):
        return _power(args[0], expr.exp)
    if isinstance(expr, sp.Max | sp.Min):
        best = args[0]
        for other in args[1:]:
            larger = _larger(best, other)
            smaller = other if larger is best else best
            best = larger if isinstance(expr, sp.Max) else smaller
        return best
    function = _UNARY.get(type(expr))
    if function is None:
        raise UnsupportedError(f"no series is known for {type(expr).__name__}")
    return function(args[0])


def _power(base: Series, exponent: sp.Expr) -> Series:
    if exponent.is_Integer:
        result = base ** abs(int(exponent))
        return result if int(exponent) > 0 else 1 / result
    if exponent.is_Rational and int(exponent.q) == 2:
        return _power(base.sqrt(), sp.Integer(exponent.p))
    if exponent.has(X):
        raise UnsupportedError("a power with x in its exponent")
    return (base.log() * _constant(exponent, balls.current_precision())).exp()


def _integral(expr: sp.Integral, x: Series) -> Series:
    """∫_a^x g: the value at the head, and the series of g integrated term by term."""
    variable, lower, upper = expr.limits[0]
    if upper != X or lower.has(X) or lower.is_infinite or expr.function.has(X):
        raise UnsupportedError("an integral that is not from a constant to x")
    head = balls.evaluate(expr, {X: x[0]})
    slope = _Program.of(expr.function.subs(variable, X))(x)
    return flint.arb_series([head], prec=x.prec) + slope.integral()
