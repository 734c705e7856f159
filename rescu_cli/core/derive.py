"""Integrate a gradient shape into an activation, piece by piece, with exact constants.

f(x) = t + ∫ g, continuous by construction: each piece's constant makes it meet its neighbour. The
last constant, t, is the anchor's:

* ``left``   f(x) − g₋·x → 0 as x → −∞ (the left ray, continued, passes through the origin),
* ``zero``   f(0) = 0,
* ``right``  f(x) − g₊·x → 0 as x → +∞.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import sympy as sp

from rescu_cli.core.activation import Activation, Forms, Kink, Limit, Piece, Source
from rescu_cli.core.integrate import SECONDS, antiderivative, limit_at_infinity
from rescu_cli.core.parse import DUMMY
from rescu_cli.core.profiles import SHAPES, T
from rescu_cli.core.shape import GradientShape, Placement, named_shape, tidy
from rescu_cli.core.symbols import X, algebraic_constants, vanishes
from rescu_cli.core.tails import converges
from rescu_cli.errors import DerivationError, UsageError

ANCHORS = ("left", "zero", "right")
_SLOPES = ("g_minus", "g_plus")
PAPER = Source(
    "shamir2020",
    "Shamir, Lin, Coviello, Smooth activations and reproducibility in deep networks",
    "RESCU construction",
    "arXiv:2010.09931",
)


def derive(
    shape: GradientShape,
    *,
    anchor: str | None = None,
    name: str | None = None,
    seconds: float = SECONDS,
) -> Activation:
    """The activation whose gradient is ``shape``.

    Args:
        shape: The gradient.
        anchor: ``left``, ``zero`` or ``right``; by default ``left`` where that limit exists,
            otherwise ``zero``.
        name: Name of the result; made from the shape's name if left out.
        seconds: Time budget of each symbolic integral. What has no elementary integral in that
            time is kept as an ``Integral`` (``closed_form`` is then False).

    Raises:
        DerivationError: If the asked anchor does not exist.
        UsageError: If the anchor is unknown.

    Example:
        >>> from rescu_cli.core.shape import named_shape
        >>> derive(named_shape("piecewise-linear")).pieces[1].value
        (beta + x)**2/(4*beta)
    """
    if anchor not in (None, *ANCHORS):
        raise UsageError(f"No anchor named {anchor!r}; choose {', '.join(ANCHORS)}.")
    integrals = _integrals(shape, seconds)
    joined = _join(shape, integrals)
    chosen, constant = _anchor(shape, joined, anchor)
    pieces = tuple(
        Piece(low, high, tidy(value + constant), gradient)
        for (low, high), value, gradient in zip(_spans(shape), joined, shape.pieces, strict=True)
    )
    return Activation(
        name=name or _name(shape.name),
        parameters=shape.parameters,
        pieces=pieces,
        owners=shape.owners,
        relations=shape.relations,
        anchor=chosen,
        summary=f"integral of the gradient {_one_line(shape.name)}",
        source=PAPER,
        kink=_kink(shape, pieces, constant),
        scaling=_scaling(shape),
        forms=_forms(shape.placement, constant) if shape.placement else None,
        limits=_limits(shape, chosen),
    )


def _spans(shape: GradientShape) -> list[tuple[sp.Expr, sp.Expr]]:
    ends = [sp.S.NegativeInfinity, *shape.breakpoints, sp.S.Infinity]
    return list(itertools.pairwise(ends))


def _integrals(shape: GradientShape, seconds: float) -> list[sp.Expr]:
    """One antiderivative per piece; from the tableau if the shape is a row of it."""
    if shape.placement is not None:
        place = shape.placement
        rise = place.g_plus - place.g_minus
        return [
            place.g_minus * X + rise * _factored(place.half * place.at(p))
            for p in place.profile.primitive
        ]
    result: list[sp.Expr] = []
    for (low, high), g in zip(_spans(shape), shape.pieces, strict=True):
        found = antiderivative(g, low, high, shape.assumptions, seconds)
        if found is None:
            start = low if low.is_finite else high if high.is_finite else sp.S.Zero
            found = sp.Integral(g.subs(X, DUMMY), (DUMMY, start, X))
        result.append(found)
    return result


def _factored(expr: sp.Expr) -> sp.Expr:
    return sp.factor(expr) if expr.is_rational_function() else expr


def _join(shape: GradientShape, integrals: list[sp.Expr]) -> list[sp.Expr]:
    """Add the constants that make neighbours meet; the first piece keeps its own."""
    joined = integrals[:1]
    for joint, integral in zip(shape.breakpoints, integrals[1:], strict=True):
        step = _at(joined[-1], joint) - _at(integral, joint)
        joined.append(integral + _constant(step))
    return joined


def _at(expr: sp.Expr, point: sp.Expr) -> sp.Expr:
    return algebraic_constants(expr.subs(X, point)).replace(
        lambda e: isinstance(e, sp.Integral) and e.limits[0][1] == e.limits[0][2],
        lambda _: sp.S.Zero,
    )


def _constant(expr: sp.Expr) -> sp.Expr:
    """A constant in an exact, short form (0 if it is 0).

    ``simplify`` is not used on what it would rewrite: it gathers logarithms into powers with
    exponents of thousands of digits.
    """
    expr = sp.expand(expr)
    if vanishes(expr):
        return sp.S.Zero
    if expr.is_rational_function():
        return tidy(sp.cancel(expr))
    return expr if expr.has(sp.log, sp.Integral) else sp.simplify(expr)


# -- anchors -------------------------------------------------------------------------------


def _anchor(shape: GradientShape, joined: list[sp.Expr], asked: str | None) -> tuple[str, sp.Expr]:
    finders: dict[str, Callable[[], sp.Expr | None]] = {
        "left": lambda: _tail(shape, joined, -1),
        "zero": lambda: _at_zero(shape, joined),
        "right": lambda: _tail(shape, joined, 1),
    }
    for name in (asked,) if asked else ANCHORS:
        constant = finders[name]()
        if constant is not None:
            return name, _constant(-constant)
    if asked == "zero" or asked is None:
        raise DerivationError(
            f"Which piece holds x = 0 does not follow from the assumptions on {shape.name}; "
            "anchor it left or right, or assume more."
        )
    slope, end = ("g₋", "−∞") if asked == "left" else ("g₊", "+∞")
    raise DerivationError(
        f"--anchor {asked} needs f(x) − {slope}·x to settle as x → {end}, but the integral of "
        "this gradient diverges there (or its limit was not found). Use --anchor zero."
    )


def _tail(shape: GradientShape, joined: list[sp.Expr], side: int) -> sp.Expr | None:
    """Lim f(x) − slope·x at one end, or None if it does not exist (as far as can be told)."""
    index = 0 if side < 0 else -1
    gradient, value = shape.pieces[index], joined[index]
    place = shape.placement
    if place is not None:
        if place.profile.moment is None:
            return None
        if side < 0:  # P vanishes on the left
            return sp.S.Zero
        return sp.expand(-(place.g_plus - place.g_minus) * place.center)  # P(t) − t vanishes
    slope = limit_at_infinity(gradient, side, shape.assumptions)
    if slope is None:
        return None
    if value.has(sp.Integral):
        return _integral_tail(shape, value, slope, side)
    return limit_at_infinity(sp.expand(value - slope * X), side, shape.assumptions)


def _integral_tail(
    shape: GradientShape, value: sp.Expr, slope: sp.Expr, side: int
) -> sp.Expr | None:
    """The same for a piece ∫_a^x g + C: −∫_{−∞}^a (g − slope) − slope·a + C."""
    (integral,) = value.atoms(sp.Integral)
    rest = value - integral
    if rest.has(X):
        return None
    start = integral.limits[0][1]
    excess = sp.expand(integral.function - slope)
    if not converges(excess, side, shape.assumptions):
        return None
    if side < 0:
        return -sp.Integral(excess, (DUMMY, -sp.oo, start)) - slope * start + rest
    mirrored = excess.subs(DUMMY, -DUMMY)  # only tails to −∞ are stored
    return sp.Integral(mirrored, (DUMMY, -sp.oo, -start)) - slope * start + rest


def _at_zero(shape: GradientShape, joined: list[sp.Expr]) -> sp.Expr | None:
    for joint, value in zip(shape.breakpoints, joined, strict=False):
        sign = shape.assumptions.sign(joint)
        if sign in ("+", "0"):
            return _at(value, sp.S.Zero)
        if sign != "-":
            return None
    return _at(joined[-1], sp.S.Zero)


# -- what follows from the shape -----------------------------------------------------------


def _kink(shape: GradientShape, pieces: tuple[Piece, ...], constant: sp.Expr) -> Kink | None:
    """The two asymptotes, if both are exact lines that meet in one point."""
    place = shape.placement
    if place is not None:
        if place.profile.moment is None:
            return None
        offset = constant + place.g_minus * place.center
        return Kink(place.g_minus, place.g_plus, place.center, sp.expand(offset))
    first, last = pieces[0], pieces[-1]
    if first.gradient.has(X) or last.gradient.has(X) or len(pieces) < 2:
        return None
    left, right = first.gradient, last.gradient
    rise = shape.assumptions.sign(right - left)
    if rise not in ("+", "-"):
        return None
    b_left, b_right = (sp.expand(p.value - p.gradient * X) for p in (first, last))
    at = sp.cancel((b_left - b_right) / (right - left))
    return Kink(left, right, at, sp.cancel(left * at + b_left))


def _scaling(shape: GradientShape) -> tuple[tuple[str, int], ...]:
    """Which parameters scale with x: g_{cβ}(cx) = g_β(x) for all c > 0, checked exactly."""
    names = [p.name for p in shape.parameters if p.value is None and p.name not in _SLOPES]
    if not names:
        return ()
    c = sp.Symbol("_c", positive=True)
    symbols = {p.symbol: c * p.symbol for p in shape.parameters if p.name in names}
    scaled = {**symbols, X: c * X}
    if not all(sp.expand(b.subs(symbols) - c * b) == 0 for b in shape.breakpoints):
        return ()
    for piece in shape.pieces:
        if not vanishes(piece.subs(scaled, simultaneous=True) - piece):
            return ()
    return tuple((n, 1) for n in names)


def _forms(place: Placement, constant: sp.Expr) -> Forms:
    """Relu + bump: g₋x + (g₊ − g₋)·(max(x − c, 0) + h·B(|x − c|/h)) + constant."""
    rise, half, center = place.g_plus - place.g_minus, place.half, place.center
    bump, cdf = place.profile.bump, place.profile.cdf_safe
    distance = sp.Abs(X - center)
    if place.profile.compact:
        # h − |x − c| is exact near the joint, 1 − |x − c|/h is not.
        bump = bump.xreplace({sp.Max(1 - sp.Abs(T), 0): sp.Max(half - distance, 0) / half})
        inside = sp.Min(sp.Max((X - center + half) / (2 * half), 0), 1)
        cdf = cdf.xreplace({sp.Min(sp.Max((T + 1) / 2, 0), 1): inside})
    bump = bump.subs(sp.Abs(T), distance / half).subs(T, place.t)
    value = place.g_minus * X + rise * (sp.Max(X - center, 0) + half * bump)
    if place.profile.shape == "piecewise-linear" and (place.g_minus, place.g_plus) == (0, 1):
        value = _ramp(place)
    return Forms(value + constant, place.g_minus + rise * place.at(cdf))


def _ramp(place: Placement) -> sp.Expr:
    """SmeLU as max(x − c, w²/(4h)), w = clip(x − c + h, 0, 2h): a parabola above its tangents.

    Roundings, products and maxima of monotone terms are monotone, so this rises in every float
    format; max(x − c, 0) + (h − |x − c|)²/(4h) does not, since its second term falls.
    """
    inside = sp.Min(sp.Max(X - sp.expand(place.center - place.half), 0), sp.expand(2 * place.half))
    return sp.Max(X - place.center, inside**2 / (4 * place.half))


def _limits(shape: GradientShape, anchor: str) -> tuple[Limit, ...]:
    """At width 0 the transition is a step: the (leaky) ReLU itself, exactly."""
    place = shape.placement
    if place is None:
        return ()
    free = {p.name: p.symbol for p in shape.parameters if p.value is None}
    leaky = set(_SLOPES) <= set(free)
    slopes = (free["g_minus"], free["g_plus"]) if leaky else (sp.S.Zero, sp.S.One)
    if (place.g_minus, place.g_plus) != slopes:
        return ()
    widths = set(free) - set(_SLOPES)
    symmetric = widths == {"beta"} and place.half == free["beta"]
    asymmetric = widths == {"alpha", "beta"} and place.half == (free["alpha"] + free["beta"]) / 2
    if not (symmetric or asymmetric):
        return ()
    at = tuple((name, sp.S.Zero) for name in sorted(widths))
    return (Limit(at, derive(named_shape("step", leaky=leaky), anchor=anchor)),)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"


def _name(text: str) -> str:
    if text in SHAPES or text.startswith("smoothstep:"):
        return "rescu_" + re.sub(r"[^a-z0-9]", "_", text)
    return "derived"
