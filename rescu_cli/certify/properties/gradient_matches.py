"""`gradient_matches`: the stated gradient is f′ wherever f is differentiable.

On each piece d/dx value − gradient must vanish identically (normal form); refuted by a point where
its enclosure excludes zero. docs/proofs/gradient_matches.md.
"""

from __future__ import annotations

from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.calculus.regular import require_continuous
from rescu_cli.certify.calculus.witness import decimal, search
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.core.surrogate import label


def decide(answer: Answer) -> Claim:
    """An identity on every piece, or a confirmed point where it fails."""
    # Only the value is proved to scale, so the family must not be reduced to one parameter value.
    known = answer.unscaled
    points = instances(answer.activation.assumptions)
    doubt: str | None = None
    for i, branch in enumerate(known.branches):
        if known.matching[i]:
            require_continuous(branch.gradient, branch.span)
            continue
        mismatch = known.gradient_mismatch(i)
        for sign in ("+", "-"):
            found = search(mismatch, branch.span, sign, points)
            if found is not None:
                warning = label(answer.activation)
                return answer.refuted(
                    f"between x = {branch.span.lower} and {branch.span.upper} the gradient is not "
                    "the derivative of the value" + (f"; surrogate: {warning}" if warning else ""),
                    answer.at(found.x, found.parameters, known)
                    | {"f' - gradient": decimal(found.ball)},
                )
        doubt = f"d/dx of {branch.value} is not shown to equal {branch.gradient}"
    if doubt:
        return answer.undecided(doubt)
    known.require_continuous()
    return answer.proved(lemma=None)
