"""The value of a claim read back as bounds for the unit function."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from rescu_cli.certify.evidence.case import Case


@dataclass(frozen=True)
class Bounds:
    """low ≤ the true value ≤ high; equal if the value is exact.

    Args:
        low: Lower bound.
        high: Upper bound.
    """

    low: sp.Expr
    high: sp.Expr

    @property
    def exact(self) -> bool:
        return bool(self.low == self.high)

    @property
    def negative(self) -> Bounds:
        """The bounds of the negative."""
        return Bounds(-self.high, -self.low)


def bounds(case: Case, text: str, power: int) -> Bounds:
    """The bounds that a value of the claim gives for the unit function.

    Args:
        case: Gets the obligation that the value scales like c^power.
        text: As in the claim.
        power: 1 for values of f, 0 for slopes, −1 for curvatures.

    Raises:
        UndecidedError: If the text cannot be read back.
    """
    value = case.number(text)
    if value.is_infinite:
        return Bounds(value, value)
    scaling = case.facts.scaling
    unit = value if scaling is None else value.subs(scaling.parameter, 1)
    if scaling is not None:
        case.vanishes(value - scaling.c**power * unit)
    if case.claim.error is None or "." not in text:
        return Bounds(unit, unit)
    error = case.number(case.claim.error)
    if not (error.is_Rational and error >= 0):
        raise case.unknown(f"{case.claim.error!r:.20} bounds no error")
    return Bounds(unit - error, unit + error)
