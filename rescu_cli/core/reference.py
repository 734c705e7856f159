"""The one oracle: value and gradient of an activation to any accuracy, with proof.

Everything else in the package (generated code, plots, claims) is measured against this; it is
compared with nothing but theorems and an independent quadrature in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal

import flint
import mpmath
import numpy as np
import numpy.typing as npt
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.activation import Activation, Piece
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError, ParameterError

What = Literal["value", "gradient"]
_MIN_BITS = 96
_MAX_BITS = 1 << 14
_BELOW_EVERY_FLOAT = -1200
"""2^−1200 is smaller than the smallest subnormal of every format, float64 included (2^−1074)."""


class Reference:
    """Enclosures of f and f′ at exact points.

    Args:
        activation: With every parameter bound.

    Raises:
        ParameterError: If a parameter is free.

    Example:
        >>> from rescu_cli import catalogue
        >>> ref = Reference(catalogue.resolve("smelu:beta=1"))
        >>> ref(0.0)
        0.25
    """

    def __init__(self, activation: Activation) -> None:
        if activation.free_parameters:
            free = ", ".join(p.name for p in activation.free_parameters)
            raise ParameterError(
                f"{activation.name} still has free parameters ({free}); bind them, e.g. "
                f"{activation.name}:{activation.free_parameters[0].name}=1."
            )
        self.activation = activation
        self._limits: dict[tuple[str, int], float] = {}
        self._constants: dict[tuple[sp.Expr, int], balls.Ball] = {}

    def enclose(self, x: float | Fraction, what: What = "value", *, bits: int = 80) -> flint.arb:
        """A ball around f(x) or f′(x) with at least ``bits`` correct bits.

        Two exceptions. A true value below 2^−1200 in absolute value gives a ball that is only
        guaranteed to be that small. A piece without closed form gives the ball of one quadrature
        at the working precision: its radius bounds the error, but where ∫_{−∞}^x nearly vanishes
        the radius can exceed the value.

        Raises:
            InternalError: If 16,384 bits of working precision do not suffice.
        """
        piece = self._piece(x)
        expr = piece.value if what == "value" else piece.gradient
        work = max(_MIN_BITS, bits + 16)
        integrals = expr.has(sp.Integral)
        while True:
            with balls.precision(work):
                ball = self._evaluate(expr, balls.exact_ball(x), work)
                if ball.rel_accuracy_bits() >= bits or ball.is_zero():
                    return ball
                if integrals and ball.is_finite():
                    return ball  # the tail's radius does not shrink with the working precision
                if ball.is_finite() and ball.abs_upper() < flint.arb(2) ** _BELOW_EVERY_FLOAT:
                    return ball
            if work >= _MAX_BITS:
                # An exact zero reached through cancellation shows as a tiny ball around 0.
                if ball.is_finite() and ball.contains(0):
                    return ball
                raise InternalError(f"{self.activation.spec} at x={x}: no enclosure ({ball}).")
            work *= 2

    def _evaluate(self, expr: sp.Expr, x: flint.arb, work: int) -> flint.arb:
        tails = [i for i in expr.atoms(sp.Integral) if i.limits[0][1] == sp.S.NegativeInfinity]
        env = {X: x}
        for number, tail in enumerate(tails):
            stand_in = sp.Symbol(f"_tail{number}", real=True)
            expr = expr.subs(tail, stand_in)
            env[stand_in] = self._tail(tail)
        return balls.evaluate(expr, env)

    def _tail(self, tail: sp.Integral) -> flint.arb:
        """∫_{−∞}^a by tanh-sinh quadrature; its error estimate becomes the radius."""
        key = (tail, 0)
        if key not in self._constants:
            variable, _, upper = tail.limits[0]
            integrand = sp.lambdify(variable, tail.function, "mpmath")
            with mpmath.workdps(40):
                end = mpmath.mpf(str(sp.N(upper, 40)))
                value, error = mpmath.quad(
                    integrand, [-mpmath.inf, end - 16, end], error=True, maxdegree=10
                )
                self._constants[key] = flint.arb(mpmath.nstr(value, 38)) + flint.arb(
                    0, float(error) + 1e-36
                )
        return self._constants[key]

    def _piece(self, x: float | Fraction) -> Piece:
        if isinstance(x, float) and not math.isfinite(x):
            raise ParameterError(f"The reference encloses finite points; found x={x}.")
        for piece, end, owner in zip(
            self.activation.pieces,
            self.activation.breakpoints,
            self.activation.owners,
            strict=False,
        ):
            side = _compare(x, end)
            if side < 0 or (side == 0 and owner == "left"):
                return piece
        return self.activation.pieces[-1]

    def __call__(self, x: float, what: What = "value") -> float:
        """f(x) or f′(x) rounded to the nearest float64; NaN for NaN, the limit for ±inf."""
        if math.isnan(x):
            return math.nan
        if math.isinf(x):
            return self.at_infinity(1 if x > 0 else -1, what)
        return float(self.enclose(x, what).mid())

    def at_infinity(self, side: int, what: What = "value") -> float:
        """The float64 nearest to the limit at ``side``·∞.

        Read off at ±2^3000 and ±2^6000, far outside every float format: for a function with a
        limit or a slope there, both lie within rounding of it or beyond the largest float. One
        that still grows between them, as log|x| does, is taken to grow without end.
        """
        key = (what, side)
        if key not in self._limits:
            near, far = (self.enclose(Fraction(side * 2**e), what, bits=60) for e in (3000, 6000))
            huge = flint.arb(2) ** 1100
            growing = abs(near) > 1 and abs(far) > abs(near) * 1.5
            if growing or (abs(near) > huge and abs(far) > abs(near)):
                self._limits[key] = math.inf if far > 0 else -math.inf
            else:
                self._limits[key] = float(far.mid())
        return self._limits[key]

    def pairs(
        self, xs: Iterable[float], what: What = "value"
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """F or f′ at many points as unevaluated sums ``high + low`` of two float64.

        Args:
            xs: Points; NaN and ±inf allowed.
            what: Value or gradient.

        Returns:
            Two float64 arrays of the same length; ``high`` is the nearest float64, ``low`` the
            rest (0 where ``high`` is not finite). Together about 106 bits.
        """
        points = np.asarray(list(xs), dtype=np.float64)
        high = np.empty_like(points)
        low = np.zeros_like(points)
        for i, x in enumerate(points.tolist()):
            if not math.isfinite(x):
                high[i] = self(x, what)
                continue
            mid = self.enclose(x, what, bits=110).mid()
            high[i] = float(mid)
            if math.isfinite(high[i]):
                with balls.precision(256):
                    low[i] = float((mid - flint.arb(float(high[i]))).mid())
        return high, low


def _compare(x: float | Fraction, point: sp.Expr) -> int:
    """Exact sign of x − point."""
    exact = Fraction(x)
    if point.is_Rational:
        other = Fraction(int(point.p), int(point.q))
        return (exact > other) - (exact < other)
    bits = _MIN_BITS
    while bits <= _MAX_BITS:
        with balls.precision(bits):
            difference = balls.exact_ball(exact) - balls.evaluate(point, {})
            if difference > 0:
                return 1
            if difference < 0:
                return -1
        bits *= 2
    return 0  # an expression that is rational in disguise
