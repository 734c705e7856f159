"""What `monotone`, `convex` and `rescu` share: a derivative without negative values."""

from __future__ import annotations

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import Witness, at_parameters, in_cell, search
from rescu_cli.certify.properties.answer import Answer


def negative_somewhere(answer: Answer, order: int) -> Witness | None:
    """A confirmed point where d^order f < 0; finding none says nothing."""
    known, points = answer.facts, answer.points
    for i, branch in enumerate(known.branches):
        expr = known.derivative(i, order)
        if expr.is_Rational and expr >= 0:
            continue
        # Sampling is cheap and usually finds a wide dip; narrow ones are found by the chart.
        found = search(expr, branch.span, "-", points, answer.places)
        if found is not None:
            return found
    for i, branch in enumerate(known.branches):
        try:
            chart = known.chart(i, order)
        except UndecidedError:
            continue
        ends = [branch.span.lower, *chart.roots, branch.span.upper]
        for sign, a, b in zip(chart.signs, ends, ends[1:], strict=False):
            if sign in ("-", "<="):
                expr = known.derivative(i, order)
                found = in_cell(expr, a, b, "-", points, known.knowledge)
                if found is not None:
                    return found
    return None


def prove_nonnegative(answer: Answer, order: int) -> None:
    """Check that d^order f ≥ 0 on every piece and that d^(order−1) f never jumps down.

    Raises:
        UndecidedError: If that is not proved.
    """
    known = answer.facts
    for i in range(len(known.branches)):
        overall = known.chart(i, order).overall
        if overall not in ("+", ">=", "0"):
            raise UndecidedError(f"the sign of {known.derivative(i, order)} does not follow")
    for joint, place in enumerate(known.joints):
        if known.jump_sign(joint, order - 1) not in ("+", ">=", "0"):
            raise UndecidedError(f"whether f^({order - 1}) falls at x = {place} does not follow")


def falling_jump(answer: Answer, order: int) -> Witness | None:
    """A joint at which d^order f provably jumps down for some parameters."""
    known = answer.facts
    for joint, place in enumerate(known.joints):
        if known.jump_sign(joint, order) in ("+", ">=", "0"):
            continue
        found = at_parameters(known.jump(joint, order), "-", answer.points)
        if found is not None:
            parameters, ball = found
            return Witness(place.subs(parameters), parameters, ball)
    return None
