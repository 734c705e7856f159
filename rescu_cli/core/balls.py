"""Evaluate a SymPy expression as a rigorous enclosure (a ball) at any precision.

Balls are python-flint's ``arb`` on the real line and ``acb`` off it (needed for quadrature with a
proved error). A ball contains the true value; "not finite" means that nothing was proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache, reduce
from operator import add, mul
from typing import Any

import flint
import sympy as sp

from rescu_cli.core import symbols
from rescu_cli.errors import UnsupportedError

Ball = Any
"""``flint.arb`` or ``flint.acb``; python-flint ships no types for arithmetic between them."""

_UNARY: dict[type, Callable[[Ball, bool], Ball]] = {
    # The flag asks an acb function to answer "not finite" when it meets a branch cut.
    sp.exp: lambda u, _: u.exp(),
    sp.log: lambda u, cut: _log(u, cut),
    sp.sin: lambda u, _: u.sin(),
    sp.cos: lambda u, _: u.cos(),
    sp.tan: lambda u, _: u.tan(),
    sp.atan: lambda u, _: u.atan(),
    sp.asinh: lambda u, _: u.asinh(),
    sp.sinh: lambda u, _: u.sinh(),
    sp.cosh: lambda u, _: u.cosh(),
    sp.tanh: lambda u, _: u.tanh(),
    sp.erf: lambda u, _: u.erf(),
    sp.erfc: lambda u, _: u.erfc(),
    symbols.sigmoid: lambda u, _: 1 / (1 + (-u).exp()),
    symbols.log1p: lambda u, _: u.log1p(),
    symbols.expm1: lambda u, _: u.expm1(),
    symbols.Phi: lambda u, _: (-u / flint.arb(2).sqrt()).erfc() / 2,
    sp.Abs: lambda u, _: abs(u),
}


class Enclosed(sp.AtomicExpr):
    """A real number of which an enclosure is known, and no closed form.

    Args:
        lower: Rational below or equal to the number.
        upper: Rational above or equal to it.

    It prints as the decimal in the middle; `error` bounds the distance from the number.
    """

    is_number = True
    is_commutative = True
    is_extended_real = True
    is_finite = True

    def __new__(cls, lower: sp.Rational, upper: sp.Rational) -> Enclosed:
        return super().__new__(cls, sp.Rational(lower), sp.Rational(upper))

    def __neg__(self) -> Enclosed:
        lower, upper = self.args
        return Enclosed(-upper, -lower)

    @property
    def free_symbols(self) -> set[sp.Symbol]:
        return set()

    @property
    def decimal(self) -> str:
        """As many digits as are certain, at least one."""
        lower, upper = self.args
        width = upper - lower
        places = 30 if width == 0 else max(1, int(sp.floor(-sp.log(width, 10).n(15))) - 1)
        middle = (lower + upper) / 2
        scaled = int(sp.floor(middle * 10**places + sp.Rational(1, 2)))
        digits = str(abs(scaled)).rjust(places + 1, "0")
        return f"{'-' if scaled < 0 else ''}{digits[:-places]}.{digits[-places:]}"

    @property
    def error(self) -> sp.Rational:
        """Bound on the distance between `decimal` and the number."""
        lower, upper = self.args
        shown = sp.Rational(self.decimal)
        return max(abs(shown - lower), abs(upper - shown))

    def _sympystr(self, printer: object) -> str:
        return self.decimal


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Run a block at ``bits`` of working precision."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


_MAX_EXPONENT = 20_000
"""Numbers beyond 2^±20000 are not written as fractions: e^(−e^x) would fill the memory."""


def rational(end: flint.arb) -> sp.Rational:
    """An exact dyadic number (an end or the middle of a ball) as a rational.

    Raises:
        UnsupportedError: If it is too large or too small to be written as a fraction.
    """
    if end.is_zero():
        return sp.S.Zero
    mantissa, exponent = end.man_exp()
    if abs(int(exponent)) > _MAX_EXPONENT:
        raise UnsupportedError(f"{end.str(5)} is too extreme to be written as a fraction.")
    return sp.Rational(int(mantissa)) * sp.Integer(2) ** int(exponent)


def rational_bounds(ball: flint.arb) -> tuple[sp.Rational, sp.Rational]:
    """Rational numbers below and above a finite ball; tiny ends are moved outward to ±2^−20000.

    Raises:
        UnsupportedError: If an end is too large.
    """
    tiny = sp.Integer(2) ** -_MAX_EXPONENT
    small = flint.arb(2) ** -_MAX_EXPONENT
    low, high = ball.lower(), ball.upper()
    below = -tiny if low < 0 else sp.S.Zero
    above = tiny if high > 0 else sp.S.Zero
    return (
        below if abs(low) < small else rational(low),
        above if abs(high) < small else rational(high),
    )


def current_precision() -> int:
    """Bits of the working precision."""
    return int(flint.ctx.prec)


def exact_ball(value: int | float | Fraction | sp.Rational) -> flint.arb:
    """The ball of an exact number (radius 0 when it is dyadic and fits the precision)."""
    if isinstance(value, float):
        return flint.arb(value)
    if isinstance(value, Fraction):
        return flint.arb(flint.fmpq(value.numerator, value.denominator))
    if isinstance(value, int):
        return flint.arb(value)
    return flint.arb(flint.fmpq(int(value.p), int(value.q)))


def evaluate(expr: sp.Expr, env: Mapping[sp.Symbol, Ball], *, analytic: bool = False) -> Ball:
    """Enclose ``expr`` with the symbols replaced by balls, at the current precision.

    Args:
        expr: Elementary expression; Abs, Max and Min are allowed on the real line.
        env: Ball of every free symbol.
        analytic: Give a non-finite ball wherever the expression is not analytic (quadrature).

    Raises:
        UnsupportedError: For a function without an enclosure.
    """
    if expr.is_Symbol:
        return env[expr]
    constant = _constant(expr)
    if constant is not None:
        return constant
    if isinstance(expr, sp.Integral):
        return _integral(expr, env)
    return apply(expr, [evaluate(a, env, analytic=analytic) for a in expr.args], analytic=analytic)


def _constant(expr: sp.Expr) -> Ball | None:
    """The ball of an atom without symbols, None if it is none."""
    if expr.is_Rational:
        return exact_ball(expr)
    if expr is sp.pi:
        return flint.arb.pi()
    if expr is sp.E:
        return flint.arb(1).exp()
    if expr.is_Float:
        return exact_ball(sp.Rational(expr))
    if isinstance(expr, Enclosed):
        low, high = (exact_ball(end) for end in expr.args)
        return low.union(high)
    if isinstance(expr, sp.CRootOf) and expr.is_real:
        return _real_root(expr)
    return None


def _real_root(root: sp.CRootOf) -> flint.arb:
    """A real root of a rational polynomial, in the ascending order that SymPy numbers them by."""
    polynomial = sp.Poly(root.poly, root.poly.gen, domain="QQ")
    coefficients = polynomial.clear_denoms(convert=True)[1].all_coeffs()
    return _real_roots(tuple(int(c) for c in coefficients), current_precision())[root.index]


@lru_cache(maxsize=256)
def _real_roots(coefficients: tuple[int, ...], bits: int) -> list[flint.arb]:
    """Disjoint enclosures of all real roots of a squarefree integer polynomial, ascending.

    FLINT isolates all complex roots with proof; real ones come with imaginary part exactly 0.
    """
    with precision(bits + 32):
        roots = flint.fmpz_poly(list(reversed(coefficients))).complex_roots()
        real = [r.real for r, _ in roots if r.imag == 0]
    return sorted(real, key=lambda ball: ball.mid())


def apply(expr: sp.Expr, args: list[Ball], *, analytic: bool = False) -> Ball:
    """The outermost operation of ``expr`` on the balls of its arguments.

    Raises:
        UnsupportedError: For a function without an enclosure.
    """
    if expr.is_Add:
        return reduce(add, args)
    if expr.is_Mul:
        return reduce(mul, args)
    if isinstance(expr, sp.exp):
        return args[0].exp()
    if expr.is_Pow:
        return _power(args[0], expr.exp, args[1], analytic)
    if isinstance(expr, sp.Max | sp.Min):
        best = args[0]
        for ball in args[1:]:
            best = best.max(ball) if isinstance(expr, sp.Max) else best.min(ball)
        return best
    function = _UNARY.get(type(expr))
    if function is None:
        raise UnsupportedError(f"No enclosure is known for {type(expr).__name__} in {expr}.")
    return function(args[0], analytic)


def _power(base: Ball, exponent: sp.Expr, exponent_ball: Ball, analytic: bool) -> Ball:
    if exponent.is_Integer:
        result = _integer_power(base, abs(int(exponent)))
        return result if int(exponent) >= 0 else 1 / result
    if exponent.is_Rational and int(exponent.q) == 2:
        off_line = analytic and isinstance(base, flint.acb)
        root = base.sqrt(analytic=True) if off_line else base.sqrt()
        return _power(root, sp.Integer(exponent.p), exponent_ball, analytic)
    return (_log(base, analytic) * exponent_ball).exp()


_NARROW_BITS = 20


def _integer_power(base: Ball, n: int) -> Ball:
    """base^n; on a wide real ball from its two ends, where u^n is monotone.

    The ends of a narrow ball are rounded to the working precision, which would widen it: tanh of a
    huge number is 1 with a radius far below that.
    """
    if n < 2 or isinstance(base, flint.acb) or base.rel_accuracy_bits() > _NARROW_BITS:
        return _multiplied(base, n)
    low, high = _multiplied(base.lower(), n), _multiplied(base.upper(), n)
    both = low.union(high)
    return both.union(flint.arb(0)) if n % 2 == 0 and base.contains(0) else both


def _multiplied(base: Ball, n: int) -> Ball:
    """By multiplication: arb ** int on a ball across 0 may give nan."""
    result, square = None, base
    while n:
        if n & 1:
            result = square if result is None else result * square
        square = square * square if n > 1 else square
        n >>= 1
    return flint.arb(1) if result is None else result


def _log(base: Ball, analytic: bool) -> Ball:
    """log; only the complex one knows a branch cut."""
    return base.log(analytic=True) if analytic and isinstance(base, flint.acb) else base.log()


def _integral(expr: sp.Integral, env: Mapping[sp.Symbol, Ball]) -> Ball:
    """∫_a^b with a proved error bound; ends must be finite."""
    body = expr.function
    variable, lower, upper = expr.limits[0]
    a, b = evaluate(lower, env), evaluate(upper, env)

    def integrand(z: Ball, analytic: bool) -> Ball:
        return flint.acb(evaluate(body, {**env, variable: z}, analytic=analytic))

    return flint.acb.integral(integrand, flint.acb(a), flint.acb(b)).real


def is_real_finite(ball: Ball) -> bool:
    """Whether the ball proves a finite value."""
    return bool(ball.is_finite())
