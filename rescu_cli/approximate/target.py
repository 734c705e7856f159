"""The function that is approximated: an activation cut at its joints, enclosed by balls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import flint
import sympy as sp

from rescu_cli.certify.enclosure.compiled import compiled, derivative
from rescu_cli.core import balls
from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import Reference
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError, UsageError

BITS = 192
"""Working precision of fits and proofs; the distance of two doubles takes 53."""
_COMPARE_BITS = 512


@dataclass(frozen=True)
class Stretch:
    """One piece of the activation within a range.

    Args:
        lower: Exact left end.
        upper: Exact right end.
        value: f there, an expression in x.
    """

    lower: sp.Expr
    upper: sp.Expr
    value: sp.Expr

    def ends(self) -> tuple[balls.Ball, balls.Ball]:
        """Balls of both ends at the current precision."""
        return balls.evaluate(self.lower, {}), balls.evaluate(self.upper, {})

    def enclose(self, x: balls.Ball, order: int = 0) -> balls.Ball:
        """f, f′ or f″ on the ball x; not finite where nothing is known.

        Raises:
            UnsupportedError: If f has no enclosure.
        """
        try:
            return compiled(derivative(self.value, order))(x)
        except ZeroDivisionError:
            return flint.arb("nan")
        except UnsupportedError:  # |x| has no derivative that balls know, but values
            if order == 0:
                raise
            return flint.arb("nan")


class Target:
    """An activation with every parameter bound, as approximation needs it.

    Args:
        activation: What to approximate.

    Raises:
        ParameterError: If a parameter is free.
    """

    settled = 1e-30
    """Relative accuracy to which integrals of f can be asked for."""
    why_unproved = (
        "f is an integral from -oo, which is evaluated with an estimate of the error, no proof"
    )

    def __init__(self, activation: Activation) -> None:
        self._reference = Reference(activation)  # refuses free parameters
        self.activation = activation
        self.spec, self.name = activation.spec, activation.name

    def truth(self, x: float) -> Fraction:
        """f(x), to some 40 digits."""
        exact = balls.rational(self._reference.enclose(x, bits=140).mid())
        return Fraction(int(exact.p), int(exact.q))

    @cached_property
    def closed_form(self) -> bool:
        """Whether f is enclosed on intervals: no piece is an integral from −∞."""
        return not any(
            integral.limits[0][1] == sp.S.NegativeInfinity
            for piece in self.activation.pieces
            for integral in piece.value.atoms(sp.Integral)
        )

    def stretches(self, low: sp.Expr, high: sp.Expr) -> tuple[Stretch, ...]:
        """The pieces within [low, high], from left to right."""
        return tuple(self._within(low, high))

    def _within(self, low: sp.Expr, high: sp.Expr) -> Iterator[Stretch]:
        for piece in self.activation.pieces:
            lower = low if _below(piece.lower, low) else piece.lower
            upper = high if _below(high, piece.upper) else piece.upper
            if _below(lower, upper):
                yield Stretch(lower, upper, piece.value)

    def joints(self, low: sp.Expr, high: sp.Expr) -> tuple[sp.Expr, ...]:
        """The breakpoints strictly between two points."""
        return tuple(s.lower for s in self.stretches(low, high)[1:])

    def at(self, stretch: Stretch, x: balls.Ball) -> balls.Ball:
        """The middle of f(x) on a stretch, as an exact ball.

        Raises:
            UsageError: If f is not finite there.
        """
        if self.closed_form:
            ball = stretch.enclose(x)
        else:  # an integral from −∞: a quadrature whose error is estimated
            middle = balls.rational(x.mid())
            ball = self._reference.enclose(Fraction(int(middle.p), int(middle.q)), bits=100)
        if not ball.is_finite():
            raise UsageError(
                f"{self.spec} is not finite at x = {float(x.mid()):.6g}; choose a range "
                "on which it is."
            )
        return ball.mid()

    def jump(self, low: sp.Expr, high: sp.Expr) -> sp.Expr | None:
        """The first joint within the range at which f is shown to jump; None if there is none."""
        if not self.closed_form:
            return None
        parts = self.stretches(low, high)
        for left, right in pairwise(parts):
            at = balls.evaluate(right.lower, {})
            if not left.enclose(at).overlaps(right.enclose(at)):
                return right.lower
        return None

    @cached_property
    def bends(self) -> tuple[tuple[sp.Expr, sp.Expr], tuple[tuple[sp.Expr, sp.Expr], ...]] | None:
        """f(x) = a + b·x + Σ Δᵢ·ReLU(x − jᵢ) as ((a, b), ((jᵢ, Δᵢ), …)).

        None unless f is continuous and every piece is a line.
        """
        lines = []
        for piece in self.activation.pieces:
            if not piece.value.is_polynomial(X) or sp.degree(piece.value, X) > 1:
                return None
            line = sp.Poly(piece.value, X)
            lines.append((line.nth(0), line.nth(1)))
        kinks = []
        for (a, b), (c, d), joint in zip(
            lines, lines[1:], self.activation.breakpoints, strict=False
        ):
            if sp.simplify(a + b * joint - c - d * joint) != 0:
                return None
            kinks.append((joint, d - b))
        return lines[0], tuple(kinks)


def _below(a: sp.Expr, b: sp.Expr) -> bool:
    """a < b, for exact numbers or ±∞."""
    if a.is_infinite or b.is_infinite or (a.is_Rational and b.is_Rational):
        return bool(a < b)
    with balls.precision(_COMPARE_BITS):
        left, right = balls.evaluate(a, {}), balls.evaluate(b, {})
        if left < right:
            return True
        if left >= right or a == b:
            return False
    if sp.simplify(a - b) == 0:
        return False
    raise UnsupportedError(f"Whether {a} < {b} was not decided.")
