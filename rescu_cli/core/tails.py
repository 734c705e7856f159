"""Whether an integral without closed form converges at infinity, judged numerically."""

from __future__ import annotations

import itertools

import mpmath
import sympy as sp

from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.budget import OutOfTime, time_budget
from rescu_cli.core.integrate import SECONDS, parameter_samples
from rescu_cli.core.parse import DUMMY

_BLOCKS = range(4, 24)
_SHRINK = 0.8
"""∫ over [2^k, 2^(k+1)] of |t|^(−p) shrinks by 2^(1−p) a block; 1/|t| itself (p = 1) does not."""


def converges(expr: sp.Expr, side: int, assumptions: Assumptions) -> bool:
    """Whether ∫ expr settles towards side·∞: dyadic blocks must keep shrinking.

    This is evidence, not proof: it decides where a constant of integration is put, never a claim.

    Args:
        expr: Integrand in ``DUMMY``.
        side: −1 or 1.
        assumptions: For sample values of the parameters.
    """
    try:
        with time_budget(SECONDS):
            return all(_settles(expr.subs(p), side) for p in parameter_samples(assumptions))
    except (OutOfTime, OverflowError, ArithmeticError):
        return False


def _settles(expr: sp.Expr, side: int) -> bool:
    integrand = sp.lambdify(DUMMY, expr, "mpmath")
    with mpmath.workdps(20):
        blocks = []
        for k in _BLOCKS:
            ends = sorted([side * mpmath.mpf(2) ** k, side * mpmath.mpf(2) ** (k + 1)])
            blocks.append(abs(mpmath.quad(integrand, ends)))
        if not all(mpmath.isfinite(b) for b in blocks):
            return False
        return not any(
            far > _SHRINK * near and far > mpmath.mpf(10) ** -15
            for near, far in itertools.pairwise(blocks)
        )
