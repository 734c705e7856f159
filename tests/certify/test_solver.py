"""Statements for all parameters: proved, or refuted by an exact point, or not put to a solver."""

from __future__ import annotations

import re

import pytest
import sympy as sp

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.smt import solver
from rescu_cli.certify.smt.always import SolverAnswer, admissible, always
from rescu_cli.certify.smt.oracle import SolverOracle
from rescu_cli.certify.smt.replay import ORDER, replay
from rescu_cli.certify.smt.script import Relation
from rescu_cli.core.assume import read_assumptions
from rescu_cli.core.assumptions import Assumptions
from rescu_cli.core.symbols import POSITIVE, REAL, Domain, X

A, B = POSITIVE.symbol("a"), POSITIVE.symbol("b")
KNOWN = Assumptions({"a": POSITIVE, "b": POSITIVE})
FREE = Assumptions({"t": REAL})
T = REAL.symbol("t")
HALF = sp.Rational(1, 2)

TRUE: list[tuple[sp.Expr, Relation]] = [
    (A**2 - A * B + B**2, ">"),
    (A**3 + B**3 + 1 - 3 * A * B, ">="),  # the inequality of the means
    (A**4 - 2 * A**2 * B**2 + B**4, ">="),
    (sp.sqrt(A**2 + B**2) - A - B, "<"),
    ((A**2 - A * B + B**2) ** sp.Rational(3, 2), ">"),
    (sp.Abs(A - B) - A - B, "<"),
    (sp.Max(A, B) + sp.Min(A, B) - A - B, "="),
    (sp.Max(A, B, 1) - HALF, "!="),
    (1 / (A**2 - A * B + B**2) - 1 / (A**2 + B**2), ">"),
    (A / (-1 - A) + 1, ">"),
    (sp.sqrt(A / B) * sp.sqrt(B / A) - 1, "="),
]
FALSE: list[tuple[sp.Expr, Relation]] = [
    (100 - B, ">="),
    (A - B, "!="),
    (A**2 - 2 * A * B + B**2, ">"),
    (A**2 - 2 * B**2 + sp.Rational(1, 10**6) * A, ">"),
    (sp.sqrt(A**2 + B**2) - A - HALF * B, "<"),
    (B**3 - 1001 * B**2 + B, ">"),
    (1 / (1 + A) - HALF, "<="),
]


@pytest.mark.parametrize(("expr", "relation"), TRUE, ids=str)
def test_true_statements_are_proved_and_replay_by_other_code(
    expr: sp.Expr, relation: Relation
) -> None:
    answer = always(expr, relation, KNOWN)
    assert answer.holds is True
    assert answer.model is None
    for one in (answer, *answer.lemmas):
        assert replay(one.smt2, other_than=one.strategy) == "unsat"


@pytest.mark.parametrize(("expr", "relation"), FALSE, ids=str)
def test_false_statements_come_with_an_exact_admissible_point(
    expr: sp.Expr, relation: Relation
) -> None:
    answer = always(expr, relation, KNOWN)
    assert answer.holds is False
    assert replay(answer.smt2) == "sat"
    model = answer.model
    assert model is not None
    assert admissible(model, KNOWN)
    value = expr.subs(model)
    holds = {">": value > 0, ">=": value >= 0, "<": value < 0, "<=": value <= 0, "!=": value != 0}
    assert not holds[relation]


def test_a_counterexample_without_a_rational_point_has_no_model() -> None:
    answer = always(T**2 - 2, "!=", FREE)
    assert answer.holds is False
    assert answer.model is None


def test_x_ranges_over_the_open_interval_with_ends_in_the_parameters() -> None:
    bowl = (X + A) * (B - X)
    assert always(bowl, ">", KNOWN, -A, B).holds is True
    assert always(bowl, ">", KNOWN, -A, B + 1).holds is False
    assert always(X - A, ">", KNOWN, A).holds is True
    assert always(X - A, "<", KNOWN, None, A).holds is True
    assert always(X**2 - 2 * A * X + A**2, ">=", KNOWN).holds is True
    assert always(X**2 - A, "<", KNOWN, -sp.sqrt(A), sp.sqrt(A)).holds is True
    outside = always(X**2 - 3 * A * X + A**2 + B, ">", KNOWN, -A, B)
    assert outside.model is not None
    place = outside.model[X]
    assert -outside.model[A] < place < outside.model[B]


def test_relations_between_parameters_are_part_of_the_query() -> None:
    known = read_assumptions(["0 <= g_minus <= g_plus"])
    low, high = (known.domains[n].symbol(n) for n in ("g_minus", "g_plus"))
    assert always(high**3 - low**3, ">=", known).holds is True
    assert always(high**3 - low**3, ">", known).holds is False
    loose = read_assumptions(["0 <= g_minus"])
    answer = always(loose.domains["g_plus"].symbol("g_plus") ** 3 - low**3, ">=", loose)
    assert answer.holds is False


@pytest.mark.parametrize(
    "expr",
    [1 / (A - B), A / (A - B) ** 2, 1 / T, (A - B) / (A**2 - B**2 + A - B), sp.sqrt(A - B),
     1 / sp.sqrt(A - 1), X / (X - A), 1 / sp.Max(A - 1, B - 1), 1 / (1 / (A - B) + 1)],
    ids=str,
)  # fmt: skip
def test_a_division_by_what_may_vanish_is_refused(expr: sp.Expr) -> None:
    known = Assumptions({**KNOWN.domains, **FREE.domains})
    for relation in (">", "!=", "<"):
        with pytest.raises(UndecidedError):
            always(expr, relation, known)  # type: ignore[arg-type]


