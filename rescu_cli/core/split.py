"""Cut an expression with Abs, Min, Max, sign, Heaviside and conditionals into smooth pieces.

Each such node switches where one function of x changes sign. We locate those places exactly, order
them under the assumptions, and settle every switch on each stretch by its sign there. Where
polynomials change sign is known here, and one interior point then shows the sign; for other
functions somebody has to be asked who can decide both (`Locator`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import sympy as sp
from sympy.core.relational import Relational

from rescu_cli.core.activation import Owner
from rescu_cli.core.assumptions import Assumptions, Sign
from rescu_cli.core.symbols import X
from rescu_cli.errors import DerivationError

_JUMPING = (sp.sign, sp.Heaviside, sp.Piecewise)
_NODES = (sp.Abs, sp.Min, sp.Max, *_JUMPING)
_SIDE: dict[Sign, int] = {"-": -1, "<=": -1, "0": 0, ">=": 1, "+": 1}
_ODD_INCREASING = (sp.tanh, sp.atan, sp.erf, sp.sinh, sp.asinh)
_MAX_PIECES = 64


class Locator(Protocol):
    """Knows where functions change sign."""

    def __call__(
        self,
        expr: sp.Expr,
        lower: sp.Expr,
        upper: sp.Expr,
        assumptions: Assumptions,
        *,
        strict: bool,
    ) -> tuple[Sequence[sp.Expr], Sequence[Sign]] | None:
        """Exact points, ascending, and the sign between each two of them; None if undecided.

        ``expr`` is continuous, and need not vanish at a point beside which its sign is the same.

        Args:
            expr: A function of x.
            lower: End of the open interval, perhaps infinite.
            upper: The other.
            assumptions: On the free parameters.
            strict: Whether ``expr`` must not vanish between the points; else ≥ and ≤ will do.
        """


@dataclass(frozen=True)
class Stretch:
    """A smooth expression on the open interval (lower, upper)."""

    lower: sp.Expr
    upper: sp.Expr
    expr: sp.Expr


def split(
    expr: sp.Expr, assumptions: Assumptions, locate: Locator | None = None
) -> tuple[list[Stretch], list[Owner]]:
    """Cut ``expr`` at every place where one of its nodes switches.

    Args:
        expr: A function of x.
        assumptions: On the free parameters.
        locate: Asked where other functions than polynomials change sign; without it they cannot be
            cut.

    Returns:
        Stretches from −∞ to ∞ with different neighbours, and for each joint which neighbour has
        the value that ``expr`` has there ('left' if neither does).

    Raises:
        DerivationError: If a switch cannot be located or ordered under the assumptions.
    """
    cutter = _Cutter(assumptions, locate)
    stretches = cutter.cut(Stretch(sp.S.NegativeInfinity, sp.S.Infinity, expr))
    merged = stretches[:1]
    for stretch in stretches[1:]:
        if sp.expand(merged[-1].expr - stretch.expr) == 0:
            merged[-1] = Stretch(merged[-1].lower, stretch.upper, merged[-1].expr)
        else:
            merged.append(stretch)
    return merged, [cutter.owner(expr, left, right) for left, right in itertools.pairwise(merged)]


class _Cutter:
    def __init__(self, assumptions: Assumptions, locate: Locator | None) -> None:
        self._assumptions, self._locate = assumptions, locate
        self._zeros: set[tuple[sp.Expr, sp.Expr]] = set()  # a switch, and where it vanishes

    def cut(self, stretch: Stretch) -> list[Stretch]:
        """The stretch in pieces without nodes, from left to right."""
        node = _innermost(stretch.expr)
        if node is None:
            return [stretch]
        points: list[sp.Expr] = []
        charts: dict[sp.Expr, tuple[list[sp.Expr], Sequence[Sign]]] = {}
        for switch in _switches(node):
            roots, signs = self._chart(switch, stretch, strict=isinstance(node, _JUMPING))
            places = [_insert(points, root, self._assumptions) for root in roots]
            vanishes = [True] * len(places)
            if signs is not None:
                charts[switch] = (places, signs)
                vanishes = [_SIDE[a] * _SIDE[b] < 0 for a, b in itertools.pairwise(signs)]
            self._zeros.update(
                (switch, place) for place, zero in zip(places, vanishes, strict=True) if zero
            )
        if len(points) > _MAX_PIECES:
            raise DerivationError(f"The gradient has more than {_MAX_PIECES} joints.")
        result: list[Stretch] = []
        for number in range(len(points) + 1):
            lower = points[number - 1] if number else stretch.lower
            upper = points[number] if number < len(points) else stretch.upper
            known = {
                switch: signs[sum(place in points[:number] for place in places)]
                for switch, (places, signs) in charts.items()
            }
            settled = _settle(node, self._sign_between(lower, upper, known))
            try:
                expr = stretch.expr.xreplace({node: settled})
            except RecursionError:  # SymPy may turn a condition over without end
                raise DerivationError(
                    f"The conditions of {stretch.expr} cannot be settled."
                ) from None
            result.extend(self.cut(Stretch(lower, upper, expr)))
        return result

    def owner(self, expr: sp.Expr, left: Stretch, right: Stretch) -> Owner:
        """The neighbour that has the value of ``expr`` at their joint."""
        joint = left.upper
        while (node := _innermost(expr)) is not None:
            try:
                settled = _settle(node, lambda switch: self._sign_at(switch, joint))
            except DerivationError:
                return "left"
            expr = expr.xreplace({node: settled})
        value = expr.subs(X, joint)
        if not _is_zero(value - left.expr.subs(X, joint)) and _is_zero(
            value - right.expr.subs(X, joint)
        ):
            return "right"
        return "left"

    def _sign_at(self, switch: sp.Expr, point: sp.Expr) -> Sign | None:
        if (switch, point) in self._zeros:
            return "0"
        return self._assumptions.sign(switch.subs(X, point))

    def _sign_between(
        self, lower: sp.Expr, upper: sp.Expr, known: Mapping[sp.Expr, Sign]
    ) -> Callable[[sp.Expr], Sign]:
        """Signs on an interval where nothing changes sign: charted, or seen at a point inside."""
        inside = _interior(lower, upper)

        def sign(switch: sp.Expr) -> Sign:
            if switch in known:
                return known[switch]
            while isinstance(switch, _ODD_INCREASING):
                switch = switch.args[0]
            found = self._sign_at(switch, inside)
            if found not in ("+", "-", "0"):
                raise DerivationError(
                    f"The sign of {switch} near x = {inside} does not follow from: "
                    f"{self._assumptions.describe() or 'no assumptions'}. Add one with --assume."
                )
            return found

        return sign

    def _chart(
        self, switch: sp.Expr, stretch: Stretch, *, strict: bool
    ) -> tuple[Sequence[sp.Expr], Sequence[Sign] | None]:
        """Where the switch changes sign on the stretch, and its signs unless a point shows them."""
        while isinstance(switch, _ODD_INCREASING):  # same sign as its argument
            switch = switch.args[0]
        if not switch.has(X):
            return [], None
        if switch.is_rational_function(X):
            switch = sp.numer(sp.together(switch))
        if switch.is_polynomial(X):
            roots = _polynomial_roots(switch, self._assumptions)
            return [root for root in roots if _inside(root, stretch, self._assumptions)], None
        if self._locate is not None:
            ends = (stretch.lower, stretch.upper)
            found = self._locate(switch, *ends, self._assumptions, strict=strict)
            if found is not None:
                return found
        raise DerivationError(
            f"Cannot locate where {switch} changes sign in closed form; write the condition as a "
            "polynomial in x, e.g. 'a if x < beta else b'."
        )


def _is_zero(number: sp.Expr) -> bool:
    return bool(sp.simplify(number).is_zero)


def _innermost(expr: sp.Expr) -> sp.Expr | None:
    """A switching node that depends on x and holds no other such node."""
    for node in sp.preorder_traversal(expr):
        if isinstance(node, _NODES) and node.has(X):
            inner = [found for arg in node.args if (found := _innermost(arg)) is not None]
            return inner[0] if inner else node
    return None


def _switches(node: sp.Expr) -> list[sp.Expr]:
    if isinstance(node, sp.Min | sp.Max):
        args = node.args
        return [a - b for i, a in enumerate(args) for b in args[i + 1 :]]
    if isinstance(node, sp.Piecewise):
        return [r.lhs - r.rhs for _, cond in node.args for r in cond.atoms(Relational)]
    return [node.args[0]]


def _polynomial_roots(switch: sp.Expr, assumptions: Assumptions) -> list[sp.Expr]:
    polynomial = sp.Poly(switch, X)
    if polynomial.degree() == 1:
        slope, intercept = polynomial.all_coeffs()
        if assumptions.sign(slope) not in ("+", "-"):
            raise DerivationError(
                f"Whether {slope} is zero decides where {switch} changes sign; say which with "
                f"--assume, e.g. --assume '{slope} > 0'."
            )
        return [sp.cancel(-intercept / slope)]
    if polynomial.free_symbols_in_domain:
        raise DerivationError(
            f"{switch} is not linear in x and has parameters; its sign changes cannot be ordered. "
            "Write it with linear conditions."
        )
    return list(dict.fromkeys(sp.real_roots(polynomial)))


def _inside(root: sp.Expr, stretch: Stretch, assumptions: Assumptions) -> bool:
    for low, high in ((stretch.lower, root), (root, stretch.upper)):
        if low.is_infinite or high.is_infinite:
            continue
        sign = assumptions.sign(high - low)
        if sign in ("-", "0", "<="):
            return False
        if sign != "+":
            raise _unordered(low, high)
    return True


def _insert(points: list[sp.Expr], root: sp.Expr, assumptions: Assumptions) -> sp.Expr:
    """Keep ``points`` ascending and distinct; the point that the root is."""
    for i, point in enumerate(points):
        sign = assumptions.sign(point - root)
        if sign == "0":
            return point
        if sign == "+":
            points.insert(i, root)
            return root
        if sign != "-":
            raise _unordered(root, point)
    points.append(root)
    return root


def _unordered(a: sp.Expr, b: sp.Expr) -> DerivationError:
    return DerivationError(
        f"The order of the joints {a} and {b} is not known; add it, e.g. --assume '{a} < {b}'."
    )


def _interior(lower: sp.Expr, upper: sp.Expr) -> sp.Expr:
    if lower.is_infinite and upper.is_infinite:
        return sp.S.Zero
    if lower.is_infinite:
        return upper - 1
    if upper.is_infinite:
        return lower + 1
    return (lower + upper) / 2


def _settle(node: sp.Expr, sign_of: Callable[[sp.Expr], Sign | None]) -> sp.Expr:
    """What ``node`` is where its switches have these signs.

    Raises:
        DerivationError: If a sign that it takes is not known, or no branch applies.
    """

    def sign(switch: sp.Expr) -> str:
        found = sign_of(switch)
        if not isinstance(node, _JUMPING):  # continuous: where u ≥ 0, |u| = u whether u = 0 or not
            found = "+" if found == ">=" else "-" if found == "<=" else found
        if found not in ("+", "-", "0"):
            raise DerivationError(f"The sign of {switch} is not known.")
        return found

    if isinstance(node, sp.Abs):
        return node.args[0] if sign(node.args[0]) != "-" else -node.args[0]
    if isinstance(node, sp.sign):
        return {"+": sp.S.One, "-": sp.S.NegativeOne, "0": sp.S.Zero}[sign(node.args[0])]
    if isinstance(node, sp.Heaviside):
        return {"+": sp.S.One, "-": sp.S.Zero, "0": sp.S.Half}[sign(node.args[0])]
    if isinstance(node, sp.Min | sp.Max):
        beaten = "-" if isinstance(node, sp.Max) else "+"
        best = node.args[0]
        for arg in node.args[1:]:
            if sign(best - arg) == beaten:
                best = arg
        return best
    for value, condition in node.args:
        settled = condition.replace(
            lambda c: isinstance(c, Relational), lambda c: _truth(c, sign(c.lhs - c.rhs))
        )
        if settled == sp.true:
            return value
    raise DerivationError(f"No branch of {node} applies.")


def _truth(relation: Relational, sign: str) -> sp.Basic:
    holds = {
        ">": sign == "+", "<": sign == "-",
        ">=": sign in "+0", "<=": sign in "-0",
    }[relation.rel_op]  # fmt: skip
    return sp.true if holds else sp.false
