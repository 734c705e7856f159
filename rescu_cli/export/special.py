"""Functions that a target lacks, in terms of simpler ones.

Not every language has erfc, expm1 or even tanh. Each definition here is arithmetic like the rest of
a program, so that every backend prints it without knowing it. Polynomials are Chebyshev
interpolants of the function itself, computed to 60 digits when they are needed; their errors are
below 1e-17 relative, so that the rounding of the format is what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache

import mpmath
import sympy as sp

from rescu_cli.errors import InternalError
from rescu_cli.export.builder import Builder
from rescu_cli.export.program import Program

_DIGITS = 60
_LARGEST = 30
"""erfc is 0 in float64 beyond 27.3; the argument is held below, so that its square is finite."""
_SCALE = 4
"""t = s/(s + u) maps [0, ∞] to [0, 1]; erfcx(u)/t is smooth there."""

Definition = Callable[[Builder, int], int]


def expanded(program: Program, known: Collection[str]) -> Program:
    """The same program in operations that a target knows.

    Args:
        program: Any program.
        known: Operations of the target; arithmetic, ``min``, ``max``, ``abs``, ``sqrt``, ``exp``,
            ``log`` and ``step`` are taken for granted.

    Raises:
        InternalError: If an operation is neither known nor defined here.
    """
    if all(node.op in known or node.op in _GRANTED for node in program.nodes):
        return program
    build = Builder()
    place: list[int] = []
    for node in program.nodes:
        arguments = [place[a] for a in node.args]
        if node.op in known or node.op in _GRANTED:
            place.append(build.node(node.op, *arguments, number=node.number, name=node.name))
        elif node.op in DEFINITIONS:
            place.append(DEFINITIONS[node.op](build, *arguments))
        else:
            raise InternalError(f"No definition of {node.op}; there are: {', '.join(DEFINITIONS)}.")
    whole = Program(
        parameters=program.parameters,
        nodes=tuple(build.nodes),
        value=place[program.value],
        gradient=place[program.gradient],
        parameter_gradients=tuple((n, place[i]) for n, i in program.parameter_gradients),
    )
    return expanded(whole, known)


@cache
def definition(op: str, known: frozenset[str]) -> Program:
    """The definition as a program of its own, for targets that print it as a function of x."""
    build = Builder()
    value = DEFINITIONS[op](build, build.x)
    return expanded(Program((), tuple(build.nodes), value, value), known)


def _sigmoid(build: Builder, u: int) -> int:
    """Neither exponential can overflow."""
    top = build.node("exp", build.node("min", u, build.constant(0)))
    rest = build.node("exp", build.neg(build.node("abs", u)))
    return build.div(top, build.add(rest, build.constant(1)))


def _normal_cdf(build: Builder, u: int) -> int:
    """1/2 + u·P(u²) up to 1/2; beyond, e^(−u²/2)·erfcx(−u/√2)/2 for u < 0 and 1 − Φ(−u) for u > 0.

    In terms of u itself: the argument u/√2 of erfc would be rounded, which costs u² ulps.
    """
    size = build.node("min", build.node("abs", u), build.constant(_LARGEST * 2))
    tail = _gaussian_tail(build, size, sp.S.Half, _tail_of_normal())
    right = build.node("step", u)
    far = build.add(tail, build.mul(right, _complement(build, tail, 1)))
    half = build.constant(sp.S.Half)
    near = build.add(_near(build, u, _odd_normal()), half)
    return _choose(build, build.sub(size, half), far, near)


def _erfc(build: Builder, u: int) -> int:
    """1 − u·P(u²) up to 1/2; beyond, e^(−u²)·erfcx(u) for u > 0 and 2 − erfc(−u) for u < 0."""
    size = build.node("min", build.node("abs", u), build.constant(_LARGEST))
    tail = _gaussian_tail(build, size, sp.S.One, _tail_of_erfc())
    mirrored = build.node("step", build.neg(u))
    far = build.add(tail, build.mul(mirrored, _complement(build, tail, 2)))
    near = build.sub(build.constant(1), _near(build, u, _odd(mpmath.erf)))
    return _choose(build, build.sub(size, build.constant(sp.S.Half)), far, near)


def _complement(build: Builder, tail: int, whole: int) -> int:
    """whole − 2·tail, which is added to the tail where it has to become whole − tail."""
    return build.sub(build.constant(whole), build.mul(tail, build.constant(2)))


def _gaussian_tail(
    build: Builder, size: int, rate: sp.Expr, coefficients: tuple[sp.Rational, ...]
) -> int:
    """e^(−rate·size²)·t·P(t) with t = s/(s + size)."""
    ratio = build.div(build.constant(_SCALE), build.add(size, build.constant(_SCALE)))
    factor = build.mul(ratio, _polynomial(build, ratio, coefficients))
    # The square of the leading half is exact; without it rate·size² ulps would be lost.
    lifted = build.mul(size, build.node("splitter"))
    head = build.sub(lifted, build.sub(lifted, size))
    square = build.mul(build.mul(head, head), build.constant(-rate))
    rest = build.mul(build.sub(head, size), build.add(head, size))
    both = build.mul(build.node("exp", square),
                     build.node("exp", build.mul(rest, build.constant(rate))))  # fmt: skip
    return build.mul(both, factor)


def _erf(build: Builder, u: int) -> int:
    """erf(u) = u·P(u²) up to 1, else ±(1 − erfc|u|)."""
    size, near = build.node("abs", u), _near(build, u, _odd(mpmath.erf))
    far = build.mul(_sign(build, u), build.sub(build.constant(1), build.node("erfc", size)))
    return _choose(build, build.sub(size, build.constant(1)), far, near)


def _near(build: Builder, u: int, coefficients: tuple[sp.Rational, ...]) -> int:
    """u·P(u²) for |u| ≤ 1."""
    low = build.node("max", build.node("min", u, build.constant(1)), build.constant(-1))
    return build.mul(low, _polynomial(build, build.mul(low, low), coefficients))


def _expm1(build: Builder, u: int) -> int:
    """e^u − 1 beyond 1/2, u + u²·P(u) up to it."""
    half = build.constant(sp.S.Half)
    low = build.node("max", build.node("min", u, half), build.neg(half))
    place = build.add(low, half)  # in [0, 1]
    square = build.mul(build.mul(low, low), _polynomial(build, place, _expm1_rest()))
    far = build.sub(build.node("exp", u), build.constant(1))
    away = build.sub(build.node("abs", u), half)
    return _choose(build, away, far, build.add(square, low))


def _log1p(build: Builder, u: int) -> int:
    """log(1 + u) beyond 1/2, z·P(9z²) with z = u/(2 + u) up to it: log(1 + u) = 2 artanh z."""
    half = build.constant(sp.S.Half)
    low = build.node("max", build.node("min", u, half), build.neg(half))
    z = build.div(low, build.add(low, build.constant(2)))
    place = build.mul(build.mul(z, z), build.constant(9))
    near = build.mul(z, _polynomial(build, place, _artanh()))
    far = build.node("log", build.add(u, build.constant(1)))
    return _choose(build, build.sub(build.node("abs", u), half), far, near)


def _tanh(build: Builder, u: int) -> int:
    """−m/(m + 2) with m = expm1(−2|u|), and the sign of u."""
    m = build.node("expm1", build.mul(build.node("abs", u), build.constant(-2)))
    ratio = build.div(m, build.add(m, build.constant(2)))
    return build.mul(build.neg(_sign(build, u)), ratio)


def _atan(build: Builder, u: int) -> int:
    """z·P(z²) with z = u or −1/u, whichever is smaller, plus ±π/2 for the latter."""
    size = build.node("abs", u)
    inverse = build.div(build.constant(-1), build.node("max", size, build.constant(1)))
    z = _choose(build, build.sub(size, build.constant(1)), inverse,
                build.node("min", size, build.constant(1)))  # fmt: skip
    near = build.mul(z, _polynomial(build, build.mul(z, z), _odd(mpmath.atan)))
    quarter = build.mul(build.node("step", build.sub(size, build.constant(1))),
                        build.constant(sp.pi / 2))  # fmt: skip
    return build.mul(_sign(build, u), build.add(near, quarter))


def _sign(build: Builder, u: int) -> int:
    """1, 0 or −1."""
    return build.sub(build.node("step", u), build.node("step", build.neg(u)))


def _choose(build: Builder, margin: int, positive: int, otherwise: int) -> int:
    """One node for margin > 0, the other else; finite where it is not chosen, for 0·∞ is NaN."""
    beyond = build.node("step", margin)
    return build.add(
        build.mul(beyond, positive), build.mul(build.sub(build.constant(1), beyond), otherwise)
    )


def _polynomial(build: Builder, place: int, coefficients: tuple[sp.Rational, ...]) -> int:
    """Horner's rule in y = 2·place − 1, for a place in [0, 1]."""
    y = build.sub(build.mul(place, build.constant(2)), build.constant(1))
    total = build.constant(coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = build.add(build.mul(total, y), build.constant(c))
    return total


_GRANTED = frozenset({"x", "parameter", "constant", "tiny", "huge", "splitter", "add", "sub",
                      "mul", "div", "min", "max", "neg", "abs", "sqrt", "exp", "log",
                      "step"})  # fmt: skip
DEFINITIONS: dict[str, Definition] = {
    "sigmoid": _sigmoid,
    "Phi": _normal_cdf,
    "erfc": _erfc,
    "erf": _erf,
    "expm1": _expm1,
    "log1p": _log1p,
    "tanh": _tanh,
    "atan": _atan,
}


# -- coefficients ------------------------------------------------------------------------------


@cache
def _tail_of_erfc() -> tuple[sp.Rational, ...]:
    """erfcx(u)/t over t = s/(s + u)."""
    return interpolant(lambda t: _erfcx(_SCALE / t - _SCALE) / t, 25)


@cache
def _tail_of_normal() -> tuple[sp.Rational, ...]:
    """erfcx(u/√2)/(2t) over t = s/(s + u)."""
    return interpolant(lambda t: _erfcx((_SCALE / t - _SCALE) / mpmath.sqrt(2)) / (2 * t), 25)


def _erfcx(u: mpmath.mpf) -> mpmath.mpf:
    if u > 1e8:  # the first terms of the asymptotic series are exact enough
        return (1 - 1 / (2 * u * u)) / (u * mpmath.sqrt(mpmath.pi))
    return mpmath.exp(u * u) * mpmath.erfc(u)


@cache
def _odd(function: Callable[[mpmath.mpf], mpmath.mpf]) -> tuple[sp.Rational, ...]:
    """function(u)/u over u² in [0, 1]."""
    degree = 13 if function is mpmath.erf else 21
    return interpolant(lambda w: function(mpmath.sqrt(w)) / mpmath.sqrt(w), degree)


@cache
def _odd_normal() -> tuple[sp.Rational, ...]:
    """(Φ(u) − 1/2)/u over u² in [0, 1]."""
    half = mpmath.mpf(1) / 2
    return interpolant(lambda w: mpmath.erf(mpmath.sqrt(w * half)) * half / mpmath.sqrt(w), 12)


@cache
def _expm1_rest() -> tuple[sp.Rational, ...]:
    """(e^u − 1 − u)/u² over u + 1/2 in [0, 1]."""

    def function(place: mpmath.mpf) -> mpmath.mpf:
        u = place - mpmath.mpf(1) / 2
        if abs(u) < 1e-12:
            return mpmath.mpf(1) / 2 + u / 6 + u * u / 24
        return (mpmath.expm1(u) - u) / (u * u)

    return interpolant(function, 12)


@cache
def _artanh() -> tuple[sp.Rational, ...]:
    """2 artanh(z)/z over 9z² in [0, 1]."""

    def function(place: mpmath.mpf) -> mpmath.mpf:
        z = mpmath.sqrt(place) / 3
        return 2 * mpmath.atanh(z) / z

    return interpolant(function, 12)


def interpolant(
    function: Callable[[mpmath.mpf], mpmath.mpf], degree: int
) -> tuple[sp.Rational, ...]:
    """Coefficients, ascending in y = 2p − 1, of the Chebyshev interpolant of a function of p.

    Args:
        function: Analytic on [0, 1]; it is asked for points inside.
        degree: Of the polynomial.
    """
    with mpmath.workdps(_DIGITS):
        n = degree + 1
        nodes = [mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
        values = [function((y + 1) / 2) for y in nodes]
        total = [mpmath.mpf(0)] * n
        previous, current = [mpmath.mpf(1)], [mpmath.mpf(0), mpmath.mpf(1)]
        for j in range(n):
            weight = sum(
                v * mpmath.cos(mpmath.pi * j * (2 * k + 1) / (2 * n)) for k, v in enumerate(values)
            ) * (1 if j == 0 else 2) / n  # fmt: skip
            for i, c in enumerate(previous):
                total[i] += weight * c
            following = [mpmath.mpf(0), *(2 * c for c in current)]
            for i, c in enumerate(previous):
                following[i] -= c
            previous, current = current, following
        return tuple(sp.Rational(mpmath.nstr(c, 25)) for c in total)
