"""Real-root isolations: the proof that a rational function of x alone has one sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.sturm import SturmChain
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError, UsageError

MAX_DEGREE = 64
_HALVINGS = 1000
"""To part a root from the ends of the interval; roots of degree 64 lie closer only by design."""
Interval = tuple[sp.Expr, sp.Expr]


def isolate(obligation: Obligation) -> dict[str, Any] | None:
    """Isolations that prove a statement g ≥ 0 (> 0); None if it is not of the right form.

    Every distinct root of N·D, where g = N/D, that lies in the interval is enclosed by an interval
    with rational ends of its own, by continued fractions (SymPy) and halving.

    Raises:
        InternalError: If g is negative somewhere: another engine proved that it is not.
    """
    sides = _product(obligation)
    if sides is None:
        return None
    product, denominator = sides
    found = _isolations(product, obligation.lower, obligation.upper)
    if found is None:
        return None
    data = {
        "by": "roots",
        "numerator_times_denominator": str(product.as_expr()),
        "isolations": [[str(a), str(b)] for a, b in found],
    }
    wrong = _check(obligation, product, denominator, found)
    if wrong is not None:
        raise InternalError(
            f"Root isolation on {obligation.expr}: {wrong}; but another engine proved that it is "
            f"{obligation.kind}. Please report this activation: one of the two is wrong."
        )
    return data


def check_isolations(obligation: Obligation, evidence: Mapping[str, Any]) -> str | None:
    """Check kept isolations by counting with Sturm's theorem.

    Returns:
        None if they prove the statement, otherwise what is wrong.

    Raises:
        UsageError: If they are malformed.
    """
    sides = _product(obligation)
    if sides is None:
        return "the statement is not about a rational function of x alone"
    product, denominator = sides
    if evidence.get("numerator_times_denominator") != str(product.as_expr()):
        return "the isolations are of another polynomial"
    try:
        found = [
            tuple(parse_exact(str(end), {}) for end in pair) for pair in evidence["isolations"]
        ]
    except (KeyError, TypeError) as error:
        raise UsageError(f"Not the isolations of a certificate: {error!r:.80}") from error
    if any(len(pair) != 2 or not all(end.is_Rational for end in pair) for pair in found):
        return "an isolation is a pair of rational numbers"
    return _check(obligation, product, denominator, [(a, b) for a, b in found])


def _product(obligation: Obligation) -> tuple[sp.Poly, sp.Poly] | None:
    """N·D and D of g = N/D with rational coefficients, if the ends are rational or infinite."""
    ends = (obligation.lower, obligation.upper)
    if obligation.expr.free_symbols != {X} or not all(e.is_Rational or e.is_infinite for e in ends):
        return None
    if not obligation.expr.is_rational_function(X):
        return None
    # Nothing is cancelled: where a denominator vanishes, the statement is not proved.
    top, bottom = (sp.Poly(part, X) for part in sp.fraction(sp.together(obligation.expr)))
    product = top * bottom
    if product.degree() > MAX_DEGREE or not all(c.is_Rational for c in product.all_coeffs()):
        return None
    return product, bottom


def _isolations(product: sp.Poly, lower: sp.Expr, upper: sp.Expr) -> list[Interval] | None:
    """Intervals in [lower, upper], ascending, with one distinct root each; None if none settle."""
    if product.is_ground:
        return []
    chain = SturmChain(product)
    linear = [factor for factor, _ in product.factor_list()[1] if factor.degree() == 1]
    rational = [-factor.nth(0) / factor.nth(1) for factor in linear]
    found: list[Interval] = []
    for low, high in product.sqf_part().intervals(sqf=True):
        for root in rational:
            if low < root < high:  # an end that is a root belongs to the interval beside
                low = high = root
        for _ in range(_HALVINGS):
            if low == high or _settled(chain, low, high, lower, upper):
                break
            low, high = _half(chain, low, high)
        else:
            return None
        outside = high <= lower or low >= upper  # the statement is about the open interval
        if not outside:
            found.append((low, high))
    return sorted(found)


def _settled(
    chain: SturmChain, low: sp.Expr, high: sp.Expr, lower: sp.Expr, upper: sp.Expr
) -> bool:
    """Whether the interval is inside or outside, with ends that are no roots themselves."""
    beside = high <= lower or low >= upper
    return beside or (
        lower <= low and high <= upper and 0 not in (chain.sign(low), chain.sign(high))
    )


def _half(chain: SturmChain, low: sp.Expr, high: sp.Expr) -> Interval:
    """The half that holds the root."""
    middle = (low + high) / 2
    if chain.sign(middle) == 0:
        return middle, middle
    return (low, middle) if chain.count(low, middle) else (middle, high)


def _check(
    obligation: Obligation, product: sp.Poly, denominator: sp.Poly, found: Sequence[Interval]
) -> str | None:
    """What is wrong with isolations, None if they prove the statement.

    Disjoint intervals that hold one root each, as many as there are roots, leave gaps without a
    root: on each the sign is that of one point.
    """
    if product.is_zero:
        return None if obligation.kind == "nonnegative" else "it is 0"
    lower, upper = obligation.lower, obligation.upper
    chain = SturmChain(product)
    if SturmChain(denominator).count(lower, upper):
        return "the denominator has a root there"
    if chain.count(lower, upper) != len(found):
        return f"there are {chain.count(lower, upper)} roots, not {len(found)}"
    if obligation.kind == "positive" and found:
        return "it is 0 at a root"
    before = lower
    for low, high in found:
        exact = low == high
        if not (before < low < upper if exact else before <= low < high <= upper):
            return "the isolations overlap, or leave the interval"
        at_ends = (chain.sign(low), chain.sign(high))
        if at_ends != (0, 0) if exact else 0 in at_ends or chain.count(low, high) != 1:
            return f"[{low}, {high}] does not hold one root"
        before = high
    ends = [lower, *(end for pair in found for end in pair), upper]
    for a, b in zip(ends[::2], ends[1::2], strict=True):
        if (point := _between(chain, a, b)) is not None and chain.sign(point) < 0:
            return f"it is negative at {point}"
    return None


def _between(chain: SturmChain, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
    """A rational point of the gap [a, b], whose inside has no root."""
    if a.is_infinite or b.is_infinite:
        if a.is_infinite and b.is_infinite:
            return sp.S.Zero
        return b - 1 if a.is_infinite else a + 1
    return (a + b) / 2
