"""`gradient_lipschitz`: the smallest Lipschitz constant of f′, sup|f″|, or ``inf``.

If f′ is continuous and piecewise C¹ its Lipschitz constant is sup|f″| over the pieces (mean value
theorem); if f or f′ jumps there is none. docs/proofs/extrema.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer


def decide(answer: Answer) -> Claim:
    """Infinite if f or f′ jumps, otherwise the largest |f″| over the pieces."""
    known = answer.facts
    known.require_analytic()
    open_cases: list[sp.Expr] = []
    for order in (0, 1):
        for joint in range(len(known.joints)):
            sign = known.jump_sign(joint, order)
            if sign in ("+", "-"):
                where = known.c * known.joints[joint]
                return answer.proved("inf", f"f{chr(39) * order} jumps at x = {where}")
            if sign != "0":
                open_cases.append(sp.factor(known.jump(joint, order)))
    bound = known.curvature_of(largest_magnitude(known))
    if not open_cases:
        return answer.proved(bound)
    if any(c.free_symbols == set() for c in open_cases):
        raise UndecidedError(f"whether the jump {open_cases[0]} is zero does not follow")
    smooth_case = sp.And(*[sp.Eq(c, 0) for c in open_cases])
    # As an expression, not as text: the error of a decimal in it has to be told.
    return answer.proved(
        sp.Piecewise((bound, smooth_case), (sp.oo, True)), "infinite where f' jumps"
    )


def largest_magnitude(known: Facts) -> sp.Expr:
    """sup|f″| over the pieces of the unit function."""
    magnitudes = []
    for value in known.candidates(2):
        sign = known.knowledge.sign(value)
        if sign in ("+", ">=", "0"):
            magnitudes.append(value)
        elif sign in ("-", "<="):
            magnitudes.append(-value)
        else:
            magnitudes.append(sp.Abs(sp.factor(value)))
    return known.knowledge.extreme(magnitudes, 1)
