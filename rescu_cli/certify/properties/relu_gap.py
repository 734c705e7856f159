"""`relu_gap`: sup|f − base|, base the kinked line whose two rays f follows.

The base is the one stored with the activation, otherwise the one its two proved asymptotes form.
On each side of the kink f − base is charted like f itself. docs/proofs/relu_gap.md.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.extrema import extreme_candidates
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer
from rescu_cli.certify.properties.asymptotes import NoLineError, asymptote
from rescu_cli.core.activation import Kink
from rescu_cli.core.symbols import X


def decide(answer: Answer) -> Claim:
    """The largest distance on either side of the kink."""
    known = answer.facts
    known.require_analytic()
    try:
        base, known = base_of(answer, known)
    except NoLineError as reason:
        return answer.refuted(f"there is no base to compare with: {reason}")
    magnitudes: list[sp.Expr] = []
    for i, branch in enumerate(known.branches):
        for span, line in sides(branch.span, base):
            magnitudes += _magnitudes(known, i, span, line)
    largest = known.knowledge.extreme(dict.fromkeys(magnitudes), 1)
    gap = largest if largest.is_infinite else known.value_of(largest)
    return answer.proved(gap, f"base: {_describe(base, known)}", lemma=known.lemma)


def base_of(answer: Answer, known: Facts) -> tuple[Kink, Facts]:
    """The base of the unit function; of the function itself if the kink does not scale with it."""
    kink = answer.activation.kink
    if kink is None:
        left, right = (asymptote(known, side) for side in (-1, 1))
        rise = known.knowledge.sign(right[0] - left[0])
        if rise == "0":
            raise NoLineError("the two asymptotes have the same slope")
        if rise not in ("+", "-"):
            raise UndecidedError("whether the two asymptotes meet does not follow")
        at = sp.cancel((left[1] - right[1]) / (right[0] - left[0]))
        return Kink(left[0], right[0], at, sp.expand(left[0] * at + left[1])), known
    if known.scaling is not None and not _kink_scales(kink, known):
        known = answer.unscaled
        known.require_analytic()
    parts = (kink.slope_left, kink.slope_right, kink.at, kink.offset)
    return Kink(*(sp.sympify(p, strict=True).subs(known.unit) for p in parts)), known


def _kink_scales(kink: Kink, known: Facts) -> bool:
    """Whether base_p(x) = c·base_1(x/c)."""
    at_one = {p: sp.sympify(p, strict=True).subs(known.unit) for p in (kink.at, kink.offset)}
    return all(vanishes(p - known.c * one) for p, one in at_one.items()) and not any(
        sp.sympify(s, strict=True).free_symbols & set(known.unit)
        for s in (kink.slope_left, kink.slope_right)
    )


def sides(span: Span, base: Kink) -> list[tuple[Span, sp.Expr]]:
    """A span cut at the kink, with the ray of the base that holds on each part."""
    left = base.offset + base.slope_left * (X - base.at)
    right = base.offset + base.slope_right * (X - base.at)
    order = span.knowledge
    if not span.upper.is_infinite and order.compare(span.upper, base.at) in ("-", "<=", "0"):
        return [(span, left)]
    if not span.lower.is_infinite and order.compare(span.lower, base.at) in ("+", ">=", "0"):
        return [(span, right)]
    if not span.contains(base.at):
        raise UndecidedError(f"the kink at {base.at} cannot be placed among the joints")
    return [(span.part(span.lower, base.at), left), (span.part(base.at, span.upper), right)]


def _magnitudes(known: Facts, index: int, span: Span, line: sp.Expr) -> list[sp.Expr]:
    difference = sp.expand(known.derivative(index, 0) - line)
    if vanishes(difference):
        return [sp.S.Zero]
    slope = known.derivative(index, 1) - sp.diff(line, X)
    slope = sp.expand(slope) if slope.is_polynomial(X) else slope
    values = [difference] if not difference.has(X) else None
    if values is None:
        values = extreme_candidates(difference, slope, span)
    found = []
    for value in values:
        sign = known.knowledge.sign(value)
        if sign in ("+", ">=", "0"):
            found.append(value)
        else:
            found.append(-value if sign in ("-", "<=") else sp.Abs(value))
    return found


def _describe(base: Kink, known: Facts) -> str:
    at, offset = known.c * base.at, known.c * base.offset
    if (base.slope_left, base.slope_right, at, offset) == (0, 1, 0, 0):
        return "ReLU"
    return f"slopes {base.slope_left} and {base.slope_right}, kink at ({at}, {offset})"
