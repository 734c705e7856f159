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
    try:
        answer.facts.require_continuous()
    except UndecidedError:
        hidden = _hidden_jump(answer)
        if hidden is None:
            raise
        return hidden
    jump = find_jump(answer, 0)
    if jump is None:
        return answer.proved()
    return _refuted(answer, jump)


def _refuted(answer: Answer, jump: tuple[int, Witness]) -> Claim:
    return answer.refuted(
        f"f jumps at x = {answer.facts.joints[jump[0]]}",
        answer.witness(jump[1], "jump of f", 1),
    )


def _hidden_jump(answer: Answer) -> Claim | None:
    """A jump beside a removable singularity such as (x² − 1)/(x − 1) at x = 1.

    A fraction agrees with its cancelled form but for isolated points, so they have the same
    one-sided limits, and unequal ones refute. Equal ones prove nothing: the hole is still there.
    """
    cancelled = answer.facts.cancelled()
    bare = Answer(answer.claim, answer.activation, cancelled, method=answer.method)
    try:
        cancelled.require_continuous()
        jump = find_jump(bare, 0)
    except UndecidedError:
        return None
    return None if jump is None else _refuted(bare, jump)


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
