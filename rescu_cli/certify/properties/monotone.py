"""`monotone`: f is nondecreasing.

f is nondecreasing iff f′ ≥ 0 on every piece and no jump of f is negative (a joint belongs to one of
its neighbours, so its value adds no case). docs/proofs/monotone.md.
"""

from __future__ import annotations

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.certify.properties.signs import falling_jump, negative_somewhere, prove_nonnegative


def decide(answer: Answer) -> Claim:
    """Look for a falling jump and for f′ < 0; then prove both signs."""
    answer.facts.require_analytic()
    jump = falling_jump(answer, 0)
    if jump is not None:
        return answer.refuted("f falls at the joint", answer.witness(jump, "jump of f", 1))
    dip = negative_somewhere(answer, 1)
    if dip is not None:
        return answer.refuted("f' < 0 at the witness", answer.witness(dip, "f'"))
    prove_nonnegative(answer, 1)
    return answer.proved()
