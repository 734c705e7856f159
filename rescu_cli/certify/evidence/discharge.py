"""Prove single obligations and keep what a replay needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.chart import chart
from rescu_cli.certify.calculus.knowledge import Knowledge
from rescu_cli.certify.calculus.normal import vanishes
from rescu_cli.certify.calculus.regular import require_analytic, require_continuous
from rescu_cli.certify.calculus.span import Span
from rescu_cli.certify.calculus.tail import limit
from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.calculus.witness import enclose
from rescu_cli.certify.enclosure.boxes import NotNonnegativeError, TooManyBoxesError
from rescu_cli.certify.enclosure.cover import BITS, STARTS, cover
from rescu_cli.certify.enclosure.far import far
from rescu_cli.certify.enclosure.growth import FarError
from rescu_cli.certify.enclosure.oracle import alone
from rescu_cli.certify.evidence.covers import cover_data
from rescu_cli.certify.evidence.obligation import Obligation
from rescu_cli.certify.evidence.roots import isolate
from rescu_cli.certify.smt.always import SolverAnswer, always
from rescu_cli.core import balls
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError, UnsupportedError

POINT_BITS = 512
_SIGNS = {"nonnegative": (">=", ("+", ">=", "0")), "positive": (">", ("+",))}
_TRANSCENDENTAL = (sp.Function, sp.exp, sp.Integral)


def discharge(
    obligation: Obligation, assumptions: Assumptions, hints: Sequence[sp.Expr] = ()
) -> dict[str, Any] | None:
    """Evidence for an obligation, from the first engine that proves it; None if none does.

    Args:
        obligation: What to prove.
        assumptions: On the free parameters.
        hints: Exact points at which an expression may vanish; they only help the search.

    Raises:
        InternalError: If an engine *refutes* it: the claim was proved by another one.
    """
    if obligation.kind in _SIGNS:
        return _sign(obligation, assumptions, hints)
    return _BY_KIND[obligation.kind](obligation, assumptions)


def algebraic(expr: sp.Expr) -> bool:
    """Whether a solver for real algebra may be asked."""
    allowed = (sp.Abs, sp.Max, sp.Min)
    functions = {f for f in expr.atoms(*_TRANSCENDENTAL) if not isinstance(f, allowed)}
    return not functions and not expr.has(sp.pi, sp.E)


def ask_solver(
    obligation: Obligation, relation: Any, assumptions: Assumptions
) -> SolverAnswer | None:
    """The solver's answer, None if the statement is not in its field or it gave up."""
    if not algebraic(obligation.expr):
        return None
    domains = dict(assumptions.domains)
    stray = obligation.expr.free_symbols - {X} - {d.symbol(n) for n, d in domains.items()}
    if stray:  # the c > 0 of homogeneity
        from rescu_cli.core.symbols import POSITIVE  # reason: rarely needed

        if any(not s.is_positive for s in stray):
            return None
        domains |= {s.name: POSITIVE for s in stray}
        renamed = {s: POSITIVE.symbol(s.name) for s in stray}
        expr = obligation.expr.subs(renamed)
    else:
        expr = obligation.expr
    try:
        answer = always(
            expr, relation, Assumptions(domains, assumptions.relations),
            obligation.lower, obligation.upper,
        )  # fmt: skip
    except UndecidedError:
        return None
    return answer if answer.holds is not None else None


def solver_data(answer: SolverAnswer) -> dict[str, Any]:
    """A solver's proof as plain data: scripts in SMT-LIB 2."""
    data: dict[str, Any] = {"by": "z3", "strategy": answer.strategy, "smt2": answer.smt2}
    if answer.lemmas:
        data["lemmas"] = [solver_data(lemma) for lemma in answer.lemmas]
    return data


def _by_solver(
    obligation: Obligation, relation: str, assumptions: Assumptions
) -> dict[str, Any] | None:
    answer = ask_solver(obligation, relation, assumptions)
    if answer is None:
        return None
    if answer.holds is False and answer.model is not None:
        shown = ", ".join(f"{s} = {v}" for s, v in answer.model.items())
        raise InternalError(
            f"z3 refutes {answer.statement} at {shown}, which another engine proved. Please report "
            "this activation: one of the two is wrong."
        )
    return solver_data(answer) if answer.holds else None


def _sign(
    obligation: Obligation, assumptions: Assumptions, hints: Sequence[sp.Expr]
) -> dict[str, Any] | None:
    relation, good = _SIGNS[obligation.kind]
    expr = obligation.expr
    found = isolate(obligation) or _by_solver(obligation, relation, assumptions)
    if found is not None:
        return found
    knowledge = Knowledge(assumptions)
    single = covered(obligation, knowledge)
    if single is not None:
        try:
            zeros = [h for h in hints if not h.free_symbols]
            boxes = cover(single, obligation.lower, obligation.upper, zeros)
            return {"by": "ball", **cover_data(boxes)}
        except NotNonnegativeError as failure:
            raise InternalError(
                f"{expr} = {failure.ball} at x = {failure.x}, but another engine proved that it is "
                "not negative. Please report this activation: one of the two is wrong."
            ) from None
        except (TooManyBoxesError, FarError, UnsupportedError):
            pass
    if not expr.has(X):
        return {"by": "exact"} if knowledge.sign(expr) in good else None
    try:
        span = Span(obligation.lower, obligation.upper, knowledge)
        return {"by": "exact"} if chart(expr, span).overall in good else None
    except UndecidedError:
        return None


