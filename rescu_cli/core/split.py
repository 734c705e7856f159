"""Cut an expression with Abs, Min, Max, sign, Heaviside and conditionals into smooth pieces.

Each such node switches where one function of x changes sign. We locate those places exactly, order
them under the assumptions, and settle every switch on each stretch by its sign at one interior
point, which is enough because no sign change is left inside.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import sympy as sp
from sympy.core.relational import Relational

from rescu_cli.core.activation import Owner
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import X
from rescu_cli.errors import DerivationError

_NODES = (sp.Abs, sp.sign, sp.Heaviside, sp.Min, sp.Max, sp.Piecewise)
_ODD_INCREASING = (sp.tanh, sp.atan, sp.erf, sp.sinh, sp.asinh)
_MAX_PIECES = 64


@dataclass(frozen=True)
class Stretch:
    """A smooth expression on the open interval (lower, upper)."""

    lower: sp.Expr
    upper: sp.Expr
    expr: sp.Expr


def split(expr: sp.Expr, assumptions: Assumptions) -> tuple[list[Stretch], list[Owner]]:
    """Cut ``expr`` at every place where one of its nodes switches.

    Returns:
        Stretches from −∞ to ∞ with different neighbours, and for each joint which neighbour has
        the value that ``expr`` has there ('left' if neither does).

    Raises:
        DerivationError: If a switch cannot be located or ordered under the assumptions.
    """
    stretches = _cut(Stretch(sp.S.NegativeInfinity, sp.S.Infinity, expr), assumptions)
    merged = stretches[:1]
    for stretch in stretches[1:]:
        if sp.expand(merged[-1].expr - stretch.expr) == 0:
            merged[-1] = Stretch(merged[-1].lower, stretch.upper, merged[-1].expr)
        else:
            merged.append(stretch)
    owners: list[Owner] = [_owner(expr, left, right) for left, right in itertools.pairwise(merged)]
    return merged, owners


def _owner(expr: sp.Expr, left: Stretch, right: Stretch) -> Owner:
    at_joint = expr.subs(X, left.upper)
    if sp.simplify(at_joint - left.expr.subs(X, left.upper)).is_zero:
        return "left"
    if sp.simplify(at_joint - right.expr.subs(X, left.upper)).is_zero:
        return "right"
    return "left"


def _cut(stretch: Stretch, assumptions: Assumptions) -> list[Stretch]:
    node = _innermost(stretch.expr)
    if node is None:
        return [stretch]
    switches = _switches(node)
    points: list[sp.Expr] = []
    for switch in switches:
        for root in _roots(switch, assumptions):
            if _inside(root, stretch, assumptions):
                _insert(points, root, assumptions)
    if len(points) > _MAX_PIECES:
        raise DerivationError(f"The gradient has more than {_MAX_PIECES} joints.")
    ends = [stretch.lower, *points, stretch.upper]
    result: list[Stretch] = []
    for lower, upper in itertools.pairwise(ends):
        middle = _interior(lower, upper)
        settled = _settle(node, middle, assumptions)
        part = Stretch(lower, upper, stretch.expr.xreplace({node: settled}))
        result.extend(_cut(part, assumptions))
    return result


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


def _roots(switch: sp.Expr, assumptions: Assumptions) -> list[sp.Expr]:
    while isinstance(switch, _ODD_INCREASING):  # same sign as its argument
        switch = switch.args[0]
    if not switch.has(X):
        return []
    if not switch.is_polynomial(X):
        switch = sp.numer(sp.together(switch)) if switch.is_rational_function(X) else switch
    if not switch.is_polynomial(X):
        raise DerivationError(
            f"Cannot locate where {switch} changes sign; write the condition so that it is a "
            "polynomial in x, e.g. 'a if x < beta else b'."
        )
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


def _insert(points: list[sp.Expr], root: sp.Expr, assumptions: Assumptions) -> None:
    """Keep ``points`` ascending and distinct."""
    for i, point in enumerate(points):
        sign = assumptions.sign(point - root)
        if sign == "0":
            return
        if sign == "+":
            points.insert(i, root)
            return
        if sign != "-":
            raise _unordered(root, point)
    points.append(root)


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


def _settle(node: sp.Expr, at: sp.Expr, assumptions: Assumptions) -> sp.Expr:
    """What ``node`` is on a stretch that has ``at`` inside and no switch."""

    def sign(switch: sp.Expr) -> str:
        while isinstance(switch, _ODD_INCREASING):
            switch = switch.args[0]
        known = assumptions.sign(switch.subs(X, at))
        if known not in ("+", "-", "0"):
            raise DerivationError(
                f"The sign of {switch} near x = {at} does not follow from: "
                f"{assumptions.describe() or 'no assumptions'}. Add one with --assume."
            )
        return known

    if isinstance(node, sp.Abs):
        return node.args[0] if sign(node.args[0]) != "-" else -node.args[0]
    if isinstance(node, sp.sign):
        return {"+": sp.S.One, "-": sp.S.NegativeOne, "0": sp.S.Zero}[sign(node.args[0])]
    if isinstance(node, sp.Heaviside):
        return {"+": sp.S.One, "-": sp.S.Zero, "0": sp.S.Half}[sign(node.args[0])]
    if isinstance(node, sp.Min | sp.Max):
        wanted = "+" if isinstance(node, sp.Max) else "-"
        best = node.args[0]
        for arg in node.args[1:]:
            if sign(arg - best) == wanted:
                best = arg
        return best
    for value, condition in node.args:
        settled = condition.replace(
            lambda c: isinstance(c, Relational), lambda c: _truth(c, sign(c.lhs - c.rhs))
        )
        if settled == sp.true:
            return value
    raise DerivationError(f"No branch of the conditional applies near x = {at}.")


def _truth(relation: Relational, sign: str) -> sp.Basic:
    holds = {
        ">": sign == "+", "<": sign == "-",
        ">=": sign in "+0", "<=": sign in "-0",
    }[relation.rel_op]  # fmt: skip
    return sp.true if holds else sp.false
