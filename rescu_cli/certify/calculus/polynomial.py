"""Signs of polynomials on an interval, exactly.

Rational coefficients: real-root isolation, complete. Parameters: affine factors and a·x² + b by
their roots; otherwise the Bernstein criterion (bounded interval) or the coefficients after a shift
to the end (half-line), which are sufficient, not necessary.
"""

from __future__ import annotations

from itertools import pairwise

import sympy as sp

from rescu_cli.certify.calculus.factors import factor_list
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.sign_chart import Chart, constant_chart, product_chart
from rescu_cli.certify.calculus.signs import everywhere, flip, required, sum_sign, times
from rescu_cli.certify.calculus.span import rational_between
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign

_MAX_DEGREE = 64
_ROOT_NAME = sp.Symbol("z")
_ELEVATIONS = (0, 2, 6)
"""Raising the Bernstein degree sharpens the criterion; beyond that it rarely pays."""


def polynomial_chart(
    expr: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Chart:
    """The signs of a polynomial in ``variable`` on the open interval (lower, upper).

    Raises:
        UndecidedError: If they do not follow.
    """
    if not expr.has(variable):
        return constant_chart(required(knowledge.sign(expr), expr))
    numerator, denominator = sp.fraction(sp.together(expr))
    content, factors = factor_list(numerator)
    below = knowledge.sign(denominator)
    if below not in ("+", "-"):
        raise UndecidedError(f"{denominator} may be zero")
    constant = times(required(knowledge.sign(content), content), below)
    charts = []
    for factor, power in factors:
        if not factor.has(variable):
            sign = required(knowledge.sign(factor), factor)
            constant = times(constant, sign if power % 2 else times(sign, sign))
            continue
        chart = _factor_chart(factor, variable, lower, upper, knowledge)
        charts.append(chart if power % 2 else _squared(chart))
    if constant == "0" or not charts:
        return constant_chart(constant)
    return product_chart(charts, knowledge).scaled(constant)


def _squared(chart: Chart) -> Chart:
    return Chart(chart.roots, tuple(times(s, s) for s in chart.signs))


def _factor_chart(
    factor: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Chart:
    polynomial = sp.Poly(factor, variable)
    if polynomial.degree() > _MAX_DEGREE:
        raise UndecidedError(f"a polynomial of degree {polynomial.degree()} is too large")
    coefficients = polynomial.all_coeffs()
    if all(c.is_Rational for c in coefficients):
        return _numeric_chart(polynomial, lower, upper, knowledge)
    roots = _closed_roots(coefficients, knowledge)
    if roots is not None:
        chart = _from_roots(polynomial, roots, lower, upper, knowledge)
        if chart is not None:
            return chart
    sign = _one_sign(polynomial, variable, lower, upper, knowledge)
    if sign is None:
        sign = knowledge.sign_between(factor, variable, lower, upper)
    if sign is None:
        raise UndecidedError(f"the sign of {factor} between {lower} and {upper} does not follow")
    return constant_chart(sign)


# -- rational coefficients -----------------------------------------------------------------


def _numeric_chart(
    polynomial: sp.Poly, lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Chart:
    """All roots inside, then the exact sign at one rational point of each cell."""
    inside = [
        r
        for r in _real_roots(polynomial)
        if (lower.is_infinite or _strict(knowledge.compare(r, lower)) == "+")
        and (upper.is_infinite or _strict(knowledge.compare(upper, r)) == "+")
    ]
    ends = [lower, *inside, upper]
    if any(e.free_symbols for e in ends):
        # Roots are numbers, the interval depends on parameters: one cell if no root is inside.
        return _numeric_on_symbolic(polynomial, inside, lower, upper, knowledge)
    signs: list[Sign] = []
    for a, b in pairwise(ends):
        value = polynomial.eval(rational_between(a, b, knowledge))
        signs.append("+" if value > 0 else "-")
    return Chart(tuple(inside), tuple(signs))


def _numeric_on_symbolic(
    polynomial: sp.Poly, inside: list[sp.Expr], lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Chart:
    roots = _real_roots(polynomial)
    signs: list[Sign] = []
    ends = [lower, *inside, upper]
    for a, b in pairwise(ends):
        # Between consecutive roots of all roots the sign is constant; find the gap holding (a, b).
        left = [r for r in roots if a.is_finite and _at_most(knowledge.compare(r, a))]
        right = [r for r in roots if b.is_finite and _at_most(knowledge.compare(b, r))]
        if len(left) + len(right) != len(roots):
            raise UndecidedError(f"the roots of {polynomial.as_expr()} cannot be placed")
        gap = (left[-1] if left else -sp.oo, right[0] if right else sp.oo)
        value = polynomial.eval(rational_between(gap[0], gap[1], knowledge))
        signs.append("+" if value > 0 else "-")
    return Chart(tuple(inside), tuple(signs))


def _at_most(sign: Sign | None) -> bool:
    return sign in ("-", "<=", "0")


def _real_roots(polynomial: sp.Poly) -> list[sp.Expr]:
    """Distinct real roots, ascending; ``polynomial`` is irreducible over the rationals."""
    coefficients = polynomial.all_coeffs()
    if len(coefficients) == 2:
        return [-coefficients[1] / coefficients[0]]
    if len(coefficients) == 3:
        a, b, c = coefficients
        discriminant = b**2 - 4 * a * c
        if discriminant < 0:
            return []
        root = sp.sqrt(discriminant)
        pair = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
        return pair if a > 0 else pair[::-1]
    if len(coefficients) == 5 and coefficients[1] == coefficients[3] == 0:
        squares = _real_roots(sp.Poly(coefficients[::2], polynomial.gen))
        positive = [sp.sqrtdenest(sp.sqrt(s)) for s in squares if s > 0]
        return [-r for r in positive[::-1]] + positive
    n = polynomial.count_roots()
    # A plain name: the roots are printed in certificates.
    named = polynomial.as_expr().subs(polynomial.gen, _ROOT_NAME)
    return [sp.CRootOf(named, _ROOT_NAME, i) for i in range(n)]


# -- coefficients with parameters or irrational numbers --------------------------------------


def _closed_roots(coefficients: list[sp.Expr], knowledge: Knowledge) -> list[sp.Expr] | None:
    """Ascending real roots of a·x + b or a·x² + c if a (and c) have a known strict sign."""
    lead = knowledge.sign(coefficients[0])
    if lead not in ("+", "-"):
        return None
    if len(coefficients) == 2:
        return [sp.cancel(-coefficients[1] / coefficients[0])]
    if len(coefficients) == 3:
        a, b, c = coefficients
        if knowledge.vanishes(b):
            ratio = knowledge.sign(sp.cancel(-c / a))
            if ratio == "-":
                return []
            if ratio == "+":
                root = knowledge.resolve(sp.sqrt(sp.factor(sp.cancel(-c / a))))
                return [-root, root]
            return None
        discriminant = sp.expand(b**2 - 4 * a * c)
        sign = knowledge.sign(discriminant)
        if sign == "-":
            return []
        if sign == "+":
            root = sp.sqrt(discriminant)
            pair = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
            return pair if lead == "+" else pair[::-1]
    return None


def _from_roots(
    polynomial: sp.Poly, roots: list[sp.Expr], lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Chart | None:
    """Simple roots alternate the sign; keep those inside, drop those provably outside."""
    lead = knowledge.sign(polynomial.LC())
    if lead is None:
        return None
    kept: list[sp.Expr] = []
    beyond = 0  # roots at or right of the interval
    for root in roots:
        left = "+" if lower.is_infinite else knowledge.compare(root, lower)
        right = "+" if upper.is_infinite else knowledge.compare(upper, root)
        if left == "+" and right == "+":
            kept.append(root)
        elif right in ("-", "<=", "0"):
            beyond += 1
        elif left not in ("-", "<=", "0"):
            return None
    signs: list[Sign] = []
    for cell in range(len(kept) + 1):
        flips = beyond + len(kept) - cell
        signs.append(required(flip(lead) if flips % 2 else lead))
    return Chart(tuple(kept), tuple(signs))


def _one_sign(
    polynomial: sp.Poly, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr, knowledge: Knowledge
) -> Sign | None:
    """Sufficient criterion for one sign on the open interval; None if it fails."""
    expr = polynomial.as_expr()
    if lower.is_infinite and upper.is_infinite:
        # The line is two half-lines and the origin; a positive constant term keeps it strict.
        left = _one_sign(polynomial, variable, lower, sp.S.Zero, knowledge)
        right = _one_sign(polynomial, variable, sp.S.Zero, upper, knowledge)
        return everywhere([left, knowledge.sign(expr.subs(variable, 0)), right])
    u = sp.Dummy("u")
    if upper.is_infinite:
        moved = sp.Poly(sp.expand(expr.subs(variable, lower + u)), u)
        return sum_sign(knowledge.sign(c) for c in moved.all_coeffs())
    if lower.is_infinite:
        moved = sp.Poly(sp.expand(expr.subs(variable, upper - u)), u)
        return sum_sign(knowledge.sign(c) for c in moved.all_coeffs())
    moved = sp.Poly(sp.expand(expr.subs(variable, lower + (upper - lower) * u)), u)
    powers = moved.all_coeffs()[::-1]
    for extra in _ELEVATIONS:
        sign = sum_sign(knowledge.sign(b) for b in bernstein(powers, len(powers) - 1 + extra))
        if sign is not None:
            return sign
    return None


def bernstein(powers: list[sp.Expr], degree: int) -> list[sp.Expr]:
    """Coefficients of Σ cᵢuⁱ in the Bernstein basis: b_j = Σᵢ C(j, i)/C(n, i)·cᵢ.

    The basis is positive on (0, 1), so coefficients of one sign prove that sign there; the first
    and the last are the values at the ends.
    """
    return [
        sp.expand(
            sum(
                (
                    sp.Rational(sp.binomial(j, i), sp.binomial(degree, i)) * c
                    for i, c in enumerate(powers[: j + 1])
                ),
                sp.S.Zero,
            )
        )
        for j in range(degree + 1)
    ]


def _strict(sign: Sign | None) -> Sign:
    if sign not in ("+", "-", "0"):
        # '<=' means: not inside in either case, as good as '0' for an open interval
        if sign == "<=":
            return "0"
        raise UndecidedError("a root cannot be placed against the end of its interval")
    return sign
