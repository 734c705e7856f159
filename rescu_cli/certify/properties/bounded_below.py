"""`bounded_below`: f has a finite infimum; the value is inf f.

Between consecutive zeros of f′ f is monotone, so the infimum is the smallest of its values at those
zeros, at the ends of the pieces, and its limits. docs/proofs/extrema.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.tail import limit
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer


def decide(answer: Answer) -> Claim:
    """Look for −∞ at both ends; otherwise the smallest candidate value."""
    known = answer.facts
    known.require_analytic()
    for index, side in ((0, -1), (-1, 1)):
        value = known.branches[index].value
        for parameters in answer.points:
            try:
                end = limit(value.subs(parameters), side, known.knowledge)
            except UndecidedError:
                continue
            if end is sp.S.NegativeInfinity:
                where = "-inf" if side < 0 else "inf"
                return answer.refuted(
                    f"f(x) -> -inf as x -> {where}", answer.at(None, parameters) | {"x": where}
                )
    try:
        lowest = known.knowledge.extreme(known.candidates(0), -1)
    except UndecidedError as reason:
        return _without_value(answer, str(reason))
    if lowest.has(sp.oo, -sp.oo):
        return answer.undecided(f"inf f = {lowest} is not shown to be finite")
    return answer.proved(known.value_of(lowest))


def _without_value(answer: Answer, reason: str) -> Claim:
    """Bounded without a known infimum: pieces continuous on closed intervals, limits above −∞."""
    known = answer.facts
    for index, side in ((0, -1), (-1, 1)):
        end = limit(known.branches[index].value, side, known.knowledge)
        if end is sp.S.NegativeInfinity:
            raise UndecidedError(reason)
    return answer.proved(
        note=f"bounded, being continuous with limits above -inf; inf f is not known: {reason}"
    )
