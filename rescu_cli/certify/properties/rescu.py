"""`rescu`: the gradient is continuous and goes monotonically from g₋ to g₊; the value is [g₋, g₊].

f ∈ C¹, f″ ≥ 0 on every piece or f″ ≤ 0 on every piece, and f′ has limits at both ends.
docs/proofs/rescu.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.chart import chart
from rescu_cli.certify.calculus.signs import flip, product_sign
from rescu_cli.certify.calculus.tail import end_value
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import Witness, search
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer, text
from rescu_cli.certify.properties.continuous import find_jump
from rescu_cli.core.symbols import X


def decide(answer: Answer) -> Claim:
    """Needs f ∈ C¹, one direction of f″, finite slopes at both ends."""
    known = answer.facts
    known.require_analytic()
    for order, name in ((0, "f"), (1, "f'")):
        jump = find_jump(answer, order)
        if jump is not None:
            return answer.refuted(
                f"{name} is not continuous", answer.witness(jump[1], f"jump of {name}", 1 - order)
            )
    turn = _both_ways(answer)
    if turn is not None:
        rising, falling = turn
        place = answer.at(rising.x, rising.parameters)["x"]
        return answer.refuted(
            f"the gradient falls at the witness and rises at x = {place}",
            answer.witness(falling, "f''", -1),
        )
    _prove_one_direction(known)
    ends = []
    for index, point in ((0, -sp.oo), (-1, sp.oo)):
        last = index % len(known.branches)
        end = end_value(known.derivative(last, 1), point, known.knowledge)
        if end.is_infinite:
            return answer.refuted(f"the gradient is unbounded as x -> {text(point)}")
        ends.append(text(known.knowledge.tidy(end)))
    return answer.proved((ends[0], ends[1]))


def _both_ways(answer: Answer) -> tuple[Witness, Witness] | None:
    """Confirmed points with f″ > 0 and f″ < 0 at the same parameters."""
    known = answer.facts
    for parameters in answer.points:
        found: dict[str, Witness] = {}
        for i, branch in enumerate(known.branches):
            expr = known.derivative(i, 2)
            if expr == 0:
                continue
            for sign in ("+", "-"):
                if sign not in found:
                    witness = search(expr, branch.span, sign, [parameters], answer.places)
                    if witness is not None:
                        found[sign] = witness
        if len(found) == 2:
            return found["+"], found["-"]
    return None


def _prove_one_direction(known: Facts) -> None:
    """f″ = aᵢ·hᵢ on piece i with aᵢ free of x and hᵢ ≥ 0; the aᵢ must agree in sign.

    The sign may depend on the parameters (g₋ and g₊ in either order): then all products aᵢ·aⱼ ≥ 0.
    """
    constants: list[sp.Expr] = []
    for i, branch in enumerate(known.branches):
        curvature = known.derivative(i, 2)
        if curvature.is_polynomial(X):
            curvature = sp.factor(curvature)
        if curvature == 0:
            continue
        constant, rest = curvature.as_independent(X, as_Add=False)
        if rest == 1:
            constants.append(constant)
            continue
        overall = chart(rest, branch.span).overall
        if overall in ("-", "<="):
            constant, overall = -constant, flip(overall)
        if overall not in ("+", ">=", "0"):
            raise UndecidedError(f"the sign of f'' = {curvature} does not follow")
        constants.append(constant)
    for i, a in enumerate(constants):
        for b in constants[:i]:
            sign = product_sign([known.knowledge.sign(a), known.knowledge.sign(b)])
            if sign is None:
                sign = known.knowledge.sign(a * b)
            if sign not in ("+", ">=", "0"):
                raise UndecidedError(f"whether {a} and {b} have the same sign does not follow")
