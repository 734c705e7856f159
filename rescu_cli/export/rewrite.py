"""Rewrites that trade overflow and cancellation for the safe functions of a program.

Every rule is an identity on the whole real line; what changes is which floats appear on the way.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from rescu_cli.core.symbols import Phi, X, expm1, log1p, sigmoid

_FAR = sp.Integer(2) ** 30
"""Beyond it 1 + u² is u² to the last bit of float64."""


def safe(expr: sp.Expr) -> sp.Expr:
    """``expr`` with overflowing and cancelling patterns replaced, from the inside out.

    Example:
        >>> from rescu_cli.core.symbols import X
        >>> safe(X / (1 + sp.exp(-X)))
        x*sigmoid(x)
    """
    expr = sp.sympify(expr, strict=True)
    if not expr.args or expr.is_number:
        return expr
    expr = expr.func(*(safe(a) for a in expr.args))
    for kind, rules in _RULES:
        if isinstance(expr, kind):
            for rule in rules:
                expr = rule(expr)
    return expr


def _exp_sum(expr: sp.Expr) -> sp.Expr | None:
    """The u of 1 + e^u, or None."""
    if expr.is_Add and len(expr.args) == 2:
        one, other = expr.args
        if one == 1 and isinstance(other, sp.exp):
            return other.args[0]
    return None


# -- powers and products ---------------------------------------------------------------------


def _logistic(expr: sp.Expr) -> sp.Expr:
    """(1 + e^u)^(−n) = σ(−u)^n."""
    if not isinstance(expr, sp.exp) and expr.exp.is_Integer and expr.exp.is_negative:
        u = _exp_sum(expr.base)
        if u is not None:
            return sigmoid(-u) ** (-expr.exp)
    return expr


def _hypotenuse(expr: sp.Expr) -> sp.Expr:
    """√(a + v²) = m·√(1 + (n/m)²), m the larger of √a and |v|: no square that overflows."""
    if isinstance(expr, sp.exp) or not (2 * expr.exp).is_Integer or expr.exp.is_Integer:
        return expr
    square = _plus_square(expr.base)
    if square is None:
        return expr
    edge, v = square
    larger, smaller = sp.Max(sp.Abs(v), edge), sp.Min(sp.Abs(v), edge)
    return (larger * sp.sqrt(1 + (smaller / larger) ** 2)) ** (2 * expr.exp)


def _plus_square(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(√a, v) of a + v² with a > 0 free of x and v linear in x; else None."""
    if not expr.is_polynomial(X) or sp.degree(expr, X) != 2:
        return None
    two, one, zero = sp.Poly(expr, X).all_coeffs()
    if one != 0 or not (two.is_positive and zero.is_positive):
        return None
    return sp.sqrt(zero), sp.sqrt(two) * X


def _over_square(expr: sp.Expr) -> sp.Expr:
    """x^p/(a + v²)^k with p ≤ 2k, v = bx, through v/max(|v|, √a): no square that overflows."""
    powers = expr.as_powers_dict()
    p = powers.get(X, sp.S.Zero)
    if not (p.is_Integer and p > 0):
        return expr
    for base, power in powers.items():
        square = _plus_square(base) if power.is_Integer and power < 0 else None
        if square is None or p > -2 * power:
            continue
        edge, v = square
        larger, smaller = sp.Max(sp.Abs(v), edge), sp.Min(sp.Abs(v), edge)
        unit = sp.Min(sp.Max(v / edge, -1), 1) / (v / X)
        rest = expr / X**p / base**power
        return rest * unit**p * larger ** (2 * power + p) * (1 + (smaller / larger) ** 2) ** power
    return expr


def _exp_times_logistic(expr: sp.Expr) -> sp.Expr:
    """e^u·σ(−u)^n = σ(u)·σ(−u)^(n−1)."""
    for factor in expr.args:
        if isinstance(factor, sp.exp):
            u = factor.args[0]
            for other in expr.args:
                base, power = other.as_base_exp()
                if isinstance(base, sigmoid) and sp.expand(base.args[0] + u) == 0:
                    rest = expr / factor / other
                    return rest * sigmoid(u) * base ** (power - 1)
    return expr


def _direction(expr: sp.Expr) -> sp.Expr:
    """v/max(|v|, e) = clip(v/e, −1, 1), which is also right where v is infinite."""
    powers = expr.as_powers_dict()
    for base, power in list(powers.items()):
        if not (isinstance(base, sp.Max) and power.is_negative and powers.get(X, 0) > 0):
            continue
        sizes = [a for a in base.args if isinstance(a, sp.Abs) or (a / sp.Abs(X)).is_positive]
        edges = [a for a in base.args if not a.has(X)]
        if len(sizes) == 1 and len(edges) == 1 and len(base.args) == 2:
            scale = sizes[0] / sp.Abs(X)
            unit = sp.Min(sp.Max(scale * X / edges[0], -1), 1)
            return _direction(expr / X * base * unit / scale)
    return expr


# -- sums --------------------------------------------------------------------------------------


