"""Read assumptions on parameters: ``beta > 0``, ``0 <= g_minus <= g_plus``, ``alpha < beta``."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sympy as sp

from rescu_cli.core.assumptions import Assumptions, Relation
from rescu_cli.core.parse import RESERVED, parse_expression
from rescu_cli.core.symbols import POSITIVE, REAL, Domain
from rescu_cli.errors import AssumptionError, ParseError

STANDARD: dict[str, Domain] = {
    **dict.fromkeys(("alpha", "beta", "c", "k", "mu", "s"), POSITIVE),
    **dict.fromkeys(("g_minus", "g_plus"), REAL),
}
"""Parameters that may be used without declaring them, with their usual domains."""

_MAX_TEXT = 500
_COMPARISON = re.compile(r"(<=|>=|<|>)")


def read_assumptions(texts: Iterable[str]) -> Assumptions:
    """The standard parameters' domains, narrowed by what the user assumes.

    Args:
        texts: Chains of comparisons, several per text when separated by commas.

    Raises:
        AssumptionError: If a text cannot be read, is not linear, or contradicts another.

    Example:
        >>> read_assumptions(["0 < beta < 4"]).domains["beta"].describe("beta")
        '0 < beta < 4'
    """
    found = Assumptions({})
    comparisons: list[tuple[str, Relation]] = []
    for text in texts:
        if len(text) > _MAX_TEXT:
            raise AssumptionError(
                f"An assumption has {len(text)} characters; the limit is {_MAX_TEXT}."
            )
        for part in filter(str.strip, text.split(",")):
            comparisons += [(part.strip(), r) for r in _relations(part)]
    for part, relation in comparisons:
        symbols = relation.expr.free_symbols
        if not symbols:
            if not _holds(relation):
                raise AssumptionError(f"The assumption {part!r} is false.")
        elif len(symbols) == 1:
            (symbol,) = symbols
            found = found.with_domain(symbol.name, _as_domain(relation, symbol, part))
        else:
            _as_coefficients(relation, part)
    domains = dict(STANDARD)
    for name, domain in found.domains.items():
        domains[name] = _completed(domain, STANDARD.get(name, REAL))
    for _, relation in comparisons:
        for symbol in relation.expr.free_symbols:
            domains.setdefault(symbol.name, REAL)
    final = {name: domain.symbol(name) for name, domain in domains.items()}
    relations = tuple(
        Relation(r.expr.xreplace({s: final[s.name] for s in r.expr.free_symbols}), r.strict)
        for _, r in comparisons
        if len(r.expr.free_symbols) > 1
    )
    return Assumptions(domains, relations)


def _completed(said: Domain, usual: Domain) -> Domain:
    """What was said, with the usual lower end where none was given: ``beta < 4`` keeps beta > 0.

    A lower end that was given, or an upper end below the usual range, speaks for itself.
    """
    if said.lower.is_finite or not usual.lower.is_finite or bool(said.upper <= usual.lower):
        return said
    return said.intersect(usual)


def _relations(part: str) -> list[Relation]:
    pieces = _COMPARISON.split(part)
    if len(pieces) < 3:
        raise AssumptionError(
            f"Cannot read the assumption {part.strip()!r}; write a comparison, e.g. 'beta > 0'."
        )
    names = {n: sp.Symbol(n, real=True) for n in re.findall(r"[A-Za-z_]\w*", part)}
    reserved = sorted(set(names) & RESERVED - {"e"})
    if reserved:
        raise AssumptionError(
            f"The assumption {part.strip()!r} is about {reserved[0]!r}; assume things of "
            "parameters only, e.g. 'beta > 0'."
        )
    try:
        sides = [parse_expression(s, dict(names.items())) for s in pieces[::2]]
    except ParseError as error:
        raise AssumptionError(f"Cannot read the assumption {part.strip()!r}: {error}") from error
    result: list[Relation] = []
    for i, op in enumerate(pieces[1::2]):
        difference = sides[i + 1] - sides[i] if op[0] == "<" else sides[i] - sides[i + 1]
        result.append(Relation(sp.expand(difference), len(op) == 1))
    return result


def _holds(relation: Relation) -> bool:
    return bool(relation.expr > 0 if relation.strict else relation.expr >= 0)


def _as_domain(relation: Relation, symbol: sp.Symbol, part: str) -> Domain:
    slope, constant = _as_coefficients(relation, part)[symbol], relation.expr.subs(symbol, 0)
    bound = -constant / slope
    if slope > 0:
        return Domain(lower=bound, lower_open=relation.strict)
    return Domain(upper=bound, upper_open=relation.strict)


def _as_coefficients(relation: Relation, part: str) -> dict[sp.Symbol, sp.Expr]:
    symbols = sorted(relation.expr.free_symbols, key=str)
    try:
        polynomial = sp.Poly(relation.expr, *symbols)
    except sp.PolynomialError:
        polynomial = None
    rational = polynomial is not None and all(c.is_Rational for c in polynomial.coeffs())
    if polynomial is None or polynomial.total_degree() != 1 or not rational:
        raise AssumptionError(
            f"The assumption {part!r} is not linear with rational numbers; "
            "write e.g. 'alpha < 2*beta'."
        )
    return {s: polynomial.coeff_monomial(s) for s in symbols}
