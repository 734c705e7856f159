"""`convex`: f is convex.

A convex function on the line is continuous. A continuous piecewise analytic f is convex iff f″ ≥ 0
on every piece and no jump of f′ is negative. docs/proofs/convex.md.
"""

from __future__ import annotations

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.certify.properties.continuous import find_jump
from rescu_cli.certify.properties.signs import falling_jump, negative_somewhere, prove_nonnegative


def decide(answer: Answer) -> Claim:
    """Look for a refutation in f″, in jumps of f and of f′; then prove the three signs."""
    answer.facts.require_analytic()
    dip = negative_somewhere(answer, 2)
    if dip is not None:
        return answer.refuted("f'' < 0 at the witness", answer.witness(dip, "f''", -1))
    gap = find_jump(answer, 0)
    if gap is not None:
        return answer.refuted(
            "f is not continuous, and a convex function is", answer.witness(gap[1], "jump of f", 1)
        )
    jump = falling_jump(answer, 1)
    if jump is not None:
        return answer.refuted("f' falls at the joint", answer.witness(jump, "jump of f'"))
    prove_nonnegative(answer, 2)
    return answer.proved()
