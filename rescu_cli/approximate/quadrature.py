"""Integrals of smooth functions between joints, at high precision, by adaptive Gauss–Legendre."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import flint

from rescu_cli.core import balls
from rescu_cli.errors import UnsupportedError

Integrand = Callable[[balls.Ball], Sequence[balls.Ball]]
_MAX_CELLS = 4_000
_SMALLEST = 2.0**-120
_NOTHING = 1e-50
"""Where f is P, the integrand is what 192 bits leave of 0."""


@dataclass(frozen=True)
class Cell:
    """An interval on which the integrand is smooth.

    Args:
        lower: Left end.
        upper: Right end.
        integrand: Several functions at once.
    """

    lower: balls.Ball
    upper: balls.Ball
    integrand: Integrand


@dataclass(frozen=True)
class Integral:
    """Integrals and how far off they may be.

    Args:
        values: One per function.
        error: Estimate for the largest error: what the last halvings changed. Not a proof.
    """

    values: tuple[balls.Ball, ...]
    error: float


def integrate(cells: Sequence[Cell], *, nodes: int, tolerance: float) -> Integral:
    """∫ of every function over all cells.

    A cell is halved until the rule on it and the rule on its halves agree: exact for polynomials
    of degree below 2·nodes, geometric convergence for analytic functions, and refinement only
    where a transition is narrow.

    Args:
        cells: Disjoint.
        nodes: Of the rule on each cell.
        tolerance: Agreement asked for, relative to the largest integral of absolute values.

    Raises:
        UnsupportedError: If that takes too many cells.
    """
    work = [(cell, _apply(cell, nodes)) for cell in cells]
    size = max((abs(float(v.mid())) for _, vs in work for v in vs), default=0.0)
    totals: list[balls.Ball] | None = None
    error, done = 0.0, 0
    while work:
        cell, coarse = work.pop()
        middle = ((cell.lower + cell.upper) / 2).mid()
        halves = [replace(cell, upper=middle), replace(cell, lower=middle)]
        fine = [_apply(half, nodes) for half in halves]
        sums = [a + b for a, b in zip(*fine, strict=True)]
        size = max([size, *(abs(float(s.mid())) for s in sums)])
        change = max(
            (abs(float((c - s).mid())) for c, s in zip(coarse, sums, strict=True)), default=0.0
        )
        width = float((cell.upper - cell.lower).mid())
        if change <= max(tolerance * size, _NOTHING) or width < _SMALLEST:
            totals = sums if totals is None else [t + s for t, s in zip(totals, sums, strict=True)]
            error += change
        else:
            work += list(zip(halves, fine, strict=True))
        done += 1
        if done > _MAX_CELLS:
            raise UnsupportedError(
                f"The integral over [{float(cells[0].lower):g}, {float(cells[-1].upper):g}] did "
                f"not settle with {_MAX_CELLS} cells; choose a narrower range."
            )
    return Integral(tuple(t.mid() for t in totals or ()), error)


def _apply(cell: Cell, nodes: int) -> list[balls.Ball]:
    half, middle = (cell.upper - cell.lower) / 2, (cell.upper + cell.lower) / 2
    totals: list[balls.Ball] | None = None
    for t, weight in _rule(nodes, balls.current_precision()):
        values = [v * weight for v in cell.integrand((middle + half * t).mid())]
        totals = values if totals is None else [a + b for a, b in zip(totals, values, strict=True)]
    return [(v * half).mid() for v in totals or ()]


@lru_cache(maxsize=64)
def _rule(nodes: int, bits: int) -> tuple[tuple[balls.Ball, balls.Ball], ...]:
    pairs = (flint.arb.legendre_p_root(nodes, k, weight=True) for k in range(nodes))
    return tuple((t.mid(), w.mid()) for t, w in pairs)
