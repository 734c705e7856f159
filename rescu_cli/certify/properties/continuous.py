"""`continuous`: f is continuous on the real line.

Each piece is continuous on its closed interval (structure), so f is continuous iff the one-sided
values agree at every joint. docs/proofs/continuous.md.
"""

from __future__ import annotations

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import Witness, at_parameters
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer


def decide(answer: Answer) -> Claim:
    """One-sided values at the joints, after structure has settled the pieces."""
    known = answer.facts
    known.require_continuous()
    jump = find_jump(answer, 0)
    if jump is None:
        return answer.proved()
    return answer.refuted(
        f"f jumps at x = {answer.facts.joints[jump[0]]}",
        answer.witness(jump[1], "jump of f", 1),
    )


def find_jump(answer: Answer, order: int) -> tuple[int, Witness] | None:
    """The first joint at which d^order f jumps for some parameters; None if proved to be none.

    Raises:
        UndecidedError: If a jump is neither proved to vanish nor confirmed not to.
    """
    doubt: str | None = None
    for joint, place in enumerate(answer.facts.joints):
        sign = answer.facts.jump_sign(joint, order)
        if sign == "0":
            continue
        step = answer.facts.jump(joint, order)
        found = at_parameters(step, None, answer.points)
        if found is not None:
            parameters, ball = found
            return joint, Witness(place.subs(parameters), parameters, ball)
        doubt = doubt or f"whether {step} is zero (a jump at x = {place}) does not follow"
    if doubt:
        raise UndecidedError(doubt)
    return None
