"""Where a function is positive and where negative on an interval, exactly.

An expression is brought to its normal form, factored, and each factor charted by the first rule
that fits:

1. a polynomial in x, by its roots;
2. a polynomial in one exponential W = e^(ax+b), by its roots in W over the range of W;
3. a polynomial in one bounded generator (erf, atan), over its range;
4. sin or cos of an affine angle, by the multiples of π/2 inside;
5. p + q·√Q with rational p, q: the larger of |p| and |q|√Q decides, by the sign of q²Q − p²;
6. a factor whose form shows its sign;
7. a factor whose derivative has one sign on each cell (charted the same way) and which has the
   right values or limits at the ends of the cells: monotone functions do not change sign between
   two values of one sign, and once between two of different signs, at a root that must have a
   closed form.
"""

from __future__ import annotations

import sympy as sp

from rescu_cli.certify.calculus.closed_root import closed_root
from rescu_cli.certify.calculus.factors import factor_list
from rescu_cli.certify.calculus.normal import Generators, Normal, depends_on_x, normal
from rescu_cli.certify.calculus.polynomial import polynomial_chart
from rescu_cli.certify.calculus.sign_chart import Chart, constant_chart, product_chart
from rescu_cli.certify.calculus.signs import product_sign, required
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.structure import interval_sign
from rescu_cli.certify.calculus.tail import end_value
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Sign
from rescu_cli.core.symbols import X

_DEPTH = 3
"""Rule 7 may be nested; every step kills a term or it does not help."""
_MAX_ZEROS = 64
_MAX_OPERATIONS = 400
"""Larger expressions are refused rather than run into the time budget, which is not repeatable."""
_BOUNDED = (sp.erf, sp.atan)


def chart(expr: sp.Expr, span: Span, depth: int = _DEPTH) -> Chart:
    """The signs of ``expr``, which must be analytic on the span and continuous at its finite ends.

    Raises:
        UndecidedError: If no rule applies.
    """
    if not expr.has(X):
        return constant_chart(required(span.knowledge.sign(expr), expr))
    if expr.is_polynomial(X):
        return _polynomial_chart(expr, span)
    try:
        return _transcendental_chart(expr, span, depth)
    except UndecidedError:
        if depth < _DEPTH:  # an oracle is asked about the whole, not about every part
            raise
        sign = span.knowledge.sign_between(expr, X, span.lower, span.upper)
        if sign is None:
            raise
        return constant_chart(sign)


def _transcendental_chart(expr: sp.Expr, span: Span, depth: int) -> Chart:
    sign = interval_sign(expr, span)
    if sign in ("+", "-", "0"):
        return constant_chart(sign)
    if sp.count_ops(expr) > _MAX_OPERATIONS:
        raise UndecidedError("the sign of a derivative this large is not attempted")
    form = normal(expr)
    return _form_chart(form, span, depth)


def _polynomial_chart(expr: sp.Expr, span: Span) -> Chart:
    """Rule 1; where the factors' roots cannot be ordered, the whole may still have one sign."""
    try:
        return polynomial_chart(expr, X, span.lower, span.upper, span.knowledge)
    except UndecidedError:
        sign = span.knowledge.sign_between(expr, X, span.lower, span.upper)
        if sign is None:
            raise
        return constant_chart(sign)


def _form_chart(form: Normal, span: Span, depth: int) -> Chart:
    charts: list[Chart] = []
    for part in (form.numerator, form.denominator):
        content, factors = factor_list(part)
        charts.append(constant_chart(required(span.knowledge.sign(content), content)))
        for factor, power in factors:
            one = _factor_chart(factor, power, form.generators, span, depth)
            charts.append(one)
    return product_chart(charts, span.knowledge)


def cells(expr: sp.Expr, span: Span) -> tuple[sp.Expr, ...]:
    """Points of the span between which ``expr`` has one sign, whatever the sign of its constants.

    A factor without x may have any sign, or be zero, depending on the parameters.

    Raises:
        UndecidedError: If a factor with x cannot be charted.
    """
    if not expr.has(X):
        return ()
    if not expr.is_polynomial(X) and sp.count_ops(expr) > _MAX_OPERATIONS:
        raise UndecidedError("the sign of a derivative this large is not attempted")
    form = normal(expr)
    roots: list[sp.Expr] = []
    for part in (form.numerator, form.denominator):
        for factor, power in factor_list(part)[1]:
            if depends_on_x(factor, form.generators):
                roots += _factor_chart(factor, power, form.generators, span, _DEPTH).roots
    return tuple(span.knowledge.order(roots))