def test_no_script_contains_a_division() -> None:
    for expr, relation in (*TRUE, *FALSE[:3]):
        answer = always(expr, relation, KNOWN)
        for one in (answer, *answer.lemmas):
            assert "/" not in "".join(t for t in one.smt2.splitlines() if not t.startswith(";"))


@pytest.mark.parametrize(
    "expr",
    [sp.exp(A), sp.pi * A, A**B, sp.Symbol("stranger", positive=True), 0.1 * A,
     sp.Piecewise((A, A > B), (B, True)), A**50 + 1, sp.CRootOf(T**5 - T - 1, 0) * A],
    ids=str,
)  # fmt: skip
def test_what_is_not_algebraic_or_too_large_is_refused(expr: sp.Expr) -> None:
    with pytest.raises(UndecidedError):
        always(expr, ">", KNOWN)


def test_irrational_ends_of_a_domain_are_refused() -> None:
    known = Assumptions({"t": Domain(lower=sp.sqrt(2))})
    with pytest.raises(UndecidedError):
        always(known.domains["t"].symbol("t"), ">", known)


def test_scripts_are_complete_smt_lib_and_the_same_every_time() -> None:
    expected = (
        "; under a > 0, b > 0: a**2/2 - a*b/2 + b**2/2 > 0\n"
        "(set-logic QF_NRA)\n"
        "(declare-const p_a Real)\n"
        "(declare-const p_b Real)\n"
        "(assert (> p_a 0))\n"
        "(assert (> p_b 0))\n"
        "(assert (not (> (+ (* p_a p_a) (* (- 1) p_a p_b) (* p_b p_b)) 0)))\n"
        "(check-sat)\n"
    )
    assert always((A**2 - A * B + B**2) / 2, ">", KNOWN).smt2 == expected
    again = always(HALF * B**2 - A * B / 2 + A**2 / 2, ">", KNOWN)
    assert again.smt2 == expected


def test_names_of_parameters_cannot_break_the_script() -> None:
    names = ("let", "exists", "par", "p_a", "r_1", "_", "distinct")
    known = Assumptions(dict.fromkeys(names, POSITIVE))
    total = sp.Add(*[POSITIVE.symbol(n) for n in names])
    assert always(sp.sqrt(total), ">", known).holds is True


@pytest.mark.parametrize("strategy", solver.STRATEGIES)
def test_every_strategy_knows_yes_and_no(strategy: str) -> None:
    yes = "(declare-const a Real)(assert (< (* a a) 0))(check-sat)"
    no = "(declare-const a Real)(assert (> (* a a) 2))(check-sat)"
    assert solver.check(yes, strategy).verdict == "unsat"
    assert solver.check(no, strategy).verdict == "sat"


def test_replay_uses_other_code_and_refuses_what_is_no_script() -> None:
    from rescu_cli.errors import UsageError

    assert set(ORDER) == set(solver.STRATEGIES)
    for bad in ("(assert", "(assert (> q 0))", "proved"):
        with pytest.raises(UsageError, match="SMT-LIB"):
            replay(bad)
    with pytest.raises(UsageError, match="strategy"):
        solver.check("", "luck")


def test_effort_ends_by_steps_not_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    solver.check.cache_clear()
    monkeypatch.setattr(solver, "STEPS", 50)
    answer = always(A**6 + B**6 - 3 * A**3 * B**3 + A**2 + B**4 * A**2 + 1, ">", KNOWN)
    assert answer.holds is None
    solver.check.cache_clear()


# -- the oracle ------------------------------------------------------------------------------


def test_the_oracle_gives_the_sharpest_sign_and_keeps_its_proofs() -> None:
    oracle = SolverOracle(KNOWN)
    assert oracle.sign(A**2 - A * B + B**2) == "+"
    assert oracle.sign(A * B - A**2 - B**2) == "-"
    assert oracle.sign(A**4 - 2 * A**2 * B**2 + B**4) == ">="
    assert oracle.sign(sp.sqrt(A**2 * B**4) - A * B**2) == "0"
    assert oracle.sign(A - B) is None
    assert oracle.sign(sp.exp(A)) is None
    assert oracle.sign_between(X**2 - A * X + A**2, X, -sp.oo, sp.oo) == "+"
    assert oracle.sign_between(X**2 - A**2, X, -A, A) == "-"
    assert all(q.holds for q in oracle.queries)
    assert len(oracle.queries) >= 4


def test_the_oracle_remembers_where_a_sign_fails() -> None:
    oracle = SolverOracle(KNOWN)
    assert oracle.sign(101 - B) is None
    assert any(m[B] > 101 for m in oracle.models)


def test_the_oracle_stops_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rescu_cli.certify.smt.oracle._MAX_QUESTIONS", 1)
    oracle = SolverOracle(KNOWN)
    assert oracle.sign(A**2 - A * B + B**2) == ">="  # the strict question was one too many
    assert oracle.sign(A**2 + A * B + B**2) is None


def test_answers_are_frozen_data() -> None:
    answer = always(A, ">", KNOWN)
    assert isinstance(answer, SolverAnswer)
    with pytest.raises(AttributeError):
        answer.holds = False  # type: ignore[misc]
    assert re.search(r"a > 0", answer.statement)
