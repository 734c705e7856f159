"""Gradient shapes from an expression: cut into pieces and checked."""

from __future__ import annotations

from fractions import Fraction

import flint
import sympy as sp

from rescu_cli.core import balls
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.integrate import parameter_samples
from rescu_cli.core.parse import parse_expression
from rescu_cli.core.placement import with_placement
from rescu_cli.core.shape import GradientShape, tidy
from rescu_cli.core.split import Locator, Stretch, split
from rescu_cli.core.symbols import Parameter, X, plain
from rescu_cli.errors import DerivationError

_MEANING = {
    "alpha": "minus where the transition begins",
    "beta": "half-width (scale) of the transition",
    "g_minus": "slope far left",
    "g_plus": "slope far right",
    "s": "scale of the transition",
    "c": "scale of the transition",
    "k": "sharpness",
    "mu": "sharpness",
}
_DEFAULT = {"g_minus": sp.S.Zero}
_GRID = tuple(Fraction(k, 7) for k in range(-70, 71))
"""Points at which an unbounded stretch is examined, with dyadic ones further out."""
_REPRESENTABLE = 40
_FAR = tuple(Fraction(s * 2**e) for e in (5, 8, 12, 20) for s in (-1, 1))


def expression_shape(
    text: str, assumptions: Assumptions, locate: Locator | None = None
) -> GradientShape:
    """The gradient shape of an expression in x and parameters.

    Args:
        text: e.g. ``(1 + tanh(x/beta))/2`` or a Python conditional.
        assumptions: Domains of all admissible parameters, and relations between them.
        locate: Knows where other functions than polynomials change sign.

    Raises:
        ParseError: If the text is not in the grammar.
        DerivationError: If the gradient is infinite, complex or undefined somewhere, or its
            joints cannot be located.
    """
    names = {n: d.symbol(n) for n, d in assumptions.domains.items()}
    parsed = plain(parse_expression(text, names))
    stretches, owners = split(parsed, assumptions, locate)
    used = {s.name for s in parsed.free_symbols} - {"x"}
    used |= {s.name for r in assumptions.relations for s in r.expr.free_symbols}
    parameters = tuple(
        Parameter(n, assumptions.domains[n], _MEANING.get(n, ""), _default(n, assumptions))
        for n in sorted(used)
    )
    for stretch in stretches:
        _check_finite(stretch, Assumptions.of(parameters, assumptions.relations))
    shape = GradientShape(
        name=text.strip(),
        parameters=parameters,
        breakpoints=tuple(s.upper for s in stretches[:-1]),
        pieces=tuple(tidy(s.expr) for s in stretches),
        owners=tuple(owners),
        relations=assumptions.relations,
    )
    return with_placement(shape)


def _default(name: str, assumptions: Assumptions) -> sp.Expr | None:
    for value in (_DEFAULT.get(name, sp.S.One), sp.S.One, sp.S.Half):
        if assumptions.domains[name].contains(value):
            return value
    return None


# -- is it a gradient at all? --------------------------------------------------------------


def _check_finite(stretch: Stretch, assumptions: Assumptions) -> None:
    """Refuse poles, complex values and undefined points; a witness is named."""
    guards = _guards(stretch.expr)
    for point in parameter_samples(assumptions):
        low = -sp.oo if stretch.lower.is_infinite else stretch.lower.subs(point)
        high = sp.oo if stretch.upper.is_infinite else stretch.upper.subs(point)
        for guard, needs in guards:
            _check_guard(guard.subs(point), needs, low, high, point)
        expr = stretch.expr.subs(point)
        for x in _sample_points(low, high):
            if abs(x) > _REPRESENTABLE:
                continue  # e^(e^x) is finite there, but not in any number we can hold
            with balls.precision(128):
                if not balls.is_real_finite(balls.evaluate(expr, {X: x})) and not _finite_later(
                    expr, x
                ):
                    raise DerivationError(_not_finite_text(x, point))


