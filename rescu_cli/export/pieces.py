"""Pieces to one branch-free expression.

Each piece is evaluated on its own clamped variable, so that none is ever asked for a value outside
its stretch. Where neighbours meet, what a piece adds beyond its left end is summed; where they
jump, the two sides are blended by a step, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from rescu_cli.core.activation import Owner
from rescu_cli.core.symbols import X
from rescu_cli.export.builder import Builder
from rescu_cli.export.rewrite import safe, two_sided
from rescu_cli.export.translate import Translator


def assemble(
    build: Builder, parts: Sequence[sp.Expr], joints: Sequence[sp.Expr], owners: Sequence[Owner]
) -> int:
    """The node of the function that is ``parts[i]`` between ``joints[i - 1]`` and ``joints[i]``.

    The sum begins on the left; on the right, if the function is constant there and not on the left:
    then it is exact where it vanishes.

    Args:
        build: Where the nodes go.
        parts: One expression per stretch.
        joints: Ascending ends of the stretches, in the parameters.
        owners: Which side answers at each joint.
    """
    x = build.x
    parts, joints, owners = _merged(parts, joints, owners)
    if parts[0].has(X) and not parts[-1].has(X):
        x = build.neg(x)
        parts = [part.subs(X, -X) for part in reversed(parts)]
        joints = [-joint for joint in reversed(joints)]
        owners = [_OTHER[owner] for owner in reversed(owners)]
    plain = Translator(build, x)
    ends = [plain(j) for j in joints]
    total = Translator(build, _clamped(build, x, None, ends[0] if ends else None))(_tidy(parts[0]))
    for i, (joint, owner) in enumerate(zip(joints, owners, strict=True)):
        lower, upper = ends[i], ends[i + 1] if i + 1 < len(ends) else None
        part = parts[i + 1]
        here = _at(part, joint)
        increment = _increment(part, here, joint)
        if increment is not None and sp.simplify(here - _at(parts[i], joint)) == 0:
            total = build.add(total, _local(build, x, increment, joint, lower, upper))
            continue
        translate = Translator(build, _clamped(build, x, lower, upper))
        total = _blend(build, total, translate(_tidy(part)), _passed(build, x, lower, owner))
    return carry_nan(build, total)


def _merged(
    parts: Sequence[sp.Expr], joints: Sequence[sp.Expr], owners: Sequence[Owner]
) -> tuple[list[sp.Expr], list[sp.Expr], list[Owner]]:
    """Without joints between equal neighbours: only the gradient has those of a surrogate."""
    kept = [i for i in range(len(joints)) if parts[i] != parts[i + 1]]
    return (
        [*(parts[i] for i in kept), parts[-1]],
        [joints[i] for i in kept],
        [owners[i] for i in kept],
    )


_OTHER: dict[Owner, Owner] = {"left": "right", "right": "left"}


def _tidy(part: sp.Expr) -> sp.Expr:
    """A piece in safe functions, its asymptotes apart."""
    return two_sided(safe(part))


def _at(expr: sp.Expr, point: sp.Expr) -> sp.Expr:
    return sp.sympify(expr, strict=True).subs(X, point)


def _clamped(build: Builder, x: int, lower: int | None, upper: int | None) -> int:
    """X held within the stretch (−∞ and ∞ are None)."""
    result = x
    if lower is not None:
        result = build.extreme("max", result, lower)
    if upper is not None:
        result = build.extreme("min", result, upper)
    return result


def _increment(part: sp.Expr, here: sp.Expr, joint: sp.Expr) -> sp.Expr | None:
    """part − part(joint), written so that it is exactly 0 in floats at the joint; else None."""
    if here == 0 and _vanishes(part, joint):
        return part
    if not part.is_polynomial(X):
        return None
    local = sp.Poly(sp.expand(part.subs(X, X + joint)), X)
    return (local - sp.Poly(local.nth(0), X)).as_expr().subs(X, _LOCAL)


_LOCAL = sp.Symbol("_s", real=True)
"""x − joint: small numbers near the joint, where x² − joint² would lose all digits."""


def _vanishes(part: sp.Expr, joint: sp.Expr) -> bool:
    """Whether some factor of ``part`` is x − joint up to a constant, or part is expm1-like."""
    for factor in sp.Mul.make_args(sp.sympify(part, strict=True)):
        base = factor.as_base_exp()[0]
        if sp.expand(base - (X - joint)) == 0 or sp.expand(base + (X - joint)) == 0:
            return True
    return joint == 0 and bool(part.is_polynomial(X))


def _local(
    build: Builder, x: int, increment: sp.Expr, joint: sp.Expr, lower: int, upper: int | None
) -> int:
    clamped = _clamped(build, x, lower, upper)
    if not increment.has(_LOCAL):
        return Translator(build, clamped)(_tidy(increment))
    local = build.sub(clamped, lower)
    polynomial = sp.Poly(increment.subs(_LOCAL, X), X)
    order = min((m[0] for m in polynomial.monoms()), default=0)
    if polynomial.is_zero:
        return build.constant(0)
    rest = sp.horner(sp.cancel(polynomial.as_expr() / X**order))
    return Translator(build, local)(X**order * rest)


def _passed(build: Builder, x: int, joint: int, owner: Owner) -> int:
    """1 right of the joint, 0 left of it; at the joint itself 0 if the left side owns it."""
    if owner == "left":
        return build.call("step", build.sub(x, joint))
    left = build.call("step", build.sub(joint, x))
    return build.sub(build.constant(1), left)


def _blend(build: Builder, left: int, right: int, passed: int) -> int:
    """left·(1 − s) + right·s with s exactly 0 or 1: each side comes out bit for bit."""
    if build.number(left) == 0:
        return build.mul(right, passed)
    stayed = build.sub(build.constant(1), passed)
    return build.add(build.mul(left, stayed), build.mul(right, passed))


def carry_nan(build: Builder, node: int) -> int:
    """``node`` itself; a constant gets a term that is 0 for every x but NaN, which it keeps."""
    if build.varies(node):
        return node
    zero = build.constant(0)
    keeper = build.node("min", build.node("max", build.x, zero), zero)
    return build.add(keeper, node)