def _balanced(expr: sp.Expr) -> sp.Expr:
    """c ± c·g(u) and c·e^u − c, written without the cancellation of their tails."""
    for number in [a for a in expr.args if not a.has(X)]:
        for term in expr.args:
            if not term.has(X):
                continue
            ratio = term / number
            for sign in (1, -1):
                joined = _JOINED.get((type(sign * ratio), sign))
                if joined is not None:
                    rest = expr - number - term
                    return rest + number * joined((sign * ratio).args[0])
    return expr


_JOINED: dict[tuple[type, int], Callable[[sp.Expr], sp.Expr]] = {
    (sp.tanh, 1): lambda u: 2 * sigmoid(2 * u),
    (sp.tanh, -1): lambda u: 2 * sigmoid(-2 * u),
    (sp.erf, 1): lambda u: 2 * Phi(sp.sqrt(2) * u),
    (sp.erf, -1): lambda u: 2 * Phi(-sp.sqrt(2) * u),
    (sigmoid, -1): lambda u: sigmoid(-u),
    (Phi, -1): lambda u: Phi(-u),
    (sp.exp, -1): lambda u: -expm1(u),
}
"""1 ± g(u) by the type of g and the sign."""


def _one_minus_square(expr: sp.Expr) -> sp.Expr:
    """c − c·tanh²u = 4c·σ(2u)·σ(−2u)."""
    if len(expr.args) == 2:
        number, term = expr.args
        base, power = (-term / number).as_base_exp()
        if not number.has(X) and power == 2 and isinstance(base, sp.tanh):
            u = 2 * base.args[0]
            return 4 * number * sigmoid(u) * sigmoid(-u)
    return expr


# -- functions ---------------------------------------------------------------------------------


def _log_of_sum(expr: sp.Expr) -> sp.Expr:
    """ln(1 + e^u) = max(u, 0) + log1p(e^(−|u|)); ln(a + v²) without v² for large v."""
    (inside,) = expr.args
    u = _exp_sum(inside)
    if u is not None:
        return sp.Max(u, 0) + log1p(sp.exp(-sp.Abs(u)))
    square = _plus_square(inside)
    if square is not None:
        edge, v = square
        size = sp.Abs(v) / edge
        near, far = sp.Min(size, _FAR), sp.Max(size, _FAR) / _FAR
        return 2 * sp.log(edge) + log1p(near**2) + 2 * sp.log(far)
    if inside.is_Add and 1 in inside.args:
        return log1p(inside - 1)
    gates = [f for f in sp.Mul.make_args(inside) if isinstance(f, sigmoid)]
    if gates:  # ln σ(u) = −ln(1 + e^(−u))
        u = -gates[0].args[0]
        return safe(sp.log(inside / gates[0])) - sp.Max(u, 0) - log1p(sp.exp(-sp.Abs(u)))
    return expr


def _odd(half: Callable[[sp.Expr], sp.Expr]) -> Callable[[sp.Expr], sp.Expr]:
    """An odd function from its right half, without a sign."""
    return lambda expr: half(sp.Max(expr.args[0], 0)) - half(sp.Max(-expr.args[0], 0))


def _asinh(v: sp.Expr) -> sp.Expr:
    v_far = sp.Min(v, _FAR)
    root = sp.sqrt(1 + v_far**2)
    return log1p(v_far + v_far**2 / (1 + root)) + sp.log(sp.Max(v, _FAR) / _FAR)


def _erfc(expr: sp.Expr) -> sp.Expr:
    """erfc(u) = 2Φ(−u√2): one function with an accurate tail is enough."""
    return 2 * Phi(-sp.sqrt(2) * expr.args[0])


_RULES: tuple[tuple[type, tuple[Callable[[sp.Expr], sp.Expr], ...]], ...] = (
    (sp.sinh, (lambda e: (expm1(e.args[0]) - expm1(-e.args[0])) / 2,)),
    (sp.cosh, (lambda e: (sp.exp(e.args[0]) + sp.exp(-e.args[0])) / 2,)),
    (sp.tan, (lambda e: sp.sin(e.args[0]) / sp.cos(e.args[0]),)),
    (sp.asinh, (_odd(_asinh),)),
    (sp.erfc, (_erfc,)),
    (sp.Pow, (_logistic,)),
    (sp.Pow, (lambda e: _hypotenuse(e) if isinstance(e, sp.Pow) else e,)),
    (sp.log, (_log_of_sum,)),
    (sp.Mul, (_exp_times_logistic,)),
    (sp.Mul, (lambda e: _over_square(e) if e.is_Mul else e,)),
    (sp.Mul, (_direction,)),
    (sp.Add, (_one_minus_square, lambda e: _balanced(e) if e.is_Add else e)),
)
"""Tried in this order once the arguments are done."""


