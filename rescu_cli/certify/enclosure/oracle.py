"""Ball arithmetic as a source of signs and extrema for the properties of a single function.

It answers for expressions in x alone. A family has to be reduced first: by scaling (`Facts`), or,
on an interval that x → x/λ maps to itself, by a factor λ > 0 of x that is the only place of the
parameters: inf and sup over u = λx are those over x.
"""

from __future__ import annotations

from functools import lru_cache

import sympy as sp

from rescu_cli.certify.calculus.knowledge import Knowledge, cancelled_arguments
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.enclosure.boxes import NotNonnegativeError, TooManyBoxesError, point
from rescu_cli.certify.enclosure.compiled import compiled
from rescu_cli.certify.enclosure.cover import BITS, cover, strictly
from rescu_cli.certify.enclosure.growth import FarError
from rescu_cli.certify.enclosure.supremum import supremum
from rescu_cli.core import balls
from rescu_cli.core.assumptions import Assumptions, Sign
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError

_PROBES = tuple(sp.Rational(k, 16) for k in (8, 3, 13, 1, 15))
_SHARES = tuple(sp.Rational(k, 8) for k in range(9))
"""Of a period: where sines and cosines are 0, ±1 and ±√½."""
_GIVE_UP = (TooManyBoxesError, FarError, UnsupportedError)


