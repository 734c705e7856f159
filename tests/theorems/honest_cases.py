"""Random functions to lie about: small, varied, and often on the edge between true and false.

`make(rng)` needs a ``random.Random``; Hypothesis passes one that it can shrink, the campaign in
``benchmarks/honesty.py`` one seeded with the number of the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random

import sympy as sp

from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.derive import derive
from rescu_cli.core.knots import knots_shape
from rescu_cli.core.shape import named_shape
from rescu_cli.core.symbols import Domain, Parameter, X

KINDS = {"knots": 34, "polynomial": 30, "family": 14, "named": 14, "rational": 4, "mixed": 4}
"""Kind of function -> weight."""
_HAIRS = tuple(sp.Rational(s, 10**k) for k in (9, 12, 30) for s in (-1, 1))
_DOMAINS = (
    Domain(sp.S.Zero, sp.oo),
    Domain(sp.S.Zero, sp.Integer(100), True, False),
    Domain(sp.Rational(1, 7), sp.Integer(3), False, False),
    Domain(sp.Integer(-1), sp.Integer(2)),
)
_SHAPES = ("piecewise-linear", "smoothstep", "smootherstep", "triangle", "cosine", "logistic",
           "gaussian", "laplace", "algebraic", "arctan")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A function and how it is asked about.

    Args:
        kind: Which of `KINDS`.
        activation: The function.
        engines: Who is asked; None for all in their order.
    """

    kind: str
    activation: Activation
    engines: tuple[str, ...] | None


def make(rng: Random, kinds: tuple[str, ...] = tuple(KINDS)) -> Case:
    """A case; the same generator state gives the same case."""
    kind = rng.choice([k for k in kinds for _ in range(KINDS[k])])
    activation = _MAKERS[kind](rng)
    if rng.randint(0, 15) == 0:
        activation = _lying(rng, activation)
    if kind == "family":
        engines = rng.choice([None, None, ("exact",), ("z3",)])
    else:
        engines = rng.choice([None, None, ("exact",), ("ball",)])
    return Case(kind, activation, engines)


def fraction(rng: Random, low: int, high: int, most: int = 6) -> sp.Rational:
    """A rational with a small denominator in [low, high]."""
    q = rng.randint(1, most)
    return sp.Rational(rng.randint(low * q, high * q), q)


def tile(
    values: list[sp.Expr], joints: list[sp.Expr], parameters: tuple[Parameter, ...] = ()
) -> Activation:
    """Values on consecutive intervals, each with its derivative."""
    ends = [-sp.oo, *joints, sp.oo]
    return Activation(
        "random", parameters,
        tuple(Piece(a, b, v, sp.diff(v, X)) for (a, b), v in zip(pairwise(ends), values, strict=True)),
        ("left",) * len(joints),
    )  # fmt: skip


def _lying(rng: Random, activation: Activation) -> Activation:
    """The same with a gradient that is wrong on one piece, by a little."""
    wrong = rng.randrange(len(activation.pieces))
    off = rng.choice([*_HAIRS, X * _HAIRS[0], (X - 1) ** 2 / 10**6])
    pieces = tuple(
        Piece(p.lower, p.upper, p.value, p.gradient + off if i == wrong else p.gradient)
        for i, p in enumerate(activation.pieces)
    )
    return Activation(
        "random", activation.parameters, pieces, activation.owners,
        relations=activation.relations, kink=activation.kink, scaling=activation.scaling,
    )  # fmt: skip


# -- gradient through knots ------------------------------------------------------------------


def _knots(rng: Random) -> Activation:
    place, heights = (
        fraction(rng, -3, 1),
        [fraction(rng, -1, 2, 8) for _ in range(rng.randint(2, 5))],
    )
    if rng.random() < 0.5:
        heights.sort()
    if rng.random() < 0.15:  # turns back by a hair
        heights.append(heights[-1] + rng.choice(_HAIRS))
    parts = []
    for height in heights:
        parts.append(f"{place}:{height}")
        place += sp.Rational(rng.randint(1, 60), rng.choice([7, 20, 30, 1000]))
    return derive(knots_shape(", ".join(parts), rng.choice(["linear", "pchip"])))


# -- polynomial and transcendental pieces ----------------------------------------------------


def _polynomial_piece(rng: Random) -> sp.Expr:
    choice = rng.randint(0, 3)
    if choice == 0:  # an affine leak
        return fraction(rng, -1, 2) * X + fraction(rng, -1, 1)
    if choice == 1:
        return sum((fraction(rng, -2, 2) * X**k for k in range(rng.randint(2, 5))), sp.S.Zero)
    a, b = fraction(rng, -2, 2), fraction(rng, -2, 2)
    hair = rng.choice([*_HAIRS, sp.S.Zero, sp.S.Zero])
    # Its gradient touches zero, or stays a hair above it, or dips a hair below.
    gradient = (X - a) ** 2 * ((X - b) ** 2 if choice == 2 else 1) + hair
    return sp.expand(sp.Poly(sp.expand(gradient), X).integrate().as_expr())


