"""What the calculus knows about one activation; each fact is computed once.

A family with one scaling parameter, f_{c^d·p}(c·x) = c·f_p(x) for all c > 0 (checked exactly), is
studied at p = 1: with c = p^(1/d), f_p(x) = c·f_1(x/c). Values then scale by c, slopes not at all,
curvatures by 1/c.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import sympy as sp

from rescu_cli.certify.calculus.chart import chart
from rescu_cli.certify.calculus.extrema import extreme_candidates
from rescu_cli.certify.calculus.knowledge import Knowledge, Oracle
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.regular import require_analytic, require_continuous
from rescu_cli.certify.calculus.sign_chart import Chart
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.tail import end_value
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.activation import Activation
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.symbols import X, log1p

_MAX_POWER = 4
"""Of c, with which a part of a scaling family may be multiplied."""


@dataclass(frozen=True)
class Scaling:
    """f_p(x) = c·f_1(x/c) with c = p^(1/degree), for every p > 0."""

    parameter: sp.Symbol
    degree: int

    @property
    def c(self) -> sp.Expr:
        return self.parameter ** sp.Rational(1, self.degree)

    @property
    def lemma(self) -> str:
        power = "" if self.degree == 1 else f"^({sp.Rational(1, self.degree)})"
        name = self.parameter.name
        return f"by scaling from {name} = 1: f(x) = c*f_1(x/c), c = {name}{power}"


@dataclass(frozen=True)
class Branch:
    """One piece of the (unit) function with its interval."""

    span: Span
    value: sp.Expr
    gradient: sp.Expr


class Facts:
    """Pieces, derivatives, jumps and monotone cells of an activation.

    Args:
        activation: The function.
        scaled: Whether to study a scaling family at the unit value of its parameter.
        oracle: Asked for signs that the assumptions' own algebra leaves open.
    """

    def __init__(
        self, activation: Activation, *, scaled: bool = True, oracle: Oracle | None = None
    ) -> None:
        self.activation = activation
        self.knowledge = Knowledge(activation.assumptions, oracle)
        self.scaling = find_scaling(activation) if scaled else None
        unit = {} if self.scaling is None else {self.scaling.parameter: sp.S.One}
        self.unit = unit
        self.branches = tuple(
            Branch(
                Span(p.lower.subs(unit), p.upper.subs(unit), self.knowledge),
                p.value.subs(unit),
                p.gradient.subs(unit),
            )
            for p in activation.pieces
        )
        self._derivatives: dict[tuple[int, int], sp.Expr] = {}
        self._charts: dict[tuple[int, int], Chart | UndecidedError] = {}

    def cancelled(self) -> Facts:
        """The same with common factors of fractions cancelled: removable holes are filled."""
        filled = copy(self)
        filled.branches = tuple(
            replace(b, value=sp.cancel(b.value), gradient=sp.cancel(b.gradient))
            for b in self.branches
        )
        filled._derivatives, filled._charts = {}, {}
        for cached in ("_analytic", "polynomial", "matching", "seamless"):
            filled.__dict__.pop(cached, None)
        return filled

    # -- scale -----------------------------------------------------------------------------

    @property
    def lemma(self) -> str | None:
        """The reduction a proof used, for its reason field."""
        return None if self.scaling is None else self.scaling.lemma

    @property
    def c(self) -> sp.Expr:
        return sp.S.One if self.scaling is None else self.scaling.c

    def value_of(self, unit_value: sp.Expr) -> sp.Expr:
        """A value of f from the same value of the unit function."""
        return unit_value if unit_value.is_infinite else self.knowledge.tidy(self.c * unit_value)

    def curvature_of(self, unit_curvature: sp.Expr) -> sp.Expr:
        """A value of f″ from the same value for the unit function."""
        if unit_curvature.is_infinite:
            return unit_curvature
        return self.knowledge.tidy(unit_curvature / self.c)

    # -- pieces ----------------------------------------------------------------------------

    @property
    def joints(self) -> tuple[sp.Expr, ...]:
        return tuple(b.span.upper for b in self.branches[:-1])

    @cached_property
    def _analytic(self) -> UndecidedError | None:
        try:
            for branch in self.branches:
                require_analytic(branch.value, branch.span)
        except UndecidedError as reason:
            return reason
        return None

    def require_analytic(self) -> None:
        """Every piece is analytic on its interval and at the ends of it.

        Raises:
            UndecidedError: If that is not proved.
        """
        if self._analytic is not None:
            raise self._analytic

    def require_continuous(self) -> None:
        """Every piece is continuous on its closed interval.

        Raises:
            UndecidedError: If that is not proved.
        """
        if self._analytic is not None:
            for branch in self.branches:
                require_continuous(branch.value, branch.span)

    @cached_property
    def polynomial(self) -> bool:
        return all(b.value.is_polynomial(X) for b in self.branches)

    def gradient_mismatch(self, index: int) -> sp.Expr:
        """d/dx value − gradient of a piece, as written."""
        branch = self.branches[index]
        return sp.diff(branch.value, X) - branch.gradient

    @cached_property
    def matching(self) -> tuple[bool, ...]:
        """For each piece, whether its gradient is proved to be the derivative of its value."""
        return tuple(vanishes(self.gradient_mismatch(i)) for i in range(len(self.branches)))

    def derivative(self, index: int, order: int) -> sp.Expr:
        """d^order f on a piece; the stored gradient is used once it is proved to be f′."""
        key = (index, order)
        if key not in self._derivatives:
            self._derivatives[key] = self._derivative(index, order)
        return self._derivatives[key]

    def _derivative(self, index: int, order: int) -> sp.Expr:
        branch = self.branches[index]
        if order == 0:
            return branch.value
        if order == 1 and self.matching[index]:
            try:  # equal where both exist; it may still have a hole that the value has not
                require_analytic(branch.gradient, branch.span)
                return branch.gradient
            except UndecidedError:
                pass
        slope = sp.diff(self.derivative(index, order - 1), X)
        return sp.expand(slope) if slope.is_polynomial(X) else slope

    def end(self, index: int, order: int, point: sp.Expr) -> sp.Expr:
        """The one-sided value (limit) of a derivative at an end of a piece."""
        return end_value(self.derivative(index, order), point, self.knowledge)

    def jump(self, joint: int, order: int) -> sp.Expr:
        """d^order f just right of a joint minus just left of it."""
        point = self.joints[joint]
        right = self.end(joint + 1, order, point)
        return right - self.end(joint, order, point)

    @cached_property
    def seamless(self) -> tuple[bool, ...]:
        """For each joint, whether its two pieces are proved to be one function."""
        values = [b.value for b in self.branches]
        return tuple(vanishes(a - b) for a, b in pairwise(values))

    def jump_sign(self, joint: int, order: int) -> Sign | None:
        """The sign of a jump for all admissible parameters, None if it does not follow."""
        if self.seamless[joint]:
            return "0"
        return self.knowledge.sign(self.jump(joint, order))

    def chart(self, index: int, order: int) -> Chart:
        """Where d^order f is positive and negative on a piece.

        Raises:
            UndecidedError: If that does not follow.
        """
        key = (index, order)
        if key not in self._charts:
            try:
                self._charts[key] = chart(self.derivative(index, order), self.branches[index].span)
            except UndecidedError as reason:
                self._charts[key] = reason
        found = self._charts[key]
        if isinstance(found, UndecidedError):
            raise found
        return found

    def candidates(self, order: int) -> list[sp.Expr]:
        """Numbers whose extremes are inf and sup of d^order f over all pieces."""
        found: list[sp.Expr] = []
        for i, branch in enumerate(self.branches):
            expr = self.derivative(i, order)
            if expr.has(X):
                found += extreme_candidates(expr, self.derivative(i, order + 1), branch.span)
            else:
                found.append(expr)
        return list(dict.fromkeys(found))


def find_scaling(activation: Activation) -> Scaling | None:
    """The scaling of a family with exactly one free scaling parameter, proved on every piece."""
    free = {p.name: p.symbol for p in activation.free_parameters}
    declared = [(free[n], d) for n, d in activation.scaling if n in free and d != 0]
    if len(declared) != 1 or not declared[0][0].is_positive:
        return None
    symbol, degree = declared[0]
    if any(r.expr.has(symbol) for r in activation.relations):
        return None
    if not scales(activation, ((symbol, degree),)):
        return None
    return Scaling(symbol, degree) if _all_defined(activation, symbol, degree) else None


def _all_defined(activation: Activation, symbol: sp.Symbol, degree: int) -> bool:
    """Whether each member is defined at c·x where the unit function is at x.

    An identity says nothing where one side is 0/0: (p² − 4)/((p − 2)(p + 2)) is 1 but for p = 2. So
    whatever is divided by, is under a root or a logarithm, has to keep its sign: it is multiplied
    by a power of c, or is free of x and of one strict sign for all parameters.
    """
    c = sp.Dummy("c", positive=True)
    knowledge = Knowledge(activation.assumptions)
    formulas = [e for p in activation.pieces for e in (p.value, p.upper)]
    needed = {u for e in formulas if not e.is_infinite for u in _restricted(e)}
    inner = {v for e in formulas for i in e.atoms(sp.Integral) for v in i.variables}
    moved = {symbol: c**degree * symbol, X: c * X, **{v: c * v for v in inner}}
    powers = sorted(range(-_MAX_POWER, _MAX_POWER + 1), key=abs)
    for part in needed:
        if not part.has(X, *inner) and knowledge.sign(part) in ("+", "-"):
            continue
        there = part.subs(moved, simultaneous=True)
        if not any(vanishes(there - c**k * part) for k in powers):
            return False
    return True


def _restricted(expr: sp.Expr) -> set[sp.Expr]:
    """Parts of an expression that may not be zero, or not negative."""
    found = {p.base for p in expr.atoms(sp.Pow) if not (p.exp.is_Integer and p.exp > 0)}
    found |= {f.args[0] for f in expr.atoms(sp.log)}
    found |= {1 + f.args[0] for f in expr.atoms(log1p)}
    found |= {sp.cos(f.args[0]) for f in expr.atoms(sp.tan)}
    return {u for u in found if not u.is_number}


def scales(activation: Activation, degrees: tuple[tuple[sp.Symbol, int], ...]) -> bool:
    """Whether f_{c^d·p}(c·x) = c·f_p(x) is proved for all c > 0, the joints included.

    A joint between two pieces that are one function is no joint of f and need not scale.
    """
    c = sp.Dummy("c", positive=True)
    moved = {symbol: c**degree * symbol for symbol, degree in degrees}
    values = [p.value for p in activation.pieces]
    for left, right, joint in zip(values, values[1:], activation.breakpoints, strict=False):
        drift = joint.subs(moved, simultaneous=True) - c * joint
        if not vanishes(drift) and not vanishes(left - right):
            return False
    return all(vanishes(v.subs({**moved, X: c * X}, simultaneous=True) - c * v) for v in values)


@lru_cache(maxsize=64)
def facts(activation: Activation) -> Facts:
    """The facts of an activation, kept for the next question about it."""
    return Facts(activation)