def _factor_chart(
    factor: sp.Expr, power: int, generators: Generators, span: Span, depth: int
) -> Chart:
    back = generators.back(factor)
    if power % 2 == 0:
        try:
            found = _rules(factor, back, generators, span, depth)
        except UndecidedError:
            return constant_chart(">=")  # a square: no more is needed, no more is claimed
        return Chart(found.roots, tuple(_square(s) for s in found.signs))
    return _rules(factor, back, generators, span, depth)


def _square(sign: Sign) -> Sign:
    squared = product_sign((sign, sign))
    return ">=" if squared is None else squared


def _rules(factor: sp.Expr, back: sp.Expr, generators: Generators, span: Span, depth: int) -> Chart:
    if not depends_on_x(factor, generators):
        return constant_chart(required(span.knowledge.sign(back), back))
    moving = [s for s in factor.free_symbols if s == X or generators.meaning.get(s, s).has(X)]
    if moving == [X]:
        return polynomial_chart(back, X, span.lower, span.upper, span.knowledge)
    sign = interval_sign(back, span)
    if sign in ("+", "-", "0"):
        return constant_chart(sign)
    if len(moving) == 1:
        found = _one_generator(factor, moving[0], generators, span)
        if found is not None:
            return found
    if sign is not None:
        return constant_chart(sign)
    if back.is_Pow and back.exp.is_Rational:
        return _root_chart(back, span, depth)
    if len(moving) == 2 and X in moving and depth:
        other = next(s for s in moving if s != X)
        found = _with_root(factor, other, generators, span, depth)
        if found is not None:
            return found
    return _by_derivative(back, span, depth)


def _one_generator(
    factor: sp.Expr, symbol: sp.Symbol, generators: Generators, span: Span
) -> Chart | None:
    meaning = generators.meaning[symbol]
    polynomial = generators.back(factor.xreplace({symbol: (v := sp.Dummy("v", real=True))}))
    if not polynomial.is_polynomial(v):
        return None
    try:
        if isinstance(meaning, sp.exp):
            return _in_exponential(polynomial, v, meaning.args[0], span)
        if isinstance(meaning, _BOUNDED):
            return _in_bounded(polynomial, v, meaning, span)
        if isinstance(meaning, sp.sin | sp.cos) and polynomial == v:
            return _circle_zeros(meaning, span)
    except UndecidedError:
        return None
    return None


def _affine(expr: sp.Expr, span: Span) -> tuple[sp.Expr, sp.Expr, Sign] | None:
    """(a, b, sign of a) of a·x + b with a strict sign."""
    if not expr.is_polynomial(X) or sp.degree(expr, X) != 1:
        return None
    a, b = sp.Poly(expr, X).all_coeffs()
    sign = span.knowledge.sign(a)
    return (a, b, sign) if sign in ("+", "-") else None


def _in_exponential(polynomial: sp.Expr, v: sp.Symbol, exponent: sp.Expr, span: Span) -> Chart:
    """Rule 2. For a non-affine exponent only: no root on all of (0, ∞)."""
    affine = _affine(exponent, span)
    if affine is None:
        found = polynomial_chart(polynomial, v, sp.S.Zero, sp.S.Infinity, span.knowledge)
        if found.roots:
            raise UndecidedError(f"{exponent} is not affine")
        return found
    a, b, direction = affine
    ends = []
    for end in (span.lower, span.upper):
        if end.is_infinite:
            rising = (end is sp.S.Infinity) == (direction == "+")
            ends.append(sp.S.Infinity if rising else sp.S.Zero)
        else:
            ends.append(sp.exp(sp.expand(a * end + b)))
    if direction == "-":
        ends.reverse()
    found = polynomial_chart(polynomial, v, ends[0], ends[1], span.knowledge)
    roots = tuple((sp.log(r) - b) / a for r in found.roots)
    if direction == "-":
        return Chart(roots[::-1], found.signs[::-1])
    return Chart(roots, found.signs)


def _in_bounded(polynomial: sp.Expr, v: sp.Symbol, meaning: sp.Expr, span: Span) -> Chart:
    """Rule 3: |erf| < 1, |atan| < π/2, and both have the sign of their argument."""
    top = sp.S.One if isinstance(meaning, sp.erf) else sp.pi / 2
    affine = _affine(meaning.args[0], span)
    low, high = -top, top
    if affine is not None:
        a, b, direction = affine
        ends = []
        for end in (span.lower, span.upper):
            if end.is_infinite:
                ends.append(top if (end is sp.S.Infinity) == (direction == "+") else -top)
            else:
                ends.append(meaning.func(sp.expand(a * end + b)))
        low, high = ends if direction == "+" else ends[::-1]
    found = polynomial_chart(polynomial, v, low, high, span.knowledge)
    if not found.roots:
        return found
    if affine is None or any(r != 0 for r in found.roots):
        raise UndecidedError(f"a root in {meaning} has no closed form here")
    root = -affine[1] / affine[0]
    return Chart((root,), found.signs if affine[2] == "+" else found.signs[::-1])


