"""`smooth`: the largest k with f ∈ C^k, for all admissible parameters; ``inf`` if there is none.

Pieces that are analytic on their closed intervals have one-sided derivatives of every order, given
by substitution. f ∈ C^k iff the one-sided derivatives of orders 0…k agree at every joint (by the
mean value theorem, order by order). docs/proofs/smooth.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.witness import Point
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.certify.properties.continuous import find_jump
from rescu_cli.core.symbols import X

_ORDERS = 8
"""Past this order, pieces that are not polynomials and still agree are left undecided."""


def decide(answer: Answer) -> Claim:
    """Jumps of f, f′, f″, … until one is not zero."""
    known = answer.facts
    known.require_analytic()
    if not known.joints:
        return answer.proved("inf", "one analytic piece")
    if all(known.seamless):
        return answer.proved("inf", "all pieces are one analytic function")
    order = 0
    while order <= _last_order(answer):
        jump = find_jump(answer, order)
        if jump is None:
            order += 1
            continue
        joint, witness = jump
        if order == 0:
            return answer.refuted(
                f"f jumps at x = {known.joints[joint]}", answer.witness(witness, "jump of f", 1)
            )
        return answer.proved(str(order - 1), _note(answer, joint, order, witness.parameters))
    if known.polynomial:
        return answer.proved("inf", "all pieces are one polynomial")
    return answer.undecided(
        f"f is C^{order - 1}; higher derivatives agree so far, but the pieces are not shown to be "
        "one function"
    )


def _last_order(answer: Answer) -> int:
    """Polynomials whose derivatives agree up to their degree are equal."""
    known = answer.facts
    if not known.polynomial:
        return _ORDERS
    # A polynomial that expands to 0 has degree −∞.
    degrees = [sp.degree(b.value, X) for b in known.branches if b.value.has(X)]
    return max((int(d) for d in degrees if d.is_finite), default=0)


def _note(answer: Answer, joint: int, order: int, parameters: Point) -> str:
    """Where smoothness ends, and that it need not end there for every parameter value."""
    known = answer.facts
    note = f"f^({order}) jumps at x = {known.c * known.joints[joint]}"
    if known.jump_sign(joint, order) in ("+", "-"):
        return note
    shown = ", ".join(f"{k} = {v}" for k, v in parameters.items())
    step = sp.factor(known.jump(joint, order))
    return f"{note}, e.g. at {shown}; smoother where {step} = 0"
