"""Check a claim about a family against other ways, at single members; agreeing proves nothing.

Nonlinear solvers have had wrong answers. What one of them proved for all parameters must hold for
each choice: the exact engine, which asks no solver, is asked about members drawn from the digest
over six decades; where it does not decide, balls at rational points are held against the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import sympy as sp

from rescu_cli.certify.calculus.instances import Instance, spread
from rescu_cli.certify.calculus.numbers import number_sign
from rescu_cli.certify.calculus.witness import confirmed, enclose, nonzero
from rescu_cli.certify.claims import Claim, Value
from rescu_cli.certify.engines.exact import ExactEngine
from rescu_cli.certify.properties.homogeneous import family_of, scaling_degrees, value_at
from rescu_cli.certify.question import Question
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.parse import parse_exact
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError

MEMBERS = 6
_BITS = 256
_STEPS = tuple(sp.Rational(k, 7) for k in range(1, 7))
_FACTORS = (sp.Rational(3, 7), sp.Rational(22, 7))


@lru_cache(maxsize=16)
def members(
    activation: Activation, count: int = MEMBERS
) -> tuple[tuple[Instance, Activation], ...]:
    """Members of a family at admissible rational parameters, drawn from its digest."""
    limits = [dict(m.at) for m in activation.limits]
    found: list[tuple[Instance, Activation]] = []
    for point in spread(activation.assumptions, count + len(limits), activation.digest):
        named = {s.name: v for s, v in point.items()}
        if not any(all(named.get(k) == v for k, v in at.items()) for at in limits):
            found.append((point, activation.bind(named)))
    return tuple(found[:count])


def crosscheck(claim: Claim, activation: Activation) -> int:
    """Hold a decided claim about a family against its members.

    A refutation with a witness was confirmed by a ball at that witness and is not checked again.

    Returns:
        How many members were held against it; none where no admissible choice was found.

    Raises:
        InternalError: If a member contradicts the claim: one of our two ways is wrong.
    """
    if claim.status is Verdict.UNDECIDED or (claim.status is Verdict.REFUTED and claim.witness):
        return 0
    # Homogeneity is a statement about the family, not about its members.
    family = family_of(activation) if claim.claim == "homogeneous" else activation
    checked = members(family)
    for point, member in checked:
        if claim.claim == "homogeneous":
            against = _not_homogeneous(family, point, member)
        else:
            against = _contradiction(claim, point, member)
        if against is not None:
            where = ", ".join(f"{s.name} = {v}" for s, v in point.items())
            raise InternalError(
                f"Two ways disagree on {claim.claim} of {activation.name}: {claim.method} says "
                f"{claim.status} (value {claim.value}, for all {claim.for_all}), but at {where} "
                f"{against}. No verdict is given. Please report this with the activation."
            )
    return len(checked)


def _contradiction(claim: Claim, point: Instance, member: Activation) -> str | None:
    """What speaks against the claim at one member, None if nothing does."""
    found = ExactEngine().decide(Question(claim.claim, member))
    if found is None or found.status is Verdict.UNDECIDED:
        return _against_balls(claim, point, member) if claim.proved else None
    if found.status is not claim.status:
        return f"the exact engine says {found.status} ({found.reason or found.witness})"
    if claim.value is None or found.value is None:
        return None
    if claim.claim == "smooth":  # the family is as smooth as its worst member
        least, here = _number(claim.value, point), _number(found.value, {})
        return None if here >= least else f"f is C^{found.value} only"
    pairs = zip(_texts(claim.value), _texts(found.value), strict=True)
    differ = [(a, b) for a, b in pairs if not _agree(_number(a, point), _number(b, {}))]
    return f"{differ[0][0]} is not the exact engine's {differ[0][1]}" if differ else None


def _texts(value: Value) -> list[str]:
    if isinstance(value, Mapping):
        return [value[k] for k in sorted(value)]
    return [value] if isinstance(value, str) else list(value)


def _number(text: Value, point: Instance) -> sp.Expr:
    """A value of a claim at given parameters."""
    infinite = {"inf": sp.S.Infinity, "-inf": sp.S.NegativeInfinity}
    if text in infinite:
        return infinite[str(text)]
    return parse_exact(str(text), {s.name: s for s in point}).subs(point)


def _agree(a: sp.Expr, b: sp.Expr) -> bool:
    """Whether two exact numbers are not shown to differ."""
    if a.is_infinite or b.is_infinite:
        return bool(a == b)
    return number_sign(a - b) not in ("+", "-")


# -- without the exact engine ------------------------------------------------------------------


def _places(member: Activation) -> Iterator[tuple[int, sp.Expr]]:
    """Points inside every piece, with its index."""
    for i, piece in enumerate(member.pieces):
        low, high = piece.lower, piece.upper
        for share in _STEPS:
            if low.is_infinite and high.is_infinite:
                yield i, (2 * share - 1) / (share * (1 - share))
            elif low.is_infinite:
                yield i, high - share / (1 - share)
            elif high.is_infinite:
                yield i, low + share / (1 - share)
            else:
                yield i, low + (high - low) * share


def _against_balls(claim: Claim, point: Instance, member: Activation) -> str | None:
    """A place at which an enclosure excludes the claim."""
    values = [_number(t, point) for t in _texts(claim.value)] if claim.value is not None else []
    if claim.claim in ("continuous", "smooth", "convex", "rescu"):
        for left, right in zip(member.pieces, member.pieces[1:], strict=False):
            if nonzero((right.value - left.value).subs(X, left.upper), None, {}) is not None:
                return f"f jumps at x = {left.upper}"
    signs: set[str] = set()
    for i, x in _places(member):
        f = [member.pieces[i].value]
        f += [sp.diff(f[0], X), sp.diff(f[0], X, 2)]
        for expr, sign in _excluded(claim.claim, f, member.pieces[i].gradient, values):
            if expr.has(sp.oo, -sp.oo, sp.nan):
                continue
            if confirmed(expr, x, {}, "+" if sign == "+" else "-") is not None:
                return f"{expr} {'>' if sign == '+' else '<'} 0 at x = {x}"
        bend = enclose(f[2], x, {}, _BITS)
        if bend is not None and not bend.contains(0):
            signs.add("+" if bend > 0 else "-")
    if claim.claim == "rescu" and len(signs) == 2:
        return "f'' has both signs"
    return None


def _excluded(
    name: str, f: list[sp.Expr], gradient: sp.Expr, values: list[sp.Expr]
) -> list[tuple[sp.Expr, str]]:
    """Expressions with a sign that they must not have anywhere if the claim is true."""
    if name == "monotone":
        return [(f[1], "-")]
    if name == "convex":
        return [(f[2], "-")]
    if name == "gradient_matches":
        return [(f[1] - gradient, "+"), (f[1] - gradient, "-")]
    if name in ("gradient_range", "rescu") and values:
        low, high = min(values, key=_order), max(values, key=_order)
        return [(f[1] - low, "-"), (f[1] - high, "+")]
    if name == "bounded_below" and values:
        return [(f[0] - values[0], "-")]
    if name == "gradient_lipschitz" and values:
        return [(f[2] - values[0], "+"), (f[2] + values[0], "-")]
    return []


def _order(number: sp.Expr) -> float:
    return float(number)


def _not_homogeneous(family: Activation, point: Instance, member: Activation) -> str | None:
    """A c and an x at which f_{c^d·p}(c·x) − c·f_p(x) is enclosed away from zero."""
    degrees = dict(scaling_degrees(family))
    for c in _FACTORS:
        moved = {s: v * c ** degrees.get(s, 0) for s, v in point.items()}
        for _, x in _places(member):
            gap = value_at(family, c * x, moved) - c * value_at(family, x, point)
            if nonzero(gap, None, {}) is not None:
                return f"f(c*x) differs from c*f(x) at x = {x}, c = {c}"
    return None