def _circle_zeros(meaning: sp.Expr, span: Span) -> Chart:
    """Rule 4: sin vanishes at kπ, cos at kπ + π/2; the sign alternates between them."""
    affine = _affine(meaning.args[0], span)
    if affine is None or not span.bounded:
        raise UndecidedError(f"{meaning} has no finite list of zeros here")
    a, b, direction = affine
    phase = sp.S.Zero if isinstance(meaning, sp.sin) else sp.pi / 2
    turns = [sp.cancel((a * e + b - phase) / sp.pi) for e in (span.lower, span.upper)]
    if direction == "-":
        turns.reverse()
    if not all(t.is_Rational for t in turns):
        raise UndecidedError(f"the zeros of {meaning} cannot be counted")
    first, last = int(sp.floor(turns[0])) + 1, int(sp.ceiling(turns[1])) - 1
    if last - first > _MAX_ZEROS:
        raise UndecidedError(f"{meaning} has too many zeros")
    zeros = [sp.cancel((k * sp.pi + phase - b) / a) for k in range(first, last + 1)]
    # On (kπ, (k+1)π) + phase the sine is (−1)^k, the cosine (−1)^(k+1).
    start = first - 1 + (0 if isinstance(meaning, sp.sin) else 1)
    signs: list[Sign] = ["-" if (start + i) % 2 else "+" for i in range(len(zeros) + 1)]
    if direction == "-":
        return Chart(tuple(zeros[::-1]), tuple(signs[::-1]))
    return Chart(tuple(zeros), tuple(signs))


def _root_chart(root: sp.Pow, span: Span, depth: int) -> Chart:
    """A real root is nonnegative, and positive where its base is."""
    base = chart(root.base, span, depth).overall if depth else None
    return constant_chart("+" if base == "+" else ">=")


def _with_root(
    factor: sp.Expr, root: sp.Symbol, generators: Generators, span: Span, depth: int
) -> Chart | None:
    """Rule 5: |q√Q| ≥ |p| gives p + q√Q the sign of q, |q√Q| ≤ |p| that of p."""
    meaning = generators.meaning[root]
    if not (meaning.is_Pow and meaning.exp == sp.S.Half and sp.degree(factor, root) == 1):
        return None
    q, p = (generators.back(c) for c in sp.Poly(factor, root).all_coeffs())
    try:
        larger = chart(sp.expand(q**2 * meaning.base - p**2), span, depth - 1).overall
        if larger in ("+", ">=", "0"):
            leader = chart(q, span, depth - 1).overall
        elif larger in ("-", "<="):
            leader = chart(p, span, depth - 1).overall
        else:
            return None
    except UndecidedError:
        return None
    if leader is None:
        return None
    if larger in ("+", "-"):
        return constant_chart(leader)
    weak: dict[Sign, Sign] = {"+": ">=", "-": "<="}
    return constant_chart(weak.get(leader, leader))


def _by_derivative(expr: sp.Expr, span: Span, depth: int) -> Chart:
    """Rule 7."""
    if depth == 0:
        raise UndecidedError(f"the sign of {expr} does not follow by elementary steps")
    slopes = chart(sp.diff(expr, X), span, depth - 1)
    points = [span.lower, *slopes.roots, span.upper]
    values = [_value_sign(expr, p, span) for p in points]
    roots: list[sp.Expr] = []
    signs: list[Sign] = []
    for number, slope in enumerate(slopes.signs):
        if number:
            roots.append(points[number])
        left, right = values[number : number + 2]
        sign = _between(slope, left, right)
        if sign is None:
            root = closed_root(expr, span.part(points[number], points[number + 1]))
            if root is None:
                raise UndecidedError(f"{expr} changes sign at a point without closed form")
            roots.append(root)
            signs.append(required(_between(slope, left, "0"), expr))
            sign = required(_between(slope, "0", right), expr)
        signs.append(sign)
    return Chart(tuple(roots), tuple(signs))


def _value_sign(expr: sp.Expr, point: sp.Expr, span: Span) -> Sign | None:
    try:
        return span.knowledge.sign(end_value(expr, point, span.knowledge))
    except UndecidedError:
        return None


def _between(slope: Sign, left: Sign | None, right: Sign | None) -> Sign | None:
    """The sign on an open cell of a function with this slope and these end values, if it is one."""
    strict = slope in ("+", "-")
    if slope in ("-", "<="):
        left, right = right, left
    # Now the function rises from ``left`` to ``right``.
    if slope == "0":
        known = left if left is not None else right
        if known is not None:
            return known
    if left == "+" or (left in ("0", ">=") and strict):
        return "+"
    if right == "-" or (right in ("0", "<=") and strict):
        return "-"
    if left in ("0", ">="):
        return ">="
    return "<=" if right in ("0", "<=") else None
