"""Exact factorisation over the rationals, by FLINT: far faster than SymPy's in many variables.

Irrational constants (√2, π) are generators like any other: a factorisation that holds for an
indeterminate holds for them.
"""

from __future__ import annotations

from functools import lru_cache

import flint
import sympy as sp

_MAX_TERMS = 600
"""Beyond that SymPy's conversions, not the factorisation, take the time."""


@lru_cache(maxsize=2048)
def factor_list(expr: sp.Expr) -> tuple[sp.Expr, tuple[tuple[sp.Expr, int], ...]]:
    """(content, ((factor, power), …)) with irreducible factors, as SymPy's function of that name.

    Args:
        expr: A polynomial in its symbols and irrational constants with rational coefficients.

    Raises:
        PolynomialError: If it is not one.

    Example:
        >>> x, y = sp.symbols("x y")
        >>> factor_list(2*x**2 - 2*y**2)[0]
        2
    """
    expr = sp.expand(expr)
    if expr.is_Rational:
        return expr, ()
    poly = sp.Poly(expr)
    if not (poly.domain.is_ZZ or poly.domain.is_QQ):
        content, factors = sp.factor_list(expr)
        return content, tuple(factors)
    terms = poly.terms()
    if len(terms) > _MAX_TERMS:
        raise sp.PolynomialError(f"{len(terms)} terms are too many to factor")
    context = flint.fmpq_mpoly_ctx.get([f"v{i}" for i in range(len(poly.gens))], "lex")
    dense = context.from_dict({m: flint.fmpq(int(c.p), int(c.q)) for m, c in terms})
    content, factors = dense.factor()
    back = [(_expression(f, poly.gens), int(power)) for f, power in factors]
    return sp.Rational(int(content.p), int(content.q)), tuple(back)


def _expression(poly: flint.fmpq_mpoly, gens: tuple[sp.Expr, ...]) -> sp.Expr:
    return sp.Add(
        *[
            sp.Rational(int(c.p), int(c.q))
            * sp.Mul(*[g ** int(e) for g, e in zip(gens, monomial, strict=True)])
            for monomial, c in poly.to_dict().items()
        ]
    )
