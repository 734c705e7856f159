"""Exact numbers as rigorous enclosures, and their signs."""

from __future__ import annotations

from functools import lru_cache

import flint
import sympy as sp

from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.core import balls
from rescu_cli.core.assumptions import Sign
from rescu_cli.errors import UnsupportedError

_BITS = (64, 256, 1024, 4096)


def number_sign(number: sp.Expr) -> Sign | None:
    """The sign of an exact number; None if no precision tried tells and zero is not proved."""
    for bits in _BITS:
        ball = enclose_number(number, bits)
        if ball is None:
            return None
        if ball > 0:
            return "+"
        if ball < 0:
            return "-"
        if bits == _BITS[0] and vanishes(number):
            return "0"
    return None


def enclose_number(number: sp.Expr, bits: int) -> flint.arb | None:
    """A ball around an exact number; None if it has no enclosure here."""
    env: dict[sp.Symbol, balls.Ball] = {}
    for root in number.atoms(sp.CRootOf):
        symbol = sp.Dummy(real=True)
        with balls.precision(bits + 16):
            env[symbol] = _root_ball(root, bits)
        number = number.xreplace({root: symbol})
    with balls.precision(bits):
        try:
            ball = balls.evaluate(number, env)
        except (UnsupportedError, KeyError, ZeroDivisionError):
            return None
        return ball if ball.is_finite() else None


def _root_ball(root: sp.CRootOf, bits: int) -> flint.arb:
    """A real root of a rational polynomial, in the ascending order that SymPy numbers them by."""
    poly = sp.Poly(root.poly, root.poly.gen, domain="QQ")
    coefficients = poly.clear_denoms(convert=True)[1].all_coeffs()
    return _real_root_balls(tuple(coefficients), bits)[root.index]


@lru_cache(maxsize=256)
def _real_root_balls(coefficients: tuple[sp.Integer, ...], bits: int) -> list[flint.arb]:
    """Disjoint enclosures of all real roots of a squarefree integer polynomial, ascending.

    FLINT isolates all complex roots with proof; real ones come with imaginary part exactly 0.
    """
    with balls.precision(bits + 16):
        roots = flint.fmpz_poly([int(c) for c in reversed(coefficients)]).complex_roots()
        real = [r.real for r, _ in roots if r.imag == 0]
    return sorted(real, key=lambda ball: ball.mid())
