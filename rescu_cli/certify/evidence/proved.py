"""From a proved claim to obligations: one theorem of docs/proofs per function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.evidence.case import NOT_FINITE, Case
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.reached import reach
from rescu_cli.certify.evidence.values import Bounds, bounds
from rescu_cli.certify.properties.asymptotes import NoLineError
from rescu_cli.certify.properties.homogeneous import family_of, scaling_degrees
from rescu_cli.certify.properties.relu_gap import base_of, sides
from rescu_cli.core.symbols import X


def _continuous(case: Case) -> None:
    case.scaling()
    case.continuous([b.value for b in case.facts.branches])
    case.jumps_vanish(0)


def _smooth(case: Case) -> None:
    case.scaling()
    case.analytic()
    known, value = case.facts, str(case.claim.value)
    if value == "inf":
        for left, right in zip(known.branches, known.branches[1:], strict=False):
            case.vanishes(left.value - right.value)
        return
    if not value.isdecimal():
        raise case.unknown("an order of smoothness is a whole number")
    order = int(value)
    case.jumps_vanish(order)
    found = case.choose("jump", lambda: _first_jump(case, order + 1))
    point = case.parameters(found["point"])
    case.at("differs_at", known.jump(case.joint(found["joint"]), order + 1), point)


def _first_jump(case: Case, order: int) -> dict[str, Any]:
    """The joint and the parameters at which f^(order) is shown to jump."""
    from rescu_cli.certify.properties.continuous import find_jump  # reason: only a search needs it

    found = find_jump(case.answer, order)
    if found is None:
        raise case.unknown(f"no jump of f^({order}) is confirmed")
    joint, witness = found
    return {
        "joint": joint,
        "point": {str(s): str(v) for s, v in witness.parameters.items()},
    }


def _gradient_matches(case: Case) -> None:
    case.facts = case.answer.unscaled
    case.continuous([b.value for b in case.facts.branches])
    case.continuous([b.gradient for b in case.facts.branches])
    for i in range(len(case.facts.branches)):
        case.vanishes(case.facts.gradient_mismatch(i))


def _monotone(case: Case) -> None:
    case.scaling()
    case.analytic()
    for i in range(len(case.facts.branches)):
        case.nonnegative(case.facts.derivative(i, 1), i)
    for joint in range(len(case.facts.joints)):
        if not case.facts.seamless[joint]:
            case.nonnegative(case.facts.jump(joint, 0))


def _convex(case: Case) -> None:
    case.scaling()
    case.analytic()
    case.jumps_vanish(0)
    for i in range(len(case.facts.branches)):
        case.nonnegative(case.facts.derivative(i, 2), i)
    for joint in range(len(case.facts.joints)):
        if not case.facts.seamless[joint]:
            case.nonnegative(case.facts.jump(joint, 1))


def _bounded_below(case: Case) -> None:
    case.scaling()
    case.analytic()
    found = bounds(case, str(case.claim.value), power=1)
    _require(case, found)
    _below(case, found, 0)
    reach(case, "lowest", found, 0, -1)


def _gradient_range(case: Case) -> None:
    case.scaling()
    case.analytic()
    low, high = (bounds(case, str(v), power=0) for v in case.claim.value or ())
    _require(case, low, -sp.oo)
    _require(case, high, sp.oo)
    _below(case, low, 1)
    _above(case, high, 1)
    reach(case, "lowest", low, 1, -1)
    reach(case, "highest", high, 1, 1)


def _gradient_lipschitz(case: Case) -> None:
    case.scaling()
    case.analytic()
    if str(case.claim.value) == "inf":
        found = case.choose("jump", lambda: _strict_jump(case))
        step = case.facts.jump(case.joint(found["joint"]), case.one_of(found["order"], (0, 1)))
        case.add(Obligation("positive", case.one_of(found["sign"], (1, -1)) * step))
        return
    case.jumps_vanish(1)
    found = bounds(case, str(case.claim.value), power=-1)
    _require(case, found)
    _below(case, found.negative, 2)
    _above(case, found, 2)
    reach(case, "highest", found, 2, 0)


def _strict_jump(case: Case) -> dict[str, Any]:
    for order in (0, 1):
        for joint in range(len(case.facts.joints)):
            sign = case.facts.jump_sign(joint, order)
            if sign in ("+", "-"):
                return {"joint": joint, "order": order, "sign": 1 if sign == "+" else -1}
    raise case.unknown("f' is unbounded without a jump")


def _require(case: Case, bound: Bounds, infinite: sp.Expr | None = None) -> None:
    """That a value is finite, or the one infinity that asks for no inequality."""
    if bound.low != infinite and bound.low.has(*NOT_FINITE):
        raise case.unknown(f"{bound.low} is no value of this claim")


def _below(case: Case, bound: Bounds, order: int) -> None:
    """f^(order) ≥ the lower bound on every piece."""
    if bound.low.is_infinite:
        return
    for i in range(len(case.facts.branches)):
        case.nonnegative(case.facts.derivative(i, order) - bound.low, i)


def _above(case: Case, bound: Bounds, order: int) -> None:
    if bound.high.is_infinite:
        return
    for i in range(len(case.facts.branches)):
        case.nonnegative(bound.high - case.facts.derivative(i, order), i)


def _asymptote(side: int) -> Callable[[Case], None]:
    def reduce(case: Case) -> None:
        case.scaling()
        case.analytic()
        line = case.claim.value
        if not isinstance(line, dict):
            raise case.unknown("the claim has no line")
        slope = bounds(case, line["slope"], power=0).low
        intercept = bounds(case, line["intercept"], power=1).low
        if slope.has(*NOT_FINITE) or intercept.has(*NOT_FINITE):
            raise case.unknown("a line has finite coefficients")
        value = case.facts.branches[0 if side < 0 else -1].value
        case.limit(value - slope * X - intercept, side, sp.S.Zero)

    return reduce


def _relu_gap(case: Case) -> None:
    try:
        base, known = base_of(case.answer, case.facts)
    except NoLineError as reason:
        raise case.unknown(str(reason)) from None
    case.facts = known
    case.scaling()
    case.analytic()
    gap = bounds(case, str(case.claim.value), power=1)
    _require(case, gap, sp.oo)
    parts: list[tuple[sp.Expr, sp.Expr, sp.Expr]] = []
    for i, branch in enumerate(known.branches):
        for span, line in sides(branch.span, base):
            difference = sp.expand(known.derivative(i, 0) - line)
            parts.append((difference, span.lower, span.upper))
            for sign in (1, -1) if not gap.high.is_infinite else ():
                kind = Obligation(
                    "nonnegative", gap.high + sign * difference, span.lower, span.upper
                )
                case.add(kind)
    reach(case, "highest", gap, 0, 0, parts)


def _homogeneous(case: Case) -> None:
    family = family_of(case.activation)
    taken = {p.name for p in family.parameters}
    c = sp.Symbol(next(n for n in ("c", "c_", "c__", "c___") if n not in taken), positive=True)
    moved = {s: c**d * s for s, d in scaling_degrees(family)}
    case.facts = case.answer.unscaled
    for piece in family.pieces:
        value = piece.value
        case.vanishes(value.subs({**moved, X: c * X}, simultaneous=True) - c * value)
    for left, right in zip(family.pieces, family.pieces[1:], strict=False):
        joint = left.upper
        drift = joint.subs(moved, simultaneous=True) - c * joint
        # A joint between two pieces that are one function is none.
        step = left.value - right.value
        case.vanishes(sp.S.Zero if sp.expand(step) == 0 else drift)


def _rescu(case: Case) -> None:
    case.scaling()
    case.analytic()
    case.jumps_vanish(1)
    known = case.facts
    direction = case.one_of(case.choose("direction", lambda: _direction(case)), (1, -1, 0))
    bends = [known.derivative(i, 2) for i in range(len(known.branches))]
    if direction == 0 and any(bend.has(X) for bend in bends):
        raise case.unknown("the products say it all for constant f'' only")
    for i, bend in enumerate(bends):
        if direction:
            case.nonnegative(direction * bend, i)
        for other in bends[:i] if not direction else ():
            case.nonnegative(bend * other)
    for index, side, end in zip((0, -1), (-1, 1), case.claim.value or (), strict=True):
        slope = known.derivative(index % len(known.branches), 1)
        end_slope = bounds(case, str(end), power=0)
        _require(case, end_slope)
        case.limit(slope, side, end_slope.low)


def _direction(case: Case) -> int:
    """1 if f″ ≥ 0 everywhere, −1 if f″ ≤ 0, 0 if it is constant on each piece, of either sign."""
    try:
        charts = [case.facts.chart(i, 2).overall for i in range(len(case.facts.branches))]
    except UndecidedError:
        charts = [None]
    for direction, good in ((1, ("+", ">=", "0")), (-1, ("-", "<=", "0"))):
        if all(sign in good for sign in charts):
            return direction
    if any(case.facts.derivative(i, 2).has(X) for i in range(len(case.facts.branches))):
        raise case.unknown("the direction of the gradient depends on the parameters")
    return 0


REDUCTIONS: dict[str, Callable[[Case], None]] = {
    "continuous": _continuous,
    "smooth": _smooth,
    "gradient_matches": _gradient_matches,
    "monotone": _monotone,
    "convex": _convex,
    "bounded_below": _bounded_below,
    "gradient_range": _gradient_range,
    "gradient_lipschitz": _gradient_lipschitz,
    "left_asymptote": _asymptote(-1),
    "right_asymptote": _asymptote(1),
    "relu_gap": _relu_gap,
    "homogeneous": _homogeneous,
    "rescu": _rescu,
}
"""Claim -> its reduction; each adds to the case and may give up with UndecidedError."""


def reduction(claim: Claim) -> Callable[[Case], None]:
    """The reduction of a proved claim."""
    return REDUCTIONS[claim.claim]
