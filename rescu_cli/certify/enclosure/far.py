"""Far forms of expressions: what each elementary function does on a tail."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add, mul

import flint
import sympy as sp

from rescu_cli.certify.enclosure.form import Far, V, constant
from rescu_cli.certify.enclosure.growth import ONE, Coefficient, FarError, Growth, compare, exact
from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid


def far(expr: sp.Expr, start: int, side: int = 1) -> Far:
    """The far form of ``expr`` on [start, ∞), or of ``expr`` at −x for ``side`` −1.

    Args:
        expr: In x alone.
        start: R ≥ 1.
        side: 1 for x → ∞, −1 for x → −∞.

    Raises:
        FarError: If there is none from here on, or ever.
    """
    memo: dict[sp.Expr, Far] = {}
    return _visit(expr if side > 0 else expr.subs(X, -X), start, memo)


def _visit(expr: sp.Expr, start: int, memo: dict[sp.Expr, Far]) -> Far:
    if expr not in memo:
        memo[expr] = _build(expr, start, memo)
    return memo[expr]


def _build(expr: sp.Expr, start: int, memo: dict[sp.Expr, Far]) -> Far:
    if not expr.has(X):
        return constant(start, expr)
    if expr == X:
        return Far(start, {Growth(sp.S.Zero, sp.S.One): exact(sp.S.One)})
    args = [_visit(a, start, memo) for a in expr.args]
    if expr.is_Add:
        return reduce(add, args)
    if expr.is_Mul:
        return reduce(mul, args)
    if expr.is_Pow and expr.exp.is_Rational and not isinstance(expr, sp.exp):
        return args[0].power(expr.exp)
    rule = _RULES.get(type(expr))
    if rule is not None:
        return rule(args[-1] if isinstance(expr, sp.exp) else args[0])
    raise FarError(f"{expr.func.__name__} has no far form")


def _exp(u: Far) -> Far:
    """e^u: growing polynomial terms go to the exponent, the rest is small."""
    exponent, rest = sp.S.Zero, {}
    for growth, coefficient in u.terms.items():
        if compare(growth, ONE) <= 0:
            rest[growth] = coefficient
        elif growth.exponent == 0 and growth.power.is_Integer and coefficient.exact is not None:
            exponent += coefficient.exact * X**growth.power
        else:
            return _beyond(u)
    small = Far(u.start, rest)
    head = Far(u.start, {Growth(sp.expand(exponent), sp.S.Zero): exact(sp.S.One)})
    try:
        found = small.finite()
    except FarError:
        found = None
    if found is None:  # bounded, but without an exact limit
        return head * Far(u.start, {ONE: Coefficient(small.range().exp())})
    limit, delta = found
    return head * delta.small(sp.exp(V), sp.S.Zero) * constant(u.start, sp.exp(limit))


def _beyond(u: Far) -> Far:
    """e^u ∈ [0, 1]·e^(−x²) where u + x² ≤ 0 on the tail (u falls faster than every power)."""
    square = Far(u.start, {Growth(sp.S.Zero, sp.Integer(2)): exact(sp.S.One)})
    if (u + square).sign() < 0:
        unit = Coefficient(flint.arb(0).union(flint.arb(1)), None, 1)
        return Far(u.start, {Growth(-(X**2), sp.S.Zero): unit})
    raise FarError("an exponential of an exponential grows")


def _log(u: Far) -> Far:
    growth, coefficient = u.leading
    if growth.power != 0 or not coefficient.ball > 0:
        raise FarError("a logarithm of x has no far form")
    exponent = Far(u.start, {})
    for (power,), value in sp.Poly(growth.exponent, X).terms():
        if value != 0:
            key = Growth(sp.S.Zero, sp.Integer(power))
            exponent = exponent + Far(u.start, {key: exact(value)})
    if coefficient.exact is None:
        scale = Far(u.start, {ONE: Coefficient(coefficient.ball.log())})
    else:
        scale = constant(u.start, sp.log(coefficient.exact))
    return exponent + scale + u.relative().small(sp.log(1 + V), sp.S.Zero)


def _bounded(function: Callable[[Far], Far], odd: sp.Function) -> Callable[[Far], Far]:
    """A rule for a function with limits at ±∞: ``function`` for +∞, Taylor at a finite limit."""

    def rule(u: Far) -> Far:
        found = u.finite()
        if found is not None:
            return found[1].small(odd(V), found[0])
        return function(u) if u.sign() > 0 else _mirrored(odd, function, u)

    return rule


def _mirrored(odd: sp.Function, function: Callable[[Far], Far], u: Far) -> Far:
    """g(u) for u → −∞ from g(−u): g odd, or 1 − g(−u) for σ and Φ, 2 − g(−u) for erfc."""
    shift = {sigmoid: sp.S.One, Phi: sp.S.One, sp.erfc: sp.Integer(2)}.get(odd, sp.S.Zero)
    if odd is sigmoid:  # without the cancellation
        w = _exp(u)
        return w * (constant(u.start, sp.S.One) + w).power(sp.S.NegativeOne)
    if odd is Phi:
        return _erfc(-u * constant(u.start, sp.sqrt(2) / 2)) * constant(u.start, sp.Rational(1, 2))
    return constant(u.start, shift) + -function(-u)


def _tanh(u: Far) -> Far:
    w = _exp(u * constant(u.start, sp.Integer(-2)))
    one = constant(u.start, sp.S.One)
    return one + -(w * constant(u.start, sp.Integer(2)) * (one + w).power(sp.S.NegativeOne))


def _sigmoid(u: Far) -> Far:
    return (constant(u.start, sp.S.One) + _exp(-u)).power(sp.S.NegativeOne)


def _erfc(u: Far) -> Far:
    if not u.sign() > 0:
        raise FarError("erfc is expanded at +inf only")
    inverse = u.power(sp.S.NegativeOne)
    square = inverse * inverse
    theta = Coefficient(flint.arb(0).union(flint.arb(1)) * flint.arb(3) / 4)
    bracket = (
        constant(u.start, sp.S.One)
        + square * constant(u.start, sp.Rational(-1, 2))
        + square * square * Far(u.start, {ONE: theta})
    )
    return _exp(-(u * u)) * inverse * bracket * constant(u.start, 1 / sp.sqrt(sp.pi))


def _erf(u: Far) -> Far:
    return constant(u.start, sp.S.One) + -_erfc(u)


def _phi(u: Far) -> Far:
    half = _erfc(u * constant(u.start, sp.sqrt(2) / 2)) * constant(u.start, sp.Rational(1, 2))
    return constant(u.start, sp.S.One) + -half


def _atan(u: Far) -> Far:
    return constant(u.start, sp.pi / 2) + -u.power(sp.S.NegativeOne).small(sp.atan(V), sp.S.Zero)


def _asinh(u: Far) -> Far:
    one = constant(u.start, sp.S.One)
    return _log(u + (u * u + one).power(sp.Rational(1, 2)))


def _sinh(u: Far, sign: int = -1) -> Far:
    half = constant(u.start, sp.Rational(1, 2))
    return (_exp(u) + _exp(-u) * constant(u.start, sp.Integer(sign))) * half


def _finite_only(function: sp.Function) -> Callable[[Far], Far]:
    def rule(u: Far) -> Far:
        found = u.finite()
        if found is None:
            raise FarError(f"{function.__name__} has no limit at infinity")
        return found[1].small(function(V), found[0])

    return rule


def _wave(function: sp.Function) -> Callable[[Far], Far]:
    """Taylor at a finite limit, else all that is known: |sin u| ≤ 1."""

    def rule(u: Far) -> Far:
        found = u.finite()
        if found is None:
            return Far(u.start, {ONE: Coefficient(flint.arb(0, 1))})
        return found[1].small(function(V), found[0])

    return rule


_RULES: dict[type, Callable[[Far], Far]] = {
    sp.exp: _exp,
    sp.log: _log,
    log1p: lambda u: _log(constant(u.start, sp.S.One) + u),
    expm1: lambda u: _exp(u) + constant(u.start, sp.S.NegativeOne),
    sp.tanh: _bounded(_tanh, sp.tanh),
    sigmoid: _bounded(_sigmoid, sigmoid),
    sp.erf: _bounded(_erf, sp.erf),
    sp.erfc: _bounded(_erfc, sp.erfc),
    Phi: _bounded(_phi, Phi),
    sp.atan: _bounded(_atan, sp.atan),
    sp.asinh: _bounded(_asinh, sp.asinh),
    sp.sinh: _sinh,
    sp.cosh: lambda u: _sinh(u, 1),
    sp.sin: _wave(sp.sin),
    sp.cos: _wave(sp.cos),
    sp.tan: _finite_only(sp.tan),
}