def two_sided(expr: sp.Expr) -> sp.Expr:
    """a·x + b·max(x − c, 0) as a·min(x, c) + (a + b)·max(x − c, 0).

    The slopes of the two sides then stand alone: nothing cancels on the right, where the sum would
    be ∞ − ∞ for b = −a.

    Example:
        >>> two_sided(X / 4 + 3 * sp.Max(X, 0) / 4)
        Max(0, x) + Min(0, x)/4
    """
    terms = [t for term in sp.Add.make_args(expr) for t in _rightward(term)]
    lines = [t for t in terms if t.has(X) and not (t / X).has(X)]
    line = sp.Add(*lines)
    if line == 0:
        return sp.Add(*terms) if len(lines) > 1 else expr
    for term in terms:
        split = _kink(term)
        if split is None:
            continue
        weight, shifted, rest = split
        slope, corner = line / X, X - shifted
        others = [t for t in terms if t not in (*lines, term)]
        right = sp.expand(slope + weight) * sp.Max(shifted, 0)
        return sp.Add(slope * sp.Min(X, corner), right, rest, *others)
    return expr


def _rightward(term: sp.Expr) -> list[sp.Expr]:
    """b·max(−m·x, 0) as m·b·max(x, 0) − m·b·x for m > 0; other terms as they are."""
    for factor in sp.Mul.make_args(term):
        if isinstance(factor, sp.Max) and len(factor.args) == 2 and sp.S.Zero in factor.args:
            (inside,) = (a for a in factor.args if a != 0)
            steepness, weight = -inside / X, term / factor
            if steepness.is_positive and not (steepness.has(X) or weight.has(X)):
                return [weight * steepness * sp.Max(X, 0), -weight * steepness * X]
    return [term]


def _kink(term: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr] | None:
    """(b, x − c, rest) if ``term`` is b·max(x − c, 0) + rest with rest in step with it."""
    factors = sp.Mul.make_args(term)
    for factor in factors:
        rest = sp.Mul(*[f for f in factors if f is not factor])
        if rest.has(X):
            continue
        for part in sp.Add.make_args(factor):
            if isinstance(part, sp.Max) and len(part.args) == 2 and sp.S.Zero in part.args:
                (shifted,) = (a for a in part.args if a != 0)
                if not (shifted - X).has(X):
                    return rest, shifted, rest * (factor - part)
    return None


def accurate(form: sp.Expr) -> sp.Expr:
    """A safe form with the cancellations removed that are left where a transition begins."""
    form = form.replace(sp.Max, _from_nearest_joint)
    return form.replace(lambda e: e.is_Add, _sine_gap)


def _from_nearest_joint(*args: sp.Expr) -> sp.Expr:
    """max(h − |x − c|, 0) as max(min(x − (c − h), (c + h) − x), 0), exact beside both joints.

    For c = 0 it is already; otherwise x − c is rounded before it is subtracted.
    """
    if len(args) == 2 and sp.S.Zero in args:
        (inside,) = (a for a in args if a != 0)
        sizes = [a for a in sp.Add.make_args(inside) if isinstance(-a, sp.Abs)]
        if len(sizes) == 1:
            shifted = (-sizes[0]).args[0]
            shifted = shifted if shifted.coeff(X, 1) == 1 else -shifted
            half, center = inside - sizes[0], sp.expand(X - shifted)
            if not (half.has(X) or center.has(X)) and center != 0:
                left, right = sp.expand(half - center), sp.expand(center + half)
                return sp.Max(0, sp.Min(X + left, right - X))
    return sp.Max(*args)


_GAP_TERMS = 12
"""z − sin z = z³·Σ(−1)^k z^(2k)/(2k + 3)!; what 12 terms leave for |z| ≤ 2 is below 2^−62."""


def _sine_gap(expr: sp.Expr) -> sp.Expr:
    """q·z − q·sin z as a series, for z known to lie in [0, 2]: all digits cancel at z = 0."""
    for term in expr.args:
        waves = [f for f in sp.Mul.make_args(term) if isinstance(f, sp.sin)]
        if len(waves) != 1:
            continue
        z, scale = waves[0].args[0], -term / waves[0]
        largest = _largest(z)
        if scale * z in expr.args and largest and bool(largest <= 2):
            rest = sp.Add(*[a for a in expr.args if a not in (term, scale * z)])
            # In v = z/largest, which is at most 1, so that each coefficient is one constant.
            v, series = z / largest, sp.S.Zero
            for k in reversed(range(_GAP_TERMS)):
                power = 2 * k + 3
                series = (-1) ** k * largest**power / sp.factorial(power) + v**2 * series
            return rest + scale * v**3 * series
    return expr


def _largest(z: sp.Expr) -> sp.Expr | None:
    """The largest value of a multiple of max(h − |…|, 0), whose smallest is 0; else None."""
    for factor in sp.Mul.make_args(z):
        if isinstance(factor, sp.Max) and len(factor.args) == 2 and sp.S.Zero in factor.args:
            (inside,) = (a for a in factor.args if a != 0)
            sizes = [a for a in sp.Add.make_args(inside) if isinstance(-a, sp.Abs)]
            if len(sizes) == 1:
                top = sp.simplify(z / factor * (inside - sizes[0]))
                return top if top.is_number and top.is_positive else None
            if isinstance(inside, sp.Min):
                ends = sp.simplify(sum(inside.args) / 2 * z / factor)
                return ends if ends.is_number and ends.is_positive else None
    return None
