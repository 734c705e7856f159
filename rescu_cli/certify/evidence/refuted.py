"""From a refuted claim to the one statement that refutes it, at the witness."""

from __future__ import annotations

from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.tail import limit
from rescu_cli.certify.calculus.witness import search
from rescu_cli.certify.evidence.case import Case
from rescu_cli.certify.facts import facts
from rescu_cli.certify.properties.asymptotes import NoLineError, asymptote
from rescu_cli.certify.properties.homogeneous import (
    admissible,
    family_of,
    scaling_degrees,
    value_at,
)
from rescu_cli.core.symbols import X

_LINES = {"left_asymptote": -1, "right_asymptote": 1}
_JUMPS = {"jump of f": 0, "jump of f'": 1}
_SLOPES = {"f'": 1, "f''": 2}
_SHOWN = {
    "continuous": ("jump of f",),
    "smooth": ("jump of f",),
    "monotone": ("jump of f", "f'"),
    "convex": ("jump of f", "jump of f'", "f''"),
    "rescu": ("jump of f", "jump of f'", "f''"),
}
"""What a witness can show against a claim: a jump of f′ says nothing about continuity."""


def reduction(case: Case) -> None:
    """Add what refutes the claim.

    Raises:
        UndecidedError: If the refutation has no such form.
    """
    witness = dict(case.claim.witness or {})
    name = case.claim.claim
    if name == "homogeneous":
        _not_homogeneous(case, witness)
    elif name == "gradient_matches":
        point, index = _place(case, witness)
        case.at("differs_at", case.facts.gradient_mismatch(index), point)
    elif name == "bounded_below":
        _unbounded(case, witness)
    elif name == "relu_gap":
        _no_base(case)
    elif name in _LINES:
        _no_line(case, witness, _LINES[name])
    else:
        _at_witness(case, witness)


def _at_witness(case: Case, witness: dict[str, str]) -> None:
    """A jump or a wrong sign, whichever the witness shows."""
    shown = _SHOWN.get(case.claim.claim, ())
    for what, order in _JUMPS.items():
        if what in witness and what in shown:
            point, joint = _joint(case, witness)
            step = case.facts.jump(joint, order)
            falls = case.claim.claim in ("monotone", "convex") and not (
                case.claim.claim == "convex" and order == 0
            )
            if falls:
                case.at("positive_at", -step, point)
            else:
                case.at("differs_at", step, point)
            return
    for what, order in _SLOPES.items():
        if what in witness and what in shown:
            point, index = _place(case, witness)
            case.at("positive_at", -case.facts.derivative(index, order), point)
            if case.claim.claim == "rescu":
                _rises_elsewhere(case, point)
            return
    raise case.unknown("the witness shows nothing that refutes the claim")


def _rises_elsewhere(case: Case, point: dict[sp.Symbol, sp.Expr]) -> None:
    """The gradient falls at the witness; here it rises, at the same parameters."""
    parameters = {s: v for s, v in point.items() if s != X}

    def find() -> dict[str, Any]:
        for i, branch in enumerate(case.facts.branches):
            found = search(case.facts.derivative(i, 2), branch.span, "+", [parameters])
            if found is not None:
                return {"piece": i, "x": str(found.x)}
        raise case.unknown("no second place is found")

    second = case.choose("rises", find)
    index = case.index(second["piece"], len(case.facts.branches))
    at = case.number(str(second["x"]))
    span = case.facts.branches[index].span
    _require_inside(case, span.lower, at, span.upper, parameters)
    case.at("positive_at", case.facts.derivative(index, 2), {**parameters, X: at})


def _require_inside(
    case: Case, low: sp.Expr, at: sp.Expr, high: sp.Expr, parameters: dict[sp.Symbol, sp.Expr]
) -> None:
    for margin in (at - low, high - at):
        if not margin.is_infinite:
            case.at("positive_at", margin, {X: at, **parameters})


def _place(case: Case, witness: dict[str, str]) -> tuple[dict[sp.Symbol, sp.Expr], int]:
    """The witness as a point, and the piece whose interior it lies in."""
    parameters = case.parameters(witness)
    at = case.number(witness["x"]).subs(parameters)
    sign = case.facts.knowledge.compare
    for i, branch in enumerate(case.facts.branches):
        low, high = (e.subs(parameters) for e in (branch.span.lower, branch.span.upper))
        if sign(at, low) == "+" and sign(high, at) == "+":
            return {**parameters, X: at}, i
    raise case.unknown(f"x = {at} lies inside no piece")


def _joint(case: Case, witness: dict[str, str]) -> tuple[dict[sp.Symbol, sp.Expr], int]:
    parameters = case.parameters(witness)
    at = case.number(witness["x"]).subs(parameters)
    for i, joint in enumerate(case.facts.joints):
        if case.facts.knowledge.compare(joint.subs(parameters), at) == "0":
            return parameters, i
    raise case.unknown(f"x = {at} is no joint")


def _unbounded(case: Case, witness: dict[str, str]) -> None:
    side = -1 if witness.get("x") == "-inf" else 1
    parameters = case.parameters(witness)
    value = case.facts.branches[0 if side < 0 else -1].value
    case.limit(value.subs(parameters), side, -sp.oo)


def _no_line(case: Case, witness: dict[str, str], side: int) -> None:
    """f(x)/x → ±∞, or f(x)/x → s and f(x) − s·x → ±∞."""
    parameters = case.parameters(witness) if case.activation.free_parameters and witness else {}
    if case.activation.free_parameters and not parameters:
        raise case.unknown("no line for any parameters: not a statement at one point")
    value = case.facts.branches[0 if side < 0 else -1].value.subs(parameters)
    knowledge = case.facts.knowledge
    slope = limit(value / X, side, knowledge)
    case.limit(value / X, side, slope)
    if not slope.is_infinite:
        rest = sp.expand(value - slope * X)
        case.limit(rest, side, limit(rest, side, knowledge))
        if not limit(rest, side, knowledge).is_infinite:
            raise case.unknown("the growth has no such form")


def _no_base(case: Case) -> None:
    """Both asymptotes have one slope: no kinked line has them as its two rays."""
    if case.activation.kink is not None:
        raise case.unknown("the activation comes with a base")
    known = facts(case.activation)
    case.facts = known
    case.scaling()
    slopes = []
    for index, side in ((0, -1), (-1, 1)):
        try:
            slope, intercept = asymptote(known, side)
        except NoLineError as reason:
            raise case.unknown(str(reason)) from None
        slopes.append(slope)
        case.limit(known.branches[index].value - slope * X - intercept, side, sp.S.Zero)
    case.vanishes(slopes[0] - slopes[1])


def _not_homogeneous(case: Case, witness: dict[str, str]) -> None:
    family = family_of(case.activation)
    c, x = case.number(witness["c"]), case.number(witness["x"])
    if not (c.is_Rational and c > 0 and x.is_Rational):
        raise case.unknown("c > 0 and x are fractions")
    degrees = dict(scaling_degrees(family))
    # The family's parameters, where the activation is a member that has them bound.
    values = {p.symbol: case.number(witness[p.name]) for p in family.free_parameters}
    moved = {s: v * c ** degrees.get(s, 0) for s, v in values.items()}
    if not (admissible(family, values) and admissible(family, moved)):
        raise case.unknown("the family has no such members")
    difference = value_at(family, c * x, moved) - c * value_at(family, x, values)
    case.at("differs_at", difference, {})