class BallOracle:
    """Signs by covers, extrema by branch and bound; what fails is remembered as a model.

    Args:
        assumptions: On the free parameters.
    """

    def __init__(self, assumptions: Assumptions) -> None:
        self.own = Knowledge(assumptions)
        self.models: list[dict[sp.Symbol, sp.Expr]] = []
        self.reasons: list[str] = []

    def sign(self, constant: sp.Expr) -> Sign | None:
        """Nothing beyond what the assumptions' algebra and enclosures of numbers know."""
        return None

    def sign_between(
        self, expr: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr
    ) -> Sign | None:
        """The sign of ``expr`` on the interval and at its finite ends, None if it has no one."""
        reduced = self._alone(expr, lower, upper) if variable == X else None  # strictness counts
        if reduced is None:
            return None
        lower, upper, places = _places(reduced, lower, upper)
        for direction in _likely(reduced, lower, upper):
            try:
                found = cover(direction * reduced, lower, upper, places)
            except NotNonnegativeError as failure:
                self.models.append({X: failure.x})
                continue
            except _GIVE_UP as reason:
                self.reasons.append(str(reason))
                return None
            strict = strictly(direction * reduced, found)
            if direction > 0:
                return "+" if strict else ">="
            return "-" if strict else "<="
        return None

    def extremes(self, expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> list[sp.Expr] | None:
        """[inf, sup], exact or enclosed; None if the parameters cannot be got rid of."""
        reduced = self._alone(expr, lower, upper)
        if reduced is None:
            return None
        lower, upper, places = _places(reduced, lower, upper)
        try:
            least = self.own.tidy(supremum(-reduced, lower, upper, places))
            return [-least, self.own.tidy(supremum(reduced, lower, upper, places))]
        except _GIVE_UP as reason:
            raise UndecidedError(str(reason)) from None

    def _alone(
        self, expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, *, sign_only: bool = False
    ) -> sp.Expr | None:
        found = alone(expr, lower, upper, self.own, sign_only=sign_only)
        if found is None:
            names = ", ".join(sorted(str(s) for s in (expr + lower + upper).free_symbols - {X}))
            self.reasons.append(f"ball arithmetic needs one function; {names} can vary")
        return found


def alone(
    expr: sp.Expr, lower: sp.Expr, upper: sp.Expr, known: Knowledge, *, sign_only: bool = False
) -> sp.Expr | None:
    """``expr`` without parameters, x measured in units of 1/λ if need be; None if there is none.

    Args:
        expr: What is to be studied on the interval.
        lower: Left end.
        upper: Right end.
        known: About the parameters.
        sign_only: Leave out a nonnegative factor without x: the rest has the sign wherever the
            factor is positive, and where it vanishes so does the whole.
    """
    if any(e.free_symbols for e in (lower, upper)):
        return None
    candidates = [expr]
    if all(e in (0, sp.oo, -sp.oo) for e in (lower, upper)):
        candidates += [_measured(expr, u) for u in _units(expr) if known.sign(u) == "+"]
    for candidate in candidates:
        found = _without_factor(candidate, known) if sign_only else candidate
        if found.free_symbols <= {X}:
            return found
    return None


def _without_factor(expr: sp.Expr, known: Knowledge) -> sp.Expr:
    """The expression without a constant factor of known weak sign; its sign stays."""
    if expr.free_symbols <= {X}:
        return expr
    constant, rest = sp.factor(expr).as_independent(X, as_Add=False)
    sign = known.sign(constant)
    if sign in ("+", ">="):
        return rest
    return -rest if sign in ("-", "<=") else expr


def _places(
    expr: sp.Expr, lower: sp.Expr, upper: sp.Expr
) -> tuple[sp.Expr, sp.Expr, list[sp.Expr]]:
    """An interval that says it all, and points of it where something exact may happen."""
    places = [p for p in (sp.S.Zero, lower, upper) if _within(p, lower, upper)]
    low, high = one_period(expr, lower, upper)
    if (low, high) != (lower, upper):
        places = [low + (high - low) * share for share in _SHARES]
    return low, high, places


def one_period(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """An interval on which ``expr`` takes the same values: one period if it has one.

    x must occur only as a·x + b under sin and cos, with rational ratios of the a.
    """
    if not (lower.is_infinite or upper.is_infinite):
        return lower, upper
    waves = [w for w in expr.atoms(sp.sin, sp.cos) if w.has(X)]
    if not waves or expr.xreplace({w: sp.Dummy() for w in waves}).has(X):
        return lower, upper
    slopes = [sp.diff(w.args[0], X) for w in waves]
    ratios = [sp.cancel(s / slopes[0]) for s in slopes]
    if slopes[0].has(X) or not all(r.is_Rational for r in ratios):
        return lower, upper
    # a_i·T has to be a multiple of 2π for every i: T = 2π·q/|a_0| with q·r_i whole.
    multiple = sp.ilcm(*[int(r.q) for r in ratios]) if len(ratios) > 1 else int(ratios[0].q)
    period = 2 * sp.pi * multiple / sp.Abs(slopes[0])
    if not lower.is_infinite:
        return lower, lower + period
    start = sp.S.Zero if upper.is_infinite else upper - period
    return start, start + period


def _units(expr: sp.Expr) -> list[sp.Expr]:
    """Factors λ with which x enters a function: 1 − α for erf((1 − α)·x)."""
    found: list[sp.Expr] = []
    for part in expr.atoms(sp.Function, sp.exp):
        argument = sp.factor(part.args[0])
        if argument.has(X):
            found.append(sp.cancel(argument.as_independent(X, as_Add=False)[0]))
    return list(dict.fromkeys(v for u in found if u.free_symbols for v in (u, -u)))


@lru_cache(maxsize=64)
def _measured(expr: sp.Expr, unit: sp.Expr) -> sp.Expr:
    return sp.factor(sp.expand(cancelled_arguments(expr.subs(X, X / unit))))


def _within(place: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> bool:
    return bool(place.is_finite) and bool(lower <= place) and bool(place <= upper)


def _likely(expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> tuple[int, ...]:
    """Both directions, the one that a few places suggest first; the cover decides."""
    low = sp.Integer(-8) if lower.is_infinite else lower
    high = low + 16 if upper.is_infinite else upper
    low = high - 16 if lower.is_infinite else low
    with balls.precision(BITS):
        for share in _PROBES:
            ball = compiled(expr)(point(low + (high - low) * share))
            if ball > 0:
                return (1, -1)
            if ball < 0:
                return (-1, 1)
    return (1, -1)
