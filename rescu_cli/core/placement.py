"""Recognise a gradient as a row of the tableau, moved and scaled, by exact comparison."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.integrate import limit_at_infinity, parameter_samples
from rescu_cli.core.profiles import SHAPES, Profile, profile
from rescu_cli.core.shape import GradientShape, Placement
from rescu_cli.core.symbols import X, plain, vanishes


def with_placement(shape: GradientShape) -> GradientShape:
    """``shape`` with its placement filled in, if it is a row of the tableau."""
    found = find_placement(shape)
    return shape if found is None else replace(shape, placement=found)


def find_placement(shape: GradientShape) -> Placement | None:
    """Recognise g₋ + (g₊ − g₋)·K((x − centre)/half) with K from the tableau, exactly.

    Candidates come from the values at the tails, the centre and the slope there; a candidate
    counts only if every piece agrees symbolically.
    """
    ends = _end_slopes(shape)
    if ends is None or vanishes(ends[1] - ends[0]):
        return None
    for name in SHAPES[1:]:
        row = profile(name)
        if len(row.joints) != len(shape.breakpoints):
            continue
        found = _center_and_half(shape, row, ends)
        if found is None or shape.assumptions.sign(found[1]) != "+":
            continue
        placement = Placement(row, *found, *ends)
        if _agrees(shape, placement):
            return placement
    return None


def _end_slopes(shape: GradientShape) -> tuple[sp.Expr, sp.Expr] | None:
    left = limit_at_infinity(shape.pieces[0], -1, shape.assumptions, seconds=2)
    right = limit_at_infinity(shape.pieces[-1], 1, shape.assumptions, seconds=2)
    return None if left is None or right is None else (left, right)


def _center_and_half(
    shape: GradientShape, row: Profile, ends: tuple[sp.Expr, sp.Expr]
) -> tuple[sp.Expr, sp.Expr] | None:
    if row.compact:
        first, last = shape.breakpoints[0], shape.breakpoints[-1]
        return sp.expand((first + last) / 2), sp.expand((last - first) / 2)
    center = shape.breakpoints[0] if row.joints else sp.S.Zero
    middle = shape.pieces[len(shape.pieces) // 2]
    half_way = (ends[0] + ends[1]) / 2
    if sp.simplify(middle.subs(X, center) - half_way) != 0:
        return None
    slope = sp.simplify(sp.diff(middle, X).subs(X, center))
    if slope.is_zero or not slope.is_finite:
        return None
    return center, sp.simplify((ends[1] - ends[0]) * row.peak / slope)


def _agrees(shape: GradientShape, placement: Placement) -> bool:
    rise = placement.g_plus - placement.g_minus
    for piece, cdf in zip(shape.pieces, placement.profile.cdf, strict=True):
        difference = piece - placement.g_minus - rise * placement.at(cdf)
        if not is_zero(difference, shape.assumptions):
            return False
    return True


def is_zero(expr: sp.Expr, assumptions: Assumptions) -> bool:
    """Whether ``expr`` is shown to be 0: symbolically, after a numeric look that rejects most.

    False means "not shown", never "not zero".
    """
    for point in parameter_samples(assumptions):
        at = plain(expr.subs(point))
        for x in (Fraction(-5, 3), Fraction(1, 7), Fraction(2)):
            with balls.precision(160):
                ball = balls.evaluate(at, {X: balls.exact_ball(x)})
                if ball.is_finite() and not ball.contains(0):
                    return False
    if vanishes(expr):
        return True
    return bool(sp.simplify(sp.expand(expr.rewrite(sp.exp), power_exp=True)) == 0)