def covered(obligation: Obligation, knowledge: Knowledge) -> sp.Expr | None:
    """The function of x alone whose cover proves an obligation, None if there is none."""
    expr = obligation.expr
    if obligation.kind != "nonnegative" or not expr.has(X):
        return None
    return alone(expr, obligation.lower, obligation.upper, knowledge, sign_only=True)


def _vanishes(obligation: Obligation, assumptions: Assumptions) -> dict[str, Any] | None:
    whole = Obligation("vanishes", obligation.expr)
    found = _by_solver(whole, "=", assumptions)
    if found is not None:
        return found
    if vanishes(obligation.expr):
        return {"by": "exact"}
    resolved = Knowledge(assumptions).tidy(obligation.expr)
    return {"by": "exact"} if Knowledge(assumptions).sign(resolved) == "0" else None


def holds_at(obligation: Obligation, bits: int) -> str | None:
    """The ball that proves a statement at a point, as text; None if it does not.

    Raises:
        InternalError: If the ball proves the contrary.
    """
    values = dict(obligation.point)
    at = values.pop(X, None)
    ball = enclose(obligation.expr, at, values, bits)
    if ball is None:
        return None
    if obligation.kind == "differs_at":
        return None if ball.contains(0) else str(ball)
    weak = obligation.kind == "nonnegative_at"
    if ball > 0 or (weak and ball >= 0):
        return str(ball)
    if weak and ball.contains(0) and vanishes(obligation.expr.subs(values).subs({X: at})):
        return "0"
    if ball < 0 or (not weak and ball <= 0):
        raise InternalError(f"{obligation.expr} = {ball} at {dict(obligation.point)}: wrong sign.")
    return None


def _at(obligation: Obligation, assumptions: Assumptions) -> dict[str, Any] | None:
    shown = holds_at(obligation, POINT_BITS)
    return None if shown is None else {"by": "ball", "bits": POINT_BITS, "enclosure": shown[:80]}


def far_limit(obligation: Obligation, start: int) -> bool:
    """Whether the far form beyond ``start`` shows the limit."""
    assert obligation.value is not None  # noqa: S101  # reason: limits have one by construction
    with balls.precision(2 * BITS):
        try:
            found = far(obligation.expr, start, obligation.side).limit()
        except FarError:
            return False
    value = obligation.value
    return bool(found == value) or (
        not found.is_infinite and not value.is_infinite and vanishes(found - value)
    )


def _limit(obligation: Obligation, assumptions: Assumptions) -> dict[str, Any] | None:
    value = obligation.value
    if value is not None and not value.is_infinite and vanishes(obligation.expr - value):
        return {"by": "exact"}
    if obligation.expr.free_symbols <= {X}:
        for start in STARTS[:10]:
            if far_limit(obligation, start):
                return {"by": "ball", "start": start}
    return {"by": "exact"} if exact_limit(obligation, assumptions) else None


def exact_limit(obligation: Obligation, assumptions: Assumptions) -> bool:
    """Whether the symbolic expansion shows the limit."""
    knowledge = Knowledge(assumptions)
    try:
        found = limit(obligation.expr, obligation.side, knowledge)
    except UndecidedError:
        return False
    value = obligation.value
    return bool(found == value) or (
        value is not None and not found.is_infinite and not value.is_infinite
        and knowledge.sign(found - value) == "0"
    )  # fmt: skip


def regular(obligation: Obligation, assumptions: Assumptions) -> bool:
    """Whether the structure of an expression shows it analytic (continuous)."""
    span = Span(obligation.lower, obligation.upper, Knowledge(assumptions))
    require = require_analytic if obligation.kind == "analytic" else require_continuous
    try:
        require(obligation.expr, span)
    except UndecidedError:
        return False
    return True


def _regular(obligation: Obligation, assumptions: Assumptions) -> dict[str, Any] | None:
    return {"by": "exact"} if regular(obligation, assumptions) else None


def _again(obligation: Obligation, assumptions: Assumptions) -> dict[str, Any] | None:
    return {"by": "again"}


_BY_KIND: dict[str, Callable[[Obligation, Assumptions], dict[str, Any] | None]] = {
    "vanishes": _vanishes,
    "positive_at": _at,
    "nonnegative_at": _at,
    "differs_at": _at,
    "limit": _limit,
    "analytic": _regular,
    "continuous": _regular,
    "again": _again,
}
