"""`Chart`: the signs of a function between listed points, and how charts multiply."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.signs import everywhere, product_sign, required, times
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign


@dataclass(frozen=True)
class Chart:
    """The signs of a function on an open interval.

    Args:
        roots: Exact points inside, ascending; the function may vanish there.
        signs: Its sign on each open cell between them, one more than ``roots``.
    """

    roots: tuple[sp.Expr, ...]
    signs: tuple[Sign, ...]

    @property
    def overall(self) -> Sign | None:
        """One sign for the whole open interval, None if it changes."""
        if len(self.signs) == 1:
            return self.signs[0]
        return everywhere([*self.signs, "0"])  # it may vanish at the roots

    def scaled(self, sign: Sign) -> Chart:
        """The chart after multiplication with a constant of this sign."""
        return Chart(self.roots, tuple(times(s, sign) for s in self.signs))


def constant_chart(sign: Sign) -> Chart:
    """The chart of a function without sign change."""
    return Chart((), (sign,))


def product_chart(charts: list[Chart], knowledge: Knowledge) -> Chart:
    """The chart of a product.

    Raises:
        UndecidedError: If the roots of different factors cannot be ordered.
    """
    if len(charts) == 1:
        return charts[0]
    roots = knowledge.order(r for c in charts for r in c.roots)
    signs: list[Sign] = []
    for cell in range(len(roots) + 1):
        parts = [c.signs[_cell_of(c, roots, cell, knowledge)] for c in charts]
        signs.append(required(product_sign(parts)))
    return Chart(tuple(roots), tuple(signs))


def _cell_of(chart: Chart, roots: list[sp.Expr], cell: int, knowledge: Knowledge) -> int:
    """Which cell of ``chart`` holds the ``cell``-th cell of the merged roots."""
    if cell == len(roots):
        return len(chart.roots)
    end, before = roots[cell], 0
    for root in chart.roots:
        sign = knowledge.compare(root, end)
        if sign not in ("+", "-", "0"):
            raise UndecidedError(f"the order of {root} and {end} does not follow")
        before += sign == "-"
    return before
