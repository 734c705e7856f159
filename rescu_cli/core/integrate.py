"""Antiderivatives and limits at infinity of smooth expressions, each checked before it is used.

SymPy proposes, we verify: an antiderivative by differentiating it and by rigorous quadrature (it
may be right locally and still jump), a limit by evaluation far out. What fails is not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module
from itertools import product

import flint
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.budget import OutOfTime, time_budget
from rescu_cli.core.symbols import X, plain

SECONDS = 4.0
"""Time budget of one symbolic integral."""
_TOLERANCE = flint.arb(10) ** -18
_VALUES = tuple(sp.Rational(*r) for r in ((1, 1), (7, 5), (1, 3), (5, 2), (0, 1), (-3, 4), (1, 20)))


def parameter_samples(assumptions: Assumptions, count: int = 2) -> list[dict[sp.Symbol, sp.Expr]]:
    """Up to ``count`` fixed rational choices of the parameters that satisfy the assumptions."""
    names = sorted(assumptions.domains)
    candidates = []
    for name in names:
        domain = assumptions.domains[name]
        inside = [v for v in _VALUES if domain.contains(v)]
        low, high = domain.lower, domain.upper
        if low.is_finite and high.is_finite:
            inside += [low + (high - low) * f for f in (sp.Rational(1, 3), sp.Rational(3, 4))]
        elif low.is_finite:
            inside += [low + 1, low + sp.Rational(5, 3)]
        elif high.is_finite:
            inside += [high - 1, high - sp.Rational(5, 3)]
        candidates.append(inside[:5])
    found: list[dict[sp.Symbol, sp.Expr]] = []
    for i, values in enumerate(_staggered(candidates)):
        point = {assumptions.domains[n].symbol(n): v for n, v in zip(names, values, strict=True)}
        holds = (r.expr.subs(point) for r in assumptions.relations)
        strict = (r.strict for r in assumptions.relations)
        if all(v > 0 or (v == 0 and not s) for v, s in zip(holds, strict, strict=True)):
            found.append(point)
        if len(found) == count or i > 2000:
            break
    return found


def _staggered(candidates: list[list[sp.Expr]]) -> Iterator[tuple[sp.Expr, ...]]:
    """Points off the diagonal first: equal parameters hide mistakes."""
    if candidates:
        width = max(len(c) for c in candidates)
        for shift in range(width):
            yield tuple(c[(shift + k) % len(c)] for k, c in enumerate(candidates))
    yield from product(*candidates)


_LOADED_ON_THE_WAY = (
    "sympy.combinatorics",
    "sympy.integrals.heurisch",
    "sympy.integrals.manualintegrate",
    "sympy.integrals.prde",
    "sympy.physics.units",
    "sympy.polys.polymatrix",
    "sympy.sets.setexpr",
    "sympy.tensor.tensor",
)


def _loaded() -> None:
    """Import what SymPy would load in the middle: an import must not be interrupted half-way."""
    for name in _LOADED_ON_THE_WAY:
        import_module(name)


def antiderivative(
    g: sp.Expr, lower: sp.Expr, upper: sp.Expr, assumptions: Assumptions,
    seconds: float = SECONDS,
) -> sp.Expr | None:  # fmt: skip
    """An elementary F with F′ = g on (lower, upper), or None if none was found and verified."""
    if not g.has(X):
        return g * X
    if g.is_polynomial(X):
        return sp.Poly(g, X).integrate(X).as_expr()
    _loaded()
    try:
        with time_budget(seconds):
            for candidate in _proposals(g):
                if _verified(candidate, g, lower, upper, assumptions):
                    return candidate
    except OutOfTime:
        return None
    return None


def _proposals(g: sp.Expr) -> Iterator[sp.Expr]:
    for form in dict.fromkeys((g, sp.expand(g), g.rewrite(sp.exp))):
        try:
            found = sp.integrate(form, X)
        except Exception:  # noqa: BLE001, S112  # reason: SymPy raises many kinds here; a failed
            continue  # proposal is not an error, another one or quadrature follows
        if not found.has(sp.Integral, sp.I, sp.Piecewise, sp.oo, sp.zoo, sp.nan):
            yield found
            # log u with u < 0 on this stretch: log(−u) has the same derivative and is real
            yield found.replace(sp.log, lambda u: sp.log(-u))
            yield sp.simplify(found)
    # The mirror image, for stretches on which the direct form is complex throughout.
    try:
        mirrored = sp.integrate(g.subs(X, -X), X)
    except Exception:  # noqa: BLE001  # reason: as above
        return
    if not mirrored.has(sp.Integral, sp.I, sp.Piecewise, sp.oo, sp.zoo, sp.nan):
        yield -mirrored.subs(X, -X)


def _verified(
    candidate: sp.Expr, g: sp.Expr, lower: sp.Expr, upper: sp.Expr, assumptions: Assumptions
) -> bool:
    for point in parameter_samples(assumptions):
        f, slope = candidate.subs(point), plain(g.subs(point))
        low = -8 if lower.is_infinite else sp.sympify(lower, strict=True).subs(point)
        high = 8 if upper.is_infinite else sp.sympify(upper, strict=True).subs(point)
        if not _agrees(f, slope, sp.Rational(low) if low == -8 else low, high):
            return False
    return True


def _agrees(f: sp.Expr, g: sp.Expr, low: sp.Expr, high: sp.Expr) -> bool:
    """F(b) − F(a) = ∫_a^b g on eight consecutive cells, to 1e−18."""
    cells = 8
    with balls.precision(160):
        try:
            ends = [balls.evaluate(low + (high - low) * sp.Rational(i, cells), {})
                    for i in range(cells + 1)]  # fmt: skip
            if _not_evaluable(f, ends[0]):
                ends = ends[1:]
            if _not_evaluable(f, ends[-1]):
                ends = ends[:-1]
            values = [balls.evaluate(f, {X: e}) for e in ends]
            for (a, fa), (b, fb) in zip(
                zip(ends, values, strict=True),
                list(zip(ends, values, strict=True))[1:],
                strict=False,
            ):
                integral = _quadrature(g, a, b)
                difference = fb - fa - integral
                if not difference.is_finite() or not abs(difference) < _TOLERANCE:
                    return False
        except (ArithmeticError, ValueError, RecursionError):
            return False
    return True


def _not_evaluable(f: sp.Expr, end: flint.arb) -> bool:
    """Whether F cannot be evaluated at an end of its stretch (it need not exist there)."""
    return not balls.evaluate(f, {X: end}).is_finite()


def _quadrature(g: sp.Expr, a: flint.arb, b: flint.arb) -> flint.arb:
    def integrand(z: flint.acb, analytic: bool) -> flint.acb:
        return flint.acb(balls.evaluate(g, {X: z}, analytic=analytic))

    return flint.acb.integral(integrand, flint.acb(a), flint.acb(b)).real


def limit_at_infinity(
    expr: sp.Expr, side: int, assumptions: Assumptions, seconds: float = SECONDS
) -> sp.Expr | None:
    """Lim expr as x → side·∞ if it is finite, proposed by SymPy and confirmed far out; else None.

    ``expr`` must be free of Piecewise, on which SymPy's limit is not reliable.
    """
    if not expr.has(X):
        return expr
    if expr.is_polynomial(X) and sp.Poly(expr, X).degree() > 0:
        return None
    target = sp.oo if side > 0 else -sp.oo
    _loaded()
    try:
        with time_budget(seconds):
            found = sp.limit(expr, X, target)
            found = sp.simplify(found)
    except OutOfTime:
        return None
    except Exception:  # noqa: BLE001  # reason: SymPy raises many kinds; no limit is the answer
        return None
    if found.has(sp.oo, -sp.oo, sp.zoo, sp.nan, sp.I, sp.Limit, sp.AccumBounds, X):
        return None
    return found if _confirmed(expr, found, side, assumptions) else None


def _confirmed(expr: sp.Expr, limit: sp.Expr, side: int, assumptions: Assumptions) -> bool:
    for point in parameter_samples(assumptions):
        at, target = plain(expr.subs(point)), limit.subs(point)
        distances = []
        with balls.precision(4096):
            for power in (6, 9):
                here = balls.evaluate(at, {X: balls.exact_ball(Fraction(side * 10**power))})
                distances.append(abs(here - balls.evaluate(target, {})).abs_upper())
            near, far = distances
            vanished = far < flint.arb(10) ** -300
            if not (far.is_finite() and far < flint.arb(10) ** -3 and (vanished or far <= near)):
                return False
    return True
