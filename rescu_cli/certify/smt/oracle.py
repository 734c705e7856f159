"""`SolverOracle`: the solver as a source of signs for `Knowledge`, with a memory for evidence."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.calculus.numbers import number_sign
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.smt.always import Model, SolverAnswer, always
from rescu_cli.certify.smt.script import Relation
from rescu_cli.core.assumptions import Assumptions, Sign
from rescu_cli.core.symbols import X

_MAX_QUESTIONS = 120
"""Signs asked for in one decision; a family that needs more is left undecided."""
_MAX_GIVE_UPS = 4
"""A solver that ran out of steps this often is not asked again: each time costs a second."""
_MAX_MODELS = 32
_N_SAMPLES = 8
_STRICT: dict[Relation, Relation] = {">=": ">", "<=": "<"}
_SIGN: dict[Relation, Sign] = {">": "+", ">=": ">=", "<": "-", "<=": "<=", "=": "0"}


class SolverOracle:
    """Signs by z3, for all admissible parameters.

    Args:
        assumptions: On the free parameters.
    """

    def __init__(self, assumptions: Assumptions) -> None:
        self.assumptions = assumptions
        self._samples = instances(assumptions, _N_SAMPLES)
        self._used: dict[str, SolverAnswer] = {}
        self._models: dict[tuple[tuple[sp.Symbol, sp.Expr], ...], Model] = {}
        self._asked = self._gave_up = 0

    @property
    def queries(self) -> tuple[SolverAnswer, ...]:
        """The statements that were answered with a proof, each once, lemmas before their use."""
        return tuple(self._used.values())

    @property
    def models(self) -> tuple[Model, ...]:
        """Confirmed points at which a statement that was asked for fails."""
        return tuple(self._models.values())

    def sign(self, constant: sp.Expr) -> Sign | None:
        """The sign of an expression without x, None if it varies or is not found."""
        seen = {self._sample(constant, point) for point in self._samples} - {None}
        return self._sign(constant, self._candidates(seen), None, None)

    def sign_between(
        self, expr: sp.Expr, variable: sp.Symbol, lower: sp.Expr, upper: sp.Expr
    ) -> Sign | None:
        """The one sign on lower < variable < upper, None if it varies or is not found."""
        if variable != X:
            if expr.has(X):
                return None
            expr = expr.subs(variable, X)
        return self._sign(expr, (">=", "<="), lower, upper)

    def extremes(self, expr: sp.Expr, lower: sp.Expr, upper: sp.Expr) -> list[sp.Expr] | None:
        """None: an extreme value of a family is an expression, and a solver only knows signs."""
        return None

    def _sample(self, constant: sp.Expr, point: Model) -> Sign | None:
        value = constant.subs(point)
        return None if value.has(sp.nan, sp.zoo, sp.oo) else number_sign(value)

    @staticmethod
    def _candidates(seen: Iterable[Sign | None]) -> tuple[Relation, ...]:
        """What is still possible after a few samples; they only choose the question."""
        signs = set(seen)
        if {"+", "-"} <= signs:
            return ()
        if "+" in signs:
            return (">=",)
        if "-" in signs:
            return ("<=",)
        return ("=", ">=", "<=") if "0" in signs else (">=", "<=")

    def _sign(
        self,
        expr: sp.Expr,
        relations: tuple[Relation, ...],
        lower: sp.Expr | None,
        upper: sp.Expr | None,
    ) -> Sign | None:
        for relation in relations:
            weak = self._ask(expr, relation, lower, upper)
            if weak is None or not weak.holds:
                continue
            if relation in _STRICT:
                strict = self._ask(expr, _STRICT[relation], lower, upper)
                if strict is not None and strict.holds:
                    self._keep(strict)
                    return _SIGN[_STRICT[relation]]
            self._keep(weak)
            return _SIGN[relation]
        return None

    def _ask(
        self, expr: sp.Expr, relation: Relation, lower: sp.Expr | None, upper: sp.Expr | None
    ) -> SolverAnswer | None:
        self._asked += 1
        if self._asked > _MAX_QUESTIONS or self._gave_up >= _MAX_GIVE_UPS:
            return None
        try:
            answer = always(expr, relation, self.assumptions, lower, upper)
        except UndecidedError:
            return None
        self._gave_up += answer.holds is None
        if answer.model is not None and len(self._models) < _MAX_MODELS:
            self._models.setdefault(tuple(answer.model.items()), answer.model)
        return answer

    def _keep(self, answer: SolverAnswer) -> None:
        for one in (*answer.lemmas, answer):
            self._used.setdefault(one.smt2, one)
