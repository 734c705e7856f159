"""Whether an expression has a sign for all admissible parameters (and all x of an interval).

docs/proofs/solver.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from rescu_cli.certify.calculus.numbers import number_sign
from rescu_cli.certify.smt import solver
from rescu_cli.certify.smt.clear import Clearing
from rescu_cli.certify.smt.script import (
    Fact,
    Relation,
    parameter_facts,
    parameter_names,
    script,
)
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import X

Model = Mapping[sp.Symbol, sp.Expr]
_ORDER = ("nlsat", "portfolio")
_FULFILLED: dict[Relation, tuple[str, ...]] = {
    ">": ("+",), ">=": ("+", "0"), "<": ("-",), "<=": ("-", "0"), "=": ("0",), "!=": ("+", "-"),
}  # fmt: skip


@dataclass(frozen=True)
class SolverAnswer:
    """What the solver said about one statement.

    Args:
        holds: True if it is proved, False if z3 found a counterexample, None if it gave up.
        smt2: The script: the assumptions and the negation of the statement.
        model: An admissible point with exact rational values (x among them if the statement is
            about x) at which the statement was *confirmed* to fail; None if there is none that is
            rational.
        statement: The statement in words of algebra.
        strategy: The strategy that answered, for `replay`.
        lemmas: Statements this one rests on: that what was divided by has a strict sign.
    """

    holds: bool | None
    smt2: str
    model: Model | None = None
    statement: str = ""
    strategy: str = "nlsat"
    lemmas: tuple[SolverAnswer, ...] = ()


def always(
    expr: sp.Expr,
    relation: Relation,
    assumptions: Assumptions,
    lower: sp.Expr | None = None,
    upper: sp.Expr | None = None,
) -> SolverAnswer:
    """Whether ``expr relation 0`` for all admissible parameters and all lower < x < upper.

    Args:
        expr: Algebraic in the parameters and x: rational numbers, + − · /, roots, |·|, max, min.
        relation: Compared with zero.
        assumptions: Domains and relations of the parameters; all of them become part of the query.
        lower: Lower end of x, in the parameters; −oo if None.
        upper: Upper end of x; oo if None.

    Raises:
        UndecidedError: If the expression cannot be put to a solver, or a division is not shown to
            be by something with a strict sign.

    Example:
        >>> from rescu_cli.core.assume import read_assumptions
        >>> known = read_assumptions(["a > 0", "b > 0"])
        >>> a, b = (known.domains[n].symbol(n) for n in "ab")
        >>> always(a**2 - a*b + b**2, ">", known).holds
        True
    """
    expr = sp.sympify(expr, strict=True)
    lower, upper = (None if e is None else sp.sympify(e, strict=True) for e in (lower, upper))
    query = _Query(assumptions, uses_x=expr.has(X))
    if expr.has(X):
        for end, side in ((lower, 1), (upper, -1)):
            if end is not None and not end.is_infinite:
                margin = query.clearing.polynomial(side * (X - end))
                query.range.append(Fact(margin, ">"))
    polynomial = query.clearing.polynomial(expr)
    statement = f"{expr} {relation} 0" + _between(expr, lower, upper)
    answer = query.ask(Fact(polynomial, relation), statement)
    outcome = solver.check(answer.smt2, answer.strategy) if answer.holds is False else None
    model = None
    if outcome is not None:
        model = _confirmed(outcome, query.names, expr, relation, assumptions, lower, upper)
    return SolverAnswer(
        answer.holds, answer.smt2, model, statement, answer.strategy, tuple(query.lemmas)
    )


def _between(expr: sp.Expr, lower: sp.Expr | None, upper: sp.Expr | None) -> str:
    if not expr.has(X):
        return ""
    low = "-oo" if lower is None else lower
    return f" for {low} < x < {'oo' if upper is None else upper}"


class _Query:
    """One statement on its way to the solver, with the lemmas that clear its denominators."""

    def __init__(self, assumptions: Assumptions, *, uses_x: bool) -> None:
        self.assumptions = assumptions
        self.names = parameter_names(assumptions)
        if not uses_x:
            del self.names[X]
        self.given = parameter_facts(assumptions)
        self.range: list[Fact] = []
        self.lemmas: list[SolverAnswer] = []
        self.clearing = Clearing(self.names, self.prove)

    def ask(self, fact: Fact, statement: str) -> SolverAnswer:
        assumed = [*self.given, *self.clearing.definitions, *self.range]
        known = self.assumptions.describe() or "no assumptions"
        text = script(fact, assumed, self.names, f"under {known}: {statement}")
        for strategy in _ORDER:
            outcome = solver.check(text, strategy)
            if outcome.verdict != "unknown":
                holds = outcome.verdict == "unsat"
                return SolverAnswer(holds, text, None, statement, strategy)
        return SolverAnswer(None, text, None, statement)

    def prove(self, fact: Fact) -> bool:
        """A fact about a denominator or radicand: by the assumptions' algebra, else the solver."""
        if fact.polynomial.free_symbols <= {
            d.symbol(n) for n, d in self.assumptions.domains.items()
        }:
            sign = self.assumptions.sign(fact.polynomial)
            enough = {">": "+", "<": "-", ">=": ("+", "0", ">="), "!=": ("+", "-")}
            if sign is not None and sign in enough.get(fact.relation, ()):
                return True
        answer = self.ask(fact, f"{fact.polynomial} {fact.relation} 0")
        if answer.holds:
            self.lemmas.append(answer)
        return bool(answer.holds)


def _confirmed(
    outcome: solver.Outcome,
    names: Mapping[sp.Symbol, str],
    expr: sp.Expr,
    relation: Relation,
    assumptions: Assumptions,
    lower: sp.Expr | None,
    upper: sp.Expr | None,
) -> Model | None:
    """The model, or a rational point near it, at which the statement provably fails; made short."""
    symbols = [s for s in names if s == X or s.name in assumptions.domains]
    values = {s: outcome.values.get(names[s], (Fraction(0),)) for s in symbols}

    def confirms(point: Model) -> bool:
        return admissible(point, assumptions) and _fails(expr, relation, point, lower, upper)

    for level in range(max((len(v) for v in values.values()), default=1)):
        point = {s: _rational(v[min(level, len(v) - 1)]) for s, v in values.items()}
        if not confirms(point):
            continue
        for symbol in symbols:  # one after the other: a short number wherever one will do
            for value in sorted(values[symbol], key=lambda v: len(str(v))):
                shorter = {**point, symbol: _rational(value)}
                if len(str(value)) < len(str(point[symbol])) and confirms(shorter):
                    point = shorter
                    break
        return point
    return None


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)


def admissible(point: Model, assumptions: Assumptions) -> bool:
    """Whether exact numbers satisfy the domains and relations of the parameters."""
    for name, domain in assumptions.domains.items():
        if not domain.contains(point[domain.symbol(name)]):
            return False
    margins = ((number_sign(r.expr.subs(point)), r.strict) for r in assumptions.relations)
    return all(sign == "+" or (sign == "0" and not strict) for sign, strict in margins)


def _fails(
    expr: sp.Expr,
    relation: Relation,
    point: Model,
    lower: sp.Expr | None,
    upper: sp.Expr | None,
) -> bool:
    if X in point:
        for end, side in ((lower, 1), (upper, -1)):
            inside = end is None or end.is_infinite
            if not inside and number_sign((side * (X - end)).subs(point)) != "+":
                return False
    sign = number_sign(expr.subs(point))
    return sign in ("+", "-", "0") and sign not in _FULFILLED[relation]
