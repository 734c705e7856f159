"""The words of the search: 25 functions of one number and 10 of two.

A core unit is b(u₁(·), u₂(·)); the table is that of Ramachandran, Zoph and Le, Searching for
activation functions, 2017 (arXiv:1710.05941). There β is trained per channel; here it is the
constant `BETA`, chosen so that no word repeats another, and ε is `EPSILON`.

Each word comes twice: as SymPy, for formulas and proofs, and as torch with its derivative, for
training. The derivative travels beside the value (forward mode), so that a formula of any depth is
one pass without a graph. At a corner the slope is that of one of its
sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt
from typing import TypeAlias

import sympy as sp
import torch
from torch import Tensor

from rescu_cli.core.symbols import log1p, sigmoid

BETA = 0.5
EPSILON = 1e-7
_BETA, _EPSILON = sp.Rational(1, 2), sp.Rational(1, 10**7)

Pair: TypeAlias = tuple[Tensor, Tensor]
"""A value and its derivative with respect to x, of the same shape."""


@dataclass(frozen=True)
class Unary:
    """A function of one number.

    Args:
        name: As printed, with x for the argument.
        expr: As SymPy.
        pair: u ↦ (f(u), f′(u)) in torch.
    """

    name: str
    expr: Callable[[sp.Expr], sp.Expr]
    pair: Callable[[Tensor], Pair]


@dataclass(frozen=True)
class Binary:
    """A function of two numbers.

    Args:
        name: As printed, with x1 and x2 for the arguments.
        expr: As SymPy.
        pair: (a, a′), (b, b′) ↦ (f(a, b), its derivative) in torch.
        commutes: Whether f(a, b) = f(b, a).
    """

    name: str
    expr: Callable[[sp.Expr, sp.Expr], sp.Expr]
    pair: Callable[[Pair, Pair], Pair]
    commutes: bool = False


def _constant(u: Tensor, value: float) -> Pair:
    return torch.full_like(u, value), torch.zeros_like(u)


def _right(u: Tensor) -> Tensor:
    """1 for u > 0, else 0; where u is NaN, so is the value beside this slope."""
    return (u > 0).to(u.dtype)


def _root(u: Tensor) -> Pair:
    value = u.abs().sqrt()
    # At 0 the slope has no value, and x·√|x| must not get one of 0·∞: 0 there, which is nobody's
    # slope; what is steep beside 0 is refused for that.
    return value, torch.where(u == 0, 0.0, torch.sign(u) / (2 * value))


def _log_size(u: Tensor) -> Pair:
    size = u.abs() + EPSILON
    return size.log(), torch.sign(u) / size


def _sinc(u: Tensor) -> Pair:
    # sin(u)/u and its slope cancel near 0: there the series, whose next term is below rounding.
    near = u.abs() < 1e-2
    safe = torch.where(near, 1.0, u)
    value = torch.where(near, 1 - u * u / 6 * (1 - u * u / 20), torch.sin(safe) / safe)
    slope = (torch.cos(safe) - torch.sin(safe) / safe) / safe
    return value, torch.where(near, -u / 3 * (1 - u * u / 10), slope)


def _sigmoid(u: Tensor) -> Pair:
    s = torch.sigmoid(u)
    return s, s * torch.sigmoid(-u)


def _tanh(u: Tensor) -> Pair:
    t = torch.tanh(u)
    return t, 1 - t * t


def _exp(u: Tensor) -> Pair:
    e = torch.exp(u)
    return e, e


def _bell(u: Tensor) -> Pair:
    e = torch.exp(-u * u)
    return e, -2 * u * e


def _softplus(u: Tensor) -> Pair:
    return u.clamp_min(0) + torch.log1p(torch.exp(-u.abs())), torch.sigmoid(u)


UNARY: tuple[Unary, ...] = (
    Unary("x", lambda u: u, lambda u: (u, torch.ones_like(u))),
    Unary("-x", lambda u: -u, lambda u: (-u, torch.full_like(u, -1.0))),
    Unary("|x|", sp.Abs, lambda u: (u.abs(), 2 * _right(u) - 1)),
    Unary("x^2", lambda u: u**2, lambda u: (u * u, 2 * u)),
    Unary("x^3", lambda u: u**3, lambda u: (u * u * u, 3 * u * u)),
    Unary("sqrt|x|", lambda u: sp.sqrt(sp.Abs(u)), _root),
    Unary("beta*x", lambda u: _BETA * u, lambda u: (BETA * u, torch.full_like(u, BETA))),
    Unary("x+beta", lambda u: u + _BETA, lambda u: (u + BETA, torch.ones_like(u))),
    Unary("log(|x|+eps)", lambda u: sp.log(sp.Abs(u) + _EPSILON), _log_size),
    Unary("exp(x)", sp.exp, _exp),
    Unary("sin(x)", sp.sin, lambda u: (torch.sin(u), torch.cos(u))),
    Unary("cos(x)", sp.cos, lambda u: (torch.cos(u), -torch.sin(u))),
    Unary("sinh(x)", sp.sinh, lambda u: (torch.sinh(u), torch.cosh(u))),
    Unary("cosh(x)", sp.cosh, lambda u: (torch.cosh(u), torch.sinh(u))),
    Unary("tanh(x)", sp.tanh, _tanh),
    Unary("asinh(x)", sp.asinh, lambda u: (torch.asinh(u), torch.rsqrt(1 + u * u))),
    Unary("atan(x)", sp.atan, lambda u: (torch.atan(u), 1 / (1 + u * u))),
    Unary("sinc(x)", sp.sinc, _sinc),
    Unary("max(x,0)", lambda u: sp.Max(u, 0), lambda u: (u.clamp_min(0), _right(u))),
    Unary("min(x,0)", lambda u: sp.Min(u, 0), lambda u: (u.clamp_max(0), 1 - _right(u))),
    Unary("sigmoid(x)", sigmoid, _sigmoid),
    Unary("log(1+exp(x))", lambda u: log1p(sp.exp(u)), _softplus),
    Unary("exp(-x^2)", lambda u: sp.exp(-(u**2)), _bell),
    Unary("erf(x)", sp.erf,
          lambda u: (torch.erf(u), 2 / sqrt(pi) * torch.exp(-u * u))),
    Unary("beta", lambda u: _BETA, lambda u: _constant(u, BETA)),
)  # fmt: skip
"""In the order of the paper."""


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0], a[1] * b[0] + a[0] * b[1]


def _over(a: Pair, b: Pair) -> Pair:
    below = b[0] + EPSILON
    value = a[0] / below
    return value, (a[1] - value * b[1]) / below


def _larger(a: Pair, b: Pair) -> Pair:
    return torch.maximum(a[0], b[0]), torch.where(a[0] > b[0], a[1], b[1])


def _smaller(a: Pair, b: Pair) -> Pair:
    return torch.minimum(a[0], b[0]), torch.where(a[0] < b[0], a[1], b[1])


def _gated(a: Pair, b: Pair) -> Pair:
    gate, slope = _sigmoid(a[0])
    return gate * b[0], slope * a[1] * b[0] + gate * b[1]


def _near(a: Pair, b: Pair) -> Pair:
    gap = a[0] - b[0]
    e = torch.exp(-BETA * gap * gap)
    return e, -2 * BETA * gap * (a[1] - b[1]) * e


def _close(a: Pair, b: Pair) -> Pair:
    gap = a[0] - b[0]
    e = torch.exp(-BETA * gap.abs())
    return e, -BETA * (2 * _right(gap) - 1) * (a[1] - b[1]) * e


def _mixed(a: Pair, b: Pair) -> Pair:
    return BETA * a[0] + (1 - BETA) * b[0], BETA * a[1] + (1 - BETA) * b[1]


BINARY: tuple[Binary, ...] = (
    Binary("x1+x2", lambda a, b: a + b, lambda a, b: (a[0] + b[0], a[1] + b[1]), commutes=True),
    Binary("x1*x2", lambda a, b: a * b, _times, commutes=True),
    Binary("x1-x2", lambda a, b: a - b, lambda a, b: (a[0] - b[0], a[1] - b[1])),
    Binary("x1/(x2+eps)", lambda a, b: a / (b + _EPSILON), _over),
    Binary("max(x1,x2)", lambda a, b: sp.Max(a, b), _larger, commutes=True),
    Binary("min(x1,x2)", lambda a, b: sp.Min(a, b), _smaller, commutes=True),
    Binary("sigmoid(x1)*x2", lambda a, b: sigmoid(a) * b, _gated),
    Binary("exp(-beta*(x1-x2)^2)", lambda a, b: sp.exp(-_BETA * (a - b) ** 2), _near,
           commutes=True),
    Binary("exp(-beta*|x1-x2|)", lambda a, b: sp.exp(-_BETA * sp.Abs(a - b)), _close,
           commutes=True),
    Binary("beta*x1+(1-beta)*x2", lambda a, b: _BETA * a + (1 - _BETA) * b, _mixed,
           commutes=True),
)  # fmt: skip
