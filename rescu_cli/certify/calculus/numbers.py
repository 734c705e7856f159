"""Exact numbers as rigorous enclosures, and their signs."""

from __future__ import annotations

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
    with balls.precision(bits):
        try:
            ball = balls.evaluate(number, {})
        except (UnsupportedError, KeyError, ZeroDivisionError):
            return None
        return ball if ball.is_finite() else None
