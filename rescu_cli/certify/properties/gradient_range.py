"""`gradient_range`: [inf f′, sup f′] over the points where f is differentiable.

On each piece f′ is monotone between the zeros of f″. docs/proofs/extrema.md.
"""

from __future__ import annotations

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer


def decide(answer: Answer) -> Claim:
    """The extreme candidate slopes."""
    known = answer.facts
    known.require_analytic()
    slopes = known.candidates(1)
    low, high = (known.knowledge.extreme(slopes, d) for d in (-1, 1))
    return answer.proved((low, high))
