"""A statement about real numbers as the text of an SMT-LIB 2 script.

The text is the only thing that a solver sees, so whoever keeps it can ask another solver. It
asserts the assumptions and the *negation* of the statement: ``unsat`` proves the statement.

Only polynomials with integer coefficients are written. Roots, |u|, max and min become fresh
constants with their defining equations; denominators are cleared beforehand, see `always`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import X

Relation = Literal[">", ">=", "<", "<=", "=", "!="]
_MAX_TERMS = 400
_MAX_DEGREE = 40
"""Larger polynomials are refused: nonlinear real arithmetic is doubly exponential."""


@dataclass(frozen=True)
class Fact:
    """``polynomial relation 0``."""

    polynomial: sp.Expr
    relation: Relation

    def text(self, names: Mapping[sp.Symbol, str]) -> str:
        body = polynomial_text(self.polynomial, names)
        if self.relation == "!=":
            return f"(not (= {body} 0))"
        return f"({self.relation} {body} 0)"


def script(
    statement: Fact,
    assumed: Sequence[Fact],
    names: Mapping[sp.Symbol, str],
    comment: str = "",
) -> str:
    """The script whose unsatisfiability proves ``statement`` under what is ``assumed``.

    Args:
        statement: What is to hold for all values.
        assumed: What may be used.
        names: The constants of the script, in the order of their declaration.
        comment: One line for a human reader.
    """
    lines = [f"; {comment}"] if comment else []
    lines.append("(set-logic QF_NRA)")
    lines += [f"(declare-const {name} Real)" for name in names.values()]
    lines += [f"(assert {fact.text(names)})" for fact in assumed]
    lines += [f"(assert (not {statement.text(names)}))", "(check-sat)"]
    return "\n".join(lines) + "\n"


def parameter_names(assumptions: Assumptions) -> dict[sp.Symbol, str]:
    """A name of the script for each parameter; the prefix keeps clear of SMT-LIB's own words."""
    return {d.symbol(n): f"p_{n}" for n, d in sorted(assumptions.domains.items())} | {X: "x"}


def parameter_facts(assumptions: Assumptions) -> list[Fact]:
    """The domains and relations of the parameters.

    Raises:
        UndecidedError: If an end of a domain is not rational; leaving it out would be sound for
            proofs, but its counterexamples would not count.
    """
    facts: list[Fact] = []
    for name, domain in sorted(assumptions.domains.items()):
        symbol = domain.symbol(name)
        for end, is_open, side in (
            (domain.lower, domain.lower_open, 1),
            (domain.upper, domain.upper_open, -1),
        ):
            if end.is_infinite:
                continue
            if not end.is_Rational:
                raise UndecidedError(f"{domain.describe(name)} has an end that is not rational")
            facts.append(Fact(side * (symbol - end), ">" if is_open else ">="))
    facts += [Fact(r.expr, ">" if r.strict else ">=") for r in assumptions.relations]
    return facts


def polynomial_text(polynomial: sp.Expr, names: Mapping[sp.Symbol, str]) -> str:
    """A positive multiple of a polynomial, with integer coefficients, as an SMT-LIB term.

    Example:
        >>> a = sp.Symbol("a")
        >>> polynomial_text(a**2/2 - sp.Rational(1, 3), {a: "p_a"})
        '(+ (* 3 p_a p_a) (- 2))'

    Raises:
        UndecidedError: If it is not a polynomial in ``names`` with rational coefficients, or large.
    """
    try:
        poly = sp.Poly(polynomial, *names)
    except sp.PolynomialError:
        raise UndecidedError(f"{polynomial} is not a polynomial") from None
    if not (poly.domain.is_ZZ or poly.domain.is_QQ):
        raise UndecidedError(f"{polynomial} has coefficients that are not rational")
    if len(poly.terms()) > _MAX_TERMS or poly.total_degree() > _MAX_DEGREE:
        raise UndecidedError("a polynomial of this size is not given to the solver")
    _, whole = poly.clear_denoms(convert=True)
    terms = [_term(int(c), powers, list(names.values())) for powers, c in whole.terms()]
    return terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"


def _term(coefficient: int, powers: Sequence[int], names: Sequence[str]) -> str:
    factors = [name for name, power in zip(names, powers, strict=True) for _ in range(power)]
    number = str(coefficient) if coefficient >= 0 else f"(- {-coefficient})"
    if not factors:
        return number
    if coefficient != 1:
        factors = [number, *factors]
    return factors[0] if len(factors) == 1 else f"(* {' '.join(factors)})"
