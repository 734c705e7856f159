"""Gradient shapes through given points, linear or monotone cubic, constant beyond the ends."""

from __future__ import annotations

import itertools

import sympy as sp

from rescu_cli.core.activation import left_owned
from rescu_cli.core.parse import parse_number
from rescu_cli.core.placement import with_placement
from rescu_cli.core.shape import GradientShape
from rescu_cli.core.symbols import X
from rescu_cli.errors import DerivationError, ParseError

_MAX_KNOTS = 64
INTERPOLATIONS = ("linear", "pchip")


def read_knots(text: str) -> list[tuple[sp.Expr, sp.Expr]]:
    """Read ``"-1:0, 0:0.3, 1:1"`` as exact (x, gradient) pairs.

    Raises:
        ParseError: If a knot is not of the form x:gradient.
        DerivationError: If the places do not ascend or there are fewer than two.
    """
    knots: list[tuple[sp.Expr, sp.Expr]] = []
    offset = 0
    for part in text.split(","):
        place, colon, height = part.partition(":")
        if not colon or not place.strip() or not height.strip():
            raise ParseError("A knot is written x:gradient, e.g. '-1:0, 0:0.3, 1:1'", text, offset)
        knots.append((parse_number(place), parse_number(height)))
        offset += len(part) + 1
    if not 2 <= len(knots) <= _MAX_KNOTS:
        raise DerivationError(f"Give 2 to {_MAX_KNOTS} knots; found {len(knots)}.")
    for (a, _), (b, _) in itertools.pairwise(knots):
        if not bool(a < b):
            raise DerivationError(f"Knots must ascend in x; found {a} followed by {b}.")
    return knots


def knots_shape(text: str, interpolation: str = "linear") -> GradientShape:
    """The gradient through the knots.

    ``linear`` joins them by lines (f is C¹, piecewise quadratic). ``pchip`` uses the monotone
    cubic of Fritsch and Carlson with harmonic-mean slopes; because the gradient is constant beyond
    the ends, the end slopes are 0, so that f is C² and two knots give exactly the smoothstep.

    Raises:
        ParseError: If the knots cannot be read.
        DerivationError: If they do not ascend, or the interpolation is unknown.
    """
    if interpolation not in INTERPOLATIONS:
        raise DerivationError(
            f"No interpolation named {interpolation!r}; choose {' or '.join(INTERPOLATIONS)}."
        )
    knots = read_knots(text)
    slopes = _slopes(knots) if interpolation == "pchip" else None
    pieces: list[sp.Expr] = [knots[0][1]]
    for i, ((a, ga), (b, gb)) in enumerate(itertools.pairwise(knots)):
        width = b - a
        if slopes is None:
            pieces.append(sp.expand(ga + (gb - ga) * (X - a) / width))
            continue
        s = (X - a) / width
        cubic = (
            ga * (1 + 2 * s) * (1 - s) ** 2
            + slopes[i] * width * s * (1 - s) ** 2
            + gb * s**2 * (3 - 2 * s)
            - slopes[i + 1] * width * s**2 * (1 - s)
        )
        pieces.append(sp.expand(cubic))
    pieces.append(knots[-1][1])
    owners = left_owned(len(knots))
    shape = GradientShape(
        name=f"knots {text.strip()} ({interpolation})",
        parameters=(),
        breakpoints=tuple(x for x, _ in knots),
        pieces=tuple(pieces),
        owners=owners,
    )
    return with_placement(shape)


def _slopes(knots: list[tuple[sp.Expr, sp.Expr]]) -> list[sp.Expr]:
    """Derivatives at the knots: weighted harmonic means inside, 0 at extrema and at the ends."""
    widths = [b[0] - a[0] for a, b in itertools.pairwise(knots)]
    secants = [(b[1] - a[1]) / w for a, b, w in zip(knots, knots[1:], widths, strict=False)]
    slopes: list[sp.Expr] = [sp.S.Zero]
    for i in range(1, len(knots) - 1):
        before, after = secants[i - 1], secants[i]
        if not bool(before * after > 0):
            slopes.append(sp.S.Zero)
            continue
        w1 = 2 * widths[i] + widths[i - 1]
        w2 = widths[i] + 2 * widths[i - 1]
        slopes.append((w1 + w2) / (w1 / before + w2 / after))
    return [*slopes, sp.S.Zero]
