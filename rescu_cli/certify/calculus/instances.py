"""Admissible parameter values to try when a claim about a family may fail for some of them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice, product

import sympy as sp

from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import Domain

Instance = dict[sp.Symbol, sp.Expr]
_VALUES = tuple(
    sp.Rational(*r)
    for r in ((1, 1), (-1, 1), (2, 1), (0, 1), (1, 2), (-2, 1), (1, 3), (3, 1), (1, 10), (10, 1),
              (9, 10), (1, 100), (100, 1))
)  # fmt: skip
_N_INSTANCES = 16
_N_TRIED = 3000
_N_DRAWN = 400


def instances(assumptions: Assumptions, count: int = _N_INSTANCES) -> list[Instance]:
    """Up to ``count`` different admissible choices; one empty choice when nothing is free."""
    names = sorted(assumptions.domains)
    symbols = [assumptions.domains[n].symbol(n) for n in names]
    found: dict[tuple[sp.Expr, ...], Instance] = {}
    for i, values in enumerate(_choices([_inside(assumptions.domains[n]) for n in names])):
        point = dict(zip(symbols, values, strict=True))
        margins = [(r.expr.subs(point), r.strict) for r in assumptions.relations]
        if values not in found and all(m > 0 or (m == 0 and not s) for m, s in margins):
            found[values] = point
        if len(found) == count or i > _N_TRIED:
            break
    return list(found.values())


def spread(assumptions: Assumptions, count: int, seed: str) -> list[Instance]:
    """Up to ``count`` admissible choices with magnitudes from 1/1000 to 1000, drawn by a hash.

    Where relations leave so little room that draws miss it, the familiar instances follow.
    """
    names = sorted(assumptions.domains)
    symbols = [assumptions.domains[n].symbol(n) for n in names]
    found: dict[tuple[sp.Expr, ...], Instance] = {}
    for i in range(_N_DRAWN):
        if len(found) == count:
            break
        values = tuple(_draw(assumptions.domains[n], f"{seed}:{i}:{n}") for n in names)
        point = dict(zip(symbols, values, strict=True))
        margins = [(r.expr.subs(point), r.strict) for r in assumptions.relations]
        if all(m > 0 or (m == 0 and not s) for m, s in margins):
            found[values] = point
    familiar = (p for p in instances(assumptions) if tuple(p.values()) not in found)
    return [*found.values(), *islice(familiar, count - len(found))]


def _draw(domain: Domain, seed: str) -> sp.Rational:
    """A rational number of the domain, its distance from an end spread over six decades."""
    bits = int.from_bytes(sha256(seed.encode()).digest()[:12], "big")
    bits, decade = divmod(bits, 6)
    bits, digits = divmod(bits, 9000)
    bits, side = divmod(bits, 2)
    size = sp.Rational(digits + 1000, 1000) * sp.Integer(10) ** (decade - 3)  # 1/1000 to 1000
    low, high = domain.lower, domain.upper
    if low.is_finite and high.is_finite:
        share = size / 2000
        return low + (high - low) * (share if side else 1 - share)
    if low.is_finite:
        return low + size
    if high.is_finite:
        return high - size
    return size if side else -size


def _inside(domain: Domain) -> list[sp.Expr]:
    """Values of a domain: familiar numbers, its own ends where they belong to it, and between."""
    low, high = domain.lower, domain.upper
    own: list[sp.Expr] = []
    if low.is_finite and high.is_finite:
        own = [(low + high) / 2, low, high, (3 * low + high) / 4, (low + 99 * high) / 100]
    elif low.is_finite:
        own = [low + 1, low, low + 5]
    elif high.is_finite:
        own = [high - 1, high, high - 5]
    return list(dict.fromkeys(v for v in (*_VALUES, *own) if domain.contains(v)))


def _choices(candidates: list[list[sp.Expr]]) -> Iterator[tuple[sp.Expr, ...]]:
    """Diagonals with different strides first: equal parameters hide what different ones show."""
    width = max((len(c) for c in candidates), default=0)
    for shift in range(width):
        yield tuple(c[(shift * (k + 1)) % len(c)] for k, c in enumerate(candidates))
        yield tuple(c[(shift + k) % len(c)] for k, c in enumerate(candidates))
    yield from product(*candidates)