def _smooth_piece(rng: Random) -> sp.Expr:
    a = fraction(rng, 1, 3, 3) * rng.choice([-1, 1])
    u = a * X + fraction(rng, -2, 2, 3)
    c = abs(a)
    return rng.choice(
        [sp.exp(u), sp.tanh(u), sp.erf(u), sp.atan(u), 1 / (1 + sp.exp(u)), sp.sqrt(X**2 + c),
         sp.log(1 + sp.exp(u)), 1 / (X**2 + c), X / (1 + sp.exp(u)), X * sp.tanh(u), X * sp.exp(u),
         sp.exp(-c * X**2), sp.exp(-sp.exp(u)), sp.sin(u)]
    )  # fmt: skip


def _rational_piece(rng: Random) -> sp.Expr:
    c, shift = abs(fraction(rng, 1, 3, 4)), fraction(rng, -2, 2, 3)
    top = fraction(rng, -2, 2) * X ** rng.randint(0, 3) + fraction(rng, -2, 2)
    bottom = rng.choice([X**2 + c, (X - shift) ** 2 + c, X**4 + X**2 + c])
    return top / bottom + fraction(rng, -1, 2) * X


def _joined(rng: Random, values: list[sp.Expr], joints: list[sp.Expr]) -> list[sp.Expr]:
    """The values joined C¹, C⁰, not at all, or with a jump of a hair."""
    result = values[:1]
    for value, at in zip(values[1:], joints, strict=True):
        before, how = result[-1], rng.randint(0, 5)
        if how:
            value += before.subs(X, at) - value.subs(X, at)
        if how > 2:
            value += (sp.diff(before, X) - sp.diff(value, X)).subs(X, at) * (X - at)
        if how == 5:
            value += rng.choice(_HAIRS) * (X - at) ** rng.randint(0, 2)
        result.append(sp.expand(value) if value.is_polynomial(X) else value)
    return result


def _joints(rng: Random, most: int) -> list[sp.Expr]:
    found = {fraction(rng, -3, 3) for _ in range(rng.randint(0, most))}
    if most and rng.randint(0, 7) == 0:
        found.add(sp.sqrt(2))
    return sorted(found)


def _polynomial(rng: Random) -> Activation:
    joints = _joints(rng, 2)
    values = [_polynomial_piece(rng) for _ in range(len(joints) + 1)]
    return tile(_joined(rng, values, joints), joints)


def _rational(rng: Random) -> Activation:
    joints = _joints(rng, 1)
    values = [_rational_piece(rng), *(_polynomial_piece(rng) for _ in joints)]
    rng.shuffle(values)
    return tile(_joined(rng, values, joints), joints)


def _mixed(rng: Random) -> Activation:
    joints = _joints(rng, 1)
    values = [fraction(rng, -2, 2) * _smooth_piece(rng) + fraction(rng, -1, 2, 3) * X]
    values += [rng.choice([_smooth_piece, _polynomial_piece])(rng) for _ in joints]
    rng.shuffle(values)
    return tile(_joined(rng, values, joints), joints)


# -- families --------------------------------------------------------------------------------


def _family(rng: Random) -> Activation:
    parameter = Parameter("b", rng.choice(_DOMAINS))
    b = parameter.symbol
    positive = parameter.domain.lower >= 0

    def coefficient() -> sp.Expr:
        q = fraction(rng, -2, 3)
        return rng.choice(
            [q, q * b, b - q, (b - q) ** 2 + rng.choice([sp.S.Zero, *_HAIRS]), b * (1 - b),
             (q - b) / (b + 2), b**3 - q * b]
        )  # fmt: skip

    joints: list[sp.Expr] = rng.choice(
        [
            [],
            [sp.S.Zero],
            [sp.S.NegativeOne, sp.S.One],
            *([[-b, b], [b], [sp.S.Zero, b]] if positive else []),
        ]
    )
    values = [
        sum((coefficient() * X**k for k in range(rng.randint(1, 4))), sp.S.Zero)
        for _ in range(len(joints) + 1)
    ]
    values = [sp.expand(v) if v.is_polynomial(b) else v for v in _joined(rng, values, joints)]
    used = {s for e in (*values, *joints) for s in e.free_symbols} - {X}
    return tile(values, joints, (parameter,) if used else ())


@lru_cache(maxsize=64)
def _shape(name: str, asymmetric: bool, leaky: bool) -> Activation:
    return derive(named_shape(name, asymmetric=asymmetric, leaky=leaky))


def _named(rng: Random) -> Activation:
    """A shape of the table with random widths and leaks, now and then with its scale left free."""
    activation = _shape(rng.choice(_SHAPES), rng.random() < 0.5, rng.random() < 0.6)
    values = {}
    for parameter in activation.free_parameters:
        if parameter.name == "beta" and rng.randint(0, 3) == 0:
            continue
        low, high = (-1, 2) if parameter.name.startswith("g_") else (1, 3)
        values[parameter.name] = fraction(rng, low, high, 5)
    return activation.bind(values)


_MAKERS = {
    "knots": _knots, "polynomial": _polynomial, "family": _family, "named": _named,
    "rational": _rational, "mixed": _mixed,
}  # fmt: skip
