"""`left_asymptote`, `right_asymptote`: the line with f(x) − slope·x − intercept → 0.

Read off the proved expansion of the end piece at infinity. docs/proofs/asymptotes.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.tail import LOG, tail
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import Point
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer, text
from rescu_cli.core.symbols import X


class NoLineError(Exception):
    """f provably has no asymptote; the text says how it grows."""


def left(answer: Answer) -> Claim:
    """The line that f approaches as x → −∞."""
    return _decide(answer, -1)


def right(answer: Answer) -> Claim:
    """The line that f approaches as x → +∞."""
    return _decide(answer, 1)


def _decide(answer: Answer, side: int) -> Claim:
    answer.facts.require_analytic()
    try:
        slope, intercept = asymptote(answer.facts, side)
    except NoLineError as reason:
        return answer.refuted(str(reason))
    except UndecidedError:
        found = _without_line(answer, side)
        if found is None:
            raise
        return found
    return answer.proved(
        {"slope": text(slope), "intercept": text(answer.facts.value_of(intercept))}
    )


def _without_line(answer: Answer, side: int) -> Claim | None:
    """A refutation by parameter values at which there provably is no line."""
    for parameters in answer.points if answer.activation.free_parameters else []:
        try:
            asymptote(answer.facts, side, parameters)
        except NoLineError as reason:
            return answer.refuted(str(reason), answer.at(None, parameters))
        except UndecidedError:
            continue
    return None


def asymptote(known: Facts, side: int, parameters: Point | None = None) -> tuple[sp.Expr, sp.Expr]:
    """Slope and intercept of the unit function's asymptote towards side·∞.

    Raises:
        NoLineError: If there provably is none.
        UndecidedError: If that is open.
    """
    value = known.branches[0 if side < 0 else -1].value.subs(parameters or {})
    found = tail(value, side, known.knowledge)
    where = "-inf" if side < 0 else "inf"
    if found.exponent != 0:
        sign = known.knowledge.sign(sp.Poly(found.exponent, X).LC())
        if sign == "-":
            return sp.S.Zero, sp.S.Zero
        if sign == "+" and found.coefficients and _strict(known, found.coefficients[0][1]):
            raise NoLineError(f"f grows exponentially as x -> {where}")
        raise UndecidedError(f"the growth of f as x -> {where} does not follow")
    terms = found.terms
    for power, coefficient in found.coefficients:
        beyond = power > 1 or (power >= 0 and coefficient.has(LOG))
        if beyond and _strict(known, coefficient):
            raise NoLineError(_growth(power, coefficient, where))
        if beyond:
            raise UndecidedError(f"whether {coefficient} is zero decides the growth of f")
    if found.error >= 0:
        raise UndecidedError(f"f is known only up to O(x^{found.error}) as x -> {where}")
    slope = side * terms.get(1, sp.S.Zero)
    return known.knowledge.tidy(slope), known.knowledge.tidy(terms.get(0, sp.S.Zero))


def _strict(known: Facts, coefficient: sp.Expr) -> bool:
    lead = sp.Poly(coefficient, LOG).LC() if coefficient.has(LOG) else coefficient
    return known.knowledge.sign(lead) in ("+", "-")


def _growth(power: int, coefficient: sp.Expr, where: str) -> str:
    if coefficient.has(LOG):
        times = "" if power == 0 else f"x^{power}*"
        return f"f leaves every line like {times}log|x| as x -> {where}"
    return f"f grows like x^{power} as x -> {where}"