def _finite_later(expr: sp.Expr, x: flint.arb) -> bool:
    """A second look at high precision: a ball across a cut is not yet a pole."""
    with balls.precision(4096):
        return balls.is_real_finite(balls.evaluate(expr, {X: x}))


def _not_finite_text(x: flint.arb, point: dict[sp.Symbol, sp.Expr]) -> str:
    where = ", ".join([f"x = {float(x):g}", *(f"{k} = {v}" for k, v in point.items())])
    return (
        f"The gradient has no finite real value at {where}: a pole, a logarithm or root of a "
        "negative number, or growth beyond any number. It must be finite and real for every x."
    )


def _guards(expr: sp.Expr) -> list[tuple[sp.Expr, str]]:
    """Subexpressions that must not vanish ('nonzero') or not go negative ('positive')."""
    found: list[tuple[sp.Expr, str]] = []
    for node in sp.preorder_traversal(expr):
        if isinstance(node, sp.exp) or not node.has(X):
            continue
        if node.is_Pow and node.base.has(X):
            if not node.exp.is_integer:
                found.append((node.base, "positive" if node.exp.is_negative else "nonnegative"))
            elif node.exp.is_negative:
                found.append((node.base, "nonzero"))
        elif isinstance(node, sp.log):
            found.append((node.args[0], "positive"))
        elif isinstance(node, sp.tan):
            found.append((sp.cos(node.args[0]), "nonzero"))
    return [(g, needs) for g, needs in found if not _known(g, needs)]


def _known(guard: sp.Expr, needs: str) -> bool:
    if needs == "nonzero":
        return bool(guard.is_nonzero) or bool(guard.is_positive) or bool(guard.is_negative)
    return bool(guard.is_positive) or (needs == "nonnegative" and bool(guard.is_nonnegative))


def _check_guard(
    guard: sp.Expr, needs: str, low: sp.Expr, high: sp.Expr, point: dict[sp.Symbol, sp.Expr]
) -> None:
    shown = "".join(f", {k} = {v}" for k, v in point.items())
    if guard.is_polynomial(X):
        inside = [r for r in sp.real_roots(sp.Poly(guard, X)) if low <= r and r <= high]
        if inside and needs != "nonnegative":
            raise DerivationError(
                f"The gradient has a pole or a singular point at x = {inside[0]}{shown}, where "
                f"{guard} is zero. A gradient must be finite for every x."
            )
    signs = set()
    for x in _sample_points(low, high):
        with balls.precision(128):
            ball = balls.evaluate(guard, {X: x})
            if ball > 0:
                signs.add(1)
            elif ball < 0:
                signs.add(-1)
                if needs != "nonzero":
                    raise DerivationError(
                        f"The gradient is complex at x = {float(x):g}{shown}, where {guard} is "
                        "negative under a root or logarithm. It must be real for every x."
                    )
    if needs == "nonzero" and len(signs) == 2:
        raise DerivationError(
            f"The gradient has a pole: its denominator {guard} changes sign{shown}. "
            "A gradient must be finite for every x."
        )


def _sample_points(low: sp.Expr, high: sp.Expr) -> list[flint.arb]:
    """Interior points of a stretch, 0 included where it lies inside."""
    if low.is_infinite and high.is_infinite:
        return [balls.exact_ball(x) for x in (*_GRID, *_FAR)]
    with balls.precision(128):
        if low.is_infinite or high.is_infinite:
            end = balls.evaluate(high if low.is_infinite else low, {})
            step = -1 if low.is_infinite else 1
            offsets = [abs(x) for x in (*_GRID, *_FAR) if x > 0]
            return [end + step * balls.exact_ball(x) for x in offsets]
        a, b = balls.evaluate(low, {}), balls.evaluate(high, {})
        return [a + (b - a) * flint.arb(k) / 65 for k in range(1, 65)]
