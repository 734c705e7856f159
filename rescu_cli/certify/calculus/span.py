"""An open interval of x, with what is known about the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.numbers import enclose_number
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.balls import rational
from rescu_cli.errors import UnsupportedError

_BITS = 256


@dataclass(frozen=True)
class Span:
    """The open interval lower < x < upper; ends may be infinite or depend on parameters."""

    lower: sp.Expr
    upper: sp.Expr
    knowledge: Knowledge

    @property
    def bounded(self) -> bool:
        return not (self.lower.is_infinite or self.upper.is_infinite)

    @property
    def whole_line(self) -> bool:
        return bool(self.lower.is_infinite and self.upper.is_infinite)

    def sign_of_x(self, closed: bool) -> Sign | None:
        """The sign of x itself on the interval, its ends included if ``closed``."""
        if not self.lower.is_infinite:
            low = self.knowledge.sign(self.lower)
            if low == "+" or (low in (">=", "0") and not closed):
                return "+"
            if low in (">=", "0"):
                return ">="
        if not self.upper.is_infinite:
            high = self.knowledge.sign(self.upper)
            if high == "-" or (high in ("<=", "0") and not closed):
                return "-"
            if high in ("<=", "0"):
                return "<="
        return None

    def part(self, lower: sp.Expr, upper: sp.Expr) -> Span:
        """A sub-interval; the caller vouches for the order."""
        return Span(lower, upper, self.knowledge)

    def contains(self, point: sp.Expr) -> bool:
        """Whether an exact point provably lies strictly inside."""
        return (
            self.knowledge.compare(point, self.lower) == "+"
            and self.knowledge.compare(self.upper, point) == "+"
        )


def rational_between(lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge) -> sp.Rational:
    """A rational strictly between two exact numbers (or infinities).

    Raises:
        UndecidedError: If the ends have no enclosure or are too close to tell apart.
    """
    low = None if lower.is_infinite else _middle(lower)
    high = None if upper.is_infinite else _middle(upper)
    if low is None and high is None:
        return sp.S.Zero
    if low is None and high is not None:
        candidate = sp.Integer(high.__floor__() - 1)
    elif high is None and low is not None:
        candidate = sp.Integer(low.__ceil__() + 1)
    elif low is not None and high is not None:
        middle = (low + high) / 2
        # The midpoint of close algebraic ends has hundreds of digits; a nearby short one will do.
        short = middle.limit_denominator(int(4 / (high - low)) + 1) if high > low else middle
        candidate = sp.Rational(short.numerator, short.denominator)
    above = lower.is_infinite or knowledge.compare(candidate, lower) == "+"
    below = upper.is_infinite or knowledge.compare(upper, candidate) == "+"
    if not (above and below):
        raise UndecidedError(f"no rational point found between {lower} and {upper}")
    return candidate


def _middle(end: sp.Expr) -> Fraction:
    if end.is_Rational:
        return Fraction(int(end.p), int(end.q))
    ball = enclose_number(end, _BITS)
    if ball is None:
        raise UndecidedError(f"{end} has no enclosure")
    try:
        middle = rational(ball.mid())
    except UnsupportedError as reason:
        raise UndecidedError(str(reason)) from None
    return Fraction(int(middle.p), int(middle.q))
