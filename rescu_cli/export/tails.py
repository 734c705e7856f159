"""Replaces an unbounded piece by its asymptote from where no float can tell them apart.

f(x) = f(c) + m·(x − c) with c = clip(x, −R, R): the piece's own formula, which may overflow far
out, is only asked for values up to R.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import flint
import sympy as sp

from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.integrate import limit_at_infinity
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X

_RADII = tuple(2**e for e in range(2, 41))
_ENOUGH = flint.arb(2) ** -58
_VANISHED = flint.arb(2) ** -1080


def straightened(activation: Activation) -> Activation | None:
    """The activation with both unbounded ends cut at their radii; None if neither can be.

    Args:
        activation: With every parameter bound.
    """
    pieces = list(activation.pieces)
    reference = Reference(activation)
    changed = False
    for index, side in ((0, -1), (-1, 1)):
        piece = pieces[index]
        if not piece.value.has(X):
            continue
        line = _asymptote(piece, side, activation)
        radius = line and _radius(reference, line, side)
        if line and radius:
            cut = sp.Min(X, radius) if side > 0 else sp.Max(X, -radius)
            pieces[index] = _cut(piece, line[0], cut)
            changed = True
    return replace(activation, pieces=tuple(pieces)) if changed else None


def _asymptote(piece: Piece, side: int, activation: Activation) -> tuple[sp.Expr, sp.Expr] | None:
    slope = limit_at_infinity(piece.gradient, side, activation.assumptions)
    if slope is None:
        return None
    intercept = limit_at_infinity(sp.expand(piece.value - slope * X), side, activation.assumptions)
    return None if intercept is None else (slope, intercept)


def _radius(reference: Reference, line: tuple[sp.Expr, sp.Expr], side: int) -> int | None:
    """The smallest power of two from which on f and f′ are their limits to the last bit."""
    slope, intercept = (flint.arb(str(sp.N(c, 40))) for c in line)
    for radius in _RADII:
        x = side * radius
        far = [Fraction(x), Fraction(2 * x), Fraction(8 * x)]
        if all(
            _same(reference.enclose(p, "value"), slope * flint.arb(int(p)) + intercept)
            and _same(reference.enclose(p, "gradient"), slope)
            for p in far
        ):
            return radius
    return None


def _same(found: flint.arb, limit: flint.arb) -> bool:
    difference = abs(found - limit)
    return bool(difference < abs(limit) * _ENOUGH) or bool(difference < _VANISHED)


def _cut(piece: Piece, slope: sp.Expr, cut: sp.Expr) -> Piece:
    value = piece.value.subs(X, cut)
    if slope != 0:
        value = value + slope * (X - cut)
    return replace(piece, value=value, gradient=piece.gradient.subs(X, cut))
