"""A normal form for elementary expressions: a rational function in x and independent generators.

exp(r·t) with rational r becomes a power of one generator W = exp(g·t), g the greatest common
divisor of all such r; a root a generator R with R^q = base; sin u and cos u two generators with
S² + C² = 1; any other function a generator of its own. Whatever the generators stand for, an
identity between the rational functions is an identity between the expressions; so zero can be
*proved* here (never refuted, there may be hidden relations).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import sympy as sp

from rescu_cli.core import balls, symbols
from rescu_cli.core.symbols import X
from rescu_cli.errors import UnsupportedError

_MAX_EXPONENT = 64


@dataclass
class Generators:
    """The generators of one expression and what they stand for."""

    meaning: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    exps: dict[sp.Expr, tuple[sp.Symbol, sp.Rational]] = field(default_factory=dict)
    roots: dict[sp.Expr, tuple[sp.Symbol, int]] = field(default_factory=dict)
    circles: dict[sp.Expr, tuple[sp.Symbol, sp.Symbol]] = field(default_factory=dict)
    others: dict[sp.Expr, sp.Symbol] = field(default_factory=dict)

    def back(self, expr: sp.Expr) -> sp.Expr:
        """The expression with every generator replaced by what it stands for."""
        return expr.xreplace(self.meaning)


@dataclass(frozen=True)
class Normal:
    """numerator/denominator, polynomials in x, parameters and generators."""

    numerator: sp.Expr
    denominator: sp.Expr
    generators: Generators


def exponential_form(expr: sp.Expr) -> sp.Expr:
    """The same function with exp, log, erf, sin, cos, atan, asinh and roots only."""
    return (
        symbols.plain(expr)
        .replace(sp.tanh, lambda u: 1 - 2 / (sp.exp(2 * u) + 1))
        .replace(sp.cosh, lambda u: (sp.exp(u) + sp.exp(-u)) / 2)
        .replace(sp.sinh, lambda u: (sp.exp(u) - sp.exp(-u)) / 2)
        .replace(sp.erfc, lambda u: 1 - sp.erf(u))
        .replace(sp.tan, lambda u: sp.sin(u) / sp.cos(u))
        .replace(_is_root, _without_squares)
    )


def _is_root(expr: sp.Expr) -> bool:
    fractional = expr.is_Pow and expr.exp.is_Rational and not expr.exp.is_Integer
    return bool(fractional and expr.base.is_Add)


def _without_squares(root: sp.Pow) -> sp.Expr:
    """√(c²·u) as c·√u where c > 0; SymPy pulls nonnegative factors out of a factored base."""
    base = sp.factor(root.base)
    return base**root.exp if base.is_Mul else root


@lru_cache(maxsize=4096)
def normal(expr: sp.Expr) -> Normal:
    """The normal form of ``expr``; the numerator is reduced by the relations of the generators."""
    spelled = exponential_form(expr)
    generators = Generators()
    _collect(spelled, generators)
    converted = _convert(spelled, generators)
    numerator, denominator = sp.fraction(sp.together(converted))
    return Normal(_reduced(numerator, generators), denominator, generators)


def vanishes(expr: sp.Expr) -> bool:
    """Whether ``expr`` is proved to be identically zero wherever it is defined."""
    if expr.is_zero:
        return True
    if sp.expand(expr) == 0:
        return True
    if expr.is_Rational or expr.is_Symbol:
        return False
    if normal(expr).numerator == 0 or symbols.logarithms_cancel(expr):
        return True
    return not expr.free_symbols and (symbols.algebraic_zero(expr) or _root_cancels(expr))


def _root_cancels(number: sp.Expr) -> bool:
    """p + q·√Q = 0, as cosh(1/2) − √(1 + sinh²(1/2)): p² = q²·Q, and p and q differ in sign."""
    roots = [r for r in number.atoms(sp.Pow) if r.exp == sp.S.Half and r.base.is_Add]
    if len(roots) != 1:
        return False
    (root,) = roots
    p, q = (sp.expand(number).coeff(root, n) for n in (0, 1))
    if p.has(root) or q.has(root) or sp.expand(number - p - q * root) != 0:
        return False
    try:
        with balls.precision(256):
            opposite = balls.evaluate(p, {}) * balls.evaluate(q, {}) < 0
    except (UnsupportedError, ZeroDivisionError):
        return False
    return bool(opposite) and normal(sp.expand(p**2 - q**2 * root.base)).numerator == 0


def _canonical(argument: sp.Expr) -> sp.Expr:
    """One form for equal arguments: expanded, with common factors of a fraction cancelled."""
    expanded = sp.expand(argument)
    fractions = (p for p in expanded.atoms(sp.Pow) if p.base.is_Add and p.exp.is_negative)
    if any(fractions) and expanded.is_rational_function():
        return sp.expand(sp.cancel(expanded))
    return expanded


def _exponent_terms(argument: sp.Expr) -> list[tuple[sp.Rational, sp.Expr]]:
    """The exponent as Σ r·t with rational r and terms t free of rational factors."""
    terms = []
    for term in sp.Add.make_args(_canonical(argument)):
        coefficient, rest = term.as_coeff_Mul()
        if not coefficient.is_Rational:
            coefficient, rest = sp.S.One, term
        terms.append((coefficient, rest))
    return terms


def _collect(expr: sp.Expr, generators: Generators) -> None:
    """First pass: the common units of exponents, so that powers come out whole and small."""
    exp_units: dict[sp.Expr, sp.Rational] = {}
    root_units: dict[sp.Expr, int] = {}
    as_written: dict[sp.Expr, sp.Expr] = {}
    for node in sp.preorder_traversal(expr):
        if node is sp.E:  # e^1, which SymPy does not write as a power
            exp_units[sp.S.One] = _common(exp_units.get(sp.S.One, sp.S.Zero), sp.S.One)
        elif isinstance(node, sp.exp):
            for coefficient, rest in _exponent_terms(node.args[0]):
                exp_units[rest] = _common(exp_units.get(rest, sp.S.Zero), coefficient)
        elif node.is_Pow and node.exp.is_Rational and node.exp.q > 1 and not node.base.is_Rational:
            base = sp.expand(node.base)
            root_units[base] = int(sp.ilcm(root_units.get(base, 1), node.exp.q))
            as_written.setdefault(base, node.base)  # a sum of squares shows its sign
    for rest, unit in exp_units.items():
        symbol = sp.Dummy("w", positive=True)
        generators.exps[rest] = (symbol, unit)
        generators.meaning[symbol] = sp.exp(unit * rest)
    for base, unit in root_units.items():
        symbol = sp.Dummy("r", real=True)
        generators.roots[base] = (symbol, unit)
        generators.meaning[symbol] = as_written[base] ** sp.Rational(1, unit)


def _common(a: sp.Rational, b: sp.Rational) -> sp.Rational:
    """The greatest positive rational of which both are whole multiples."""
    return sp.Rational(sp.igcd(a.p * b.q, b.p * a.q), a.q * b.q)


def _convert(expr: sp.Expr, generators: Generators) -> sp.Expr:
    if expr is sp.E and sp.S.One in generators.exps:
        symbol, unit = generators.exps[sp.S.One]
        return symbol ** (1 / unit)
    if expr.is_Symbol or expr.is_Number or not expr.args:
        return expr
    if expr.is_Add or expr.is_Mul:
        return expr.func(*[_convert(a, generators) for a in expr.args])
    if isinstance(expr, sp.exp):
        product = sp.S.One
        for coefficient, rest in _exponent_terms(expr.args[0]):
            known = generators.exps.get(rest)
            if known is None or not (coefficient / known[1]).is_Integer:
                return _other(expr, generators)
            product *= known[0] ** (coefficient / known[1])
        return product
    if expr.is_Pow and expr.exp.is_Integer and abs(expr.exp) <= _MAX_EXPONENT:
        return _convert(expr.base, generators) ** expr.exp
    if expr.is_Pow and expr.exp.is_Rational:
        if expr.base.is_Rational:
            return expr
        known = generators.roots.get(sp.expand(expr.base))
        if known is None or known[1] % expr.exp.q:  # expanding an outer base may rewrite inner ones
            return _other(expr, generators)
        return known[0] ** (expr.exp * known[1])
    if isinstance(expr, sp.sin | sp.cos):
        return _circle(expr, generators)
    return _other(expr, generators)


def _circle(expr: sp.Expr, generators: Generators) -> sp.Expr:
    angle = _canonical(expr.args[0])
    sign = 1
    if sp.expand(-angle) in generators.circles:
        angle, sign = sp.expand(-angle), -1
    if angle not in generators.circles:
        pair = (sp.Dummy("s", real=True), sp.Dummy("c", real=True))
        generators.circles[angle] = pair
        generators.meaning |= {pair[0]: sp.sin(angle), pair[1]: sp.cos(angle)}
    s, c = generators.circles[angle]
    return sign * s if isinstance(expr, sp.sin) else c


def _other(expr: sp.Expr, generators: Generators) -> sp.Symbol:
    if not isinstance(expr, sp.Integral) and len(expr.args) == 1:
        inner = generators.back(_convert(expr.args[0], generators))
        expr = expr.func(_canonical(inner))
    if expr not in generators.others:
        symbol = sp.Dummy("g", real=True)
        generators.others[expr] = symbol
        generators.meaning[symbol] = expr
    return generators.others[expr]


def _reduced(numerator: sp.Expr, generators: Generators) -> sp.Expr:
    """Expanded, with R^q replaced by its base and S² by 1 − C²: remainders of monic divisions."""
    numerator = sp.expand(numerator)
    for base, (symbol, unit) in generators.roots.items():
        if numerator.has(symbol):
            relation = symbol**unit - _convert(exponential_form(base), generators)
            numerator = _remainder(numerator, relation, symbol)
    for s, c in generators.circles.values():
        if numerator.has(s):
            numerator = _remainder(numerator, s**2 + c**2 - 1, s)
    return numerator


def _remainder(numerator: sp.Expr, relation: sp.Expr, symbol: sp.Symbol) -> sp.Expr:
    if not (numerator.is_polynomial(symbol) and relation.is_polynomial(symbol)):
        return numerator
    return sp.expand(sp.rem(numerator, sp.expand(relation), symbol))


def depends_on_x(expr: sp.Expr, generators: Generators) -> bool:
    """Whether a converted expression depends on x, through a generator or directly."""
    return any(s == X or generators.meaning.get(s, s).has(X) for s in expr.free_symbols)
