"""A solver that is wrong must end in an internal error or in no answer, never in a verdict."""

from __future__ import annotations

from fractions import Fraction

import pytest
import sympy as sp

from rescu_cli.certify import Claim, Verdict, certify
from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.crosscheck import crosscheck
from rescu_cli.certify.question import Question
from rescu_cli.certify.smt import solver
from rescu_cli.core.activation import Activation
from rescu_cli.errors import ExitCode, InternalError
from tests.certify.families import family

honest = solver.check


def trap() -> Activation:
    """f′ is 1 at every parameter value that is tried, and negative almost everywhere else."""
    seen = instances(family(["b*x"], (), "b > 0").assumptions)
    zeros = "*".join(f"(b - {next(iter(p.values()))})**2" for p in seen)
    return family([f"(1 - 10**9*{zeros})*x"], (), "b > 0")


def liar(verdict: solver.Verdict, *strategies: str) -> object:
    def check(smt2: str, strategy: str) -> solver.Outcome:
        if strategy in strategies:
            return solver.Outcome(verdict, strategy, {"p_b": (Fraction(1),), "x": (Fraction(0),)})
        return honest(smt2, strategy)

    return check


def test_the_trap_is_a_false_statement_that_the_honest_solver_refutes() -> None:
    assert certify(trap(), ["monotone"], engines=["exact"])["monotone"].status is Verdict.UNDECIDED
    found = certify(trap(), ["monotone"], engines=["z3"])["monotone"]
    assert found.status is Verdict.REFUTED
    assert found.witness is not None
    slope = trap().pieces[0].gradient
    (symbol,) = slope.free_symbols
    assert slope.subs(symbol, sp.Rational(found.witness["b"])) < 0


def test_a_solver_that_proves_a_false_statement_meets_the_exact_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "check", liar("unsat", *solver.STRATEGIES))
    with pytest.raises(InternalError, match="disagree on monotone") as caught:
        certify(trap(), ["monotone"])
    assert caught.value.exit_code is ExitCode.BUG
    assert "f' < 0" in str(caught.value)


def test_a_solver_that_proves_a_false_statement_meets_the_balls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same when the exact engine has nothing to say about the members."""

    def silent(self: object, question: Question) -> Claim:
        return Claim(question.claim, Verdict.UNDECIDED, reason="silent")

    monkeypatch.setattr("rescu_cli.certify.engines.exact.ExactEngine.decide", silent)
    monkeypatch.setattr(solver, "check", liar("unsat", *solver.STRATEGIES))
    with pytest.raises(InternalError, match="disagree on monotone"):
        certify(trap(), ["monotone"], engines=["z3"])


def test_a_wrong_strategy_meets_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "check", liar("unsat", "nlsat"))
    with pytest.raises(InternalError, match="strategies of z3 disagree"):
        certify(trap(), ["monotone"], engines=["z3"])


def test_an_invented_counterexample_is_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "check", liar("sat", *solver.STRATEGIES))
    rising = family(["(b**4 - b**3 + b**2 + 1)*x"], (), "b > 0")
    found = certify(rising, ["monotone"], engines=["z3"])["monotone"]
    assert found.status is Verdict.UNDECIDED
    assert found.witness is None


def test_a_solver_that_gives_up_leaves_the_claim_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "check", liar("unknown", *solver.STRATEGIES))
    assert certify(trap(), ["monotone"], engines=["z3"])["monotone"].status is Verdict.UNDECIDED


WRONG = [
    ("monotone", "-x", None),
    ("convex", "-b*x**2", None),
    ("continuous", None, None),
    ("smooth", "x", "3"),
    ("bounded_below", "x**2 - b", "0"),
    ("gradient_range", "b*x", ("0", "b")),
    ("gradient_lipschitz", "b*x**2", "b"),
    ("right_asymptote", "b*x + 1", {"slope": "b", "intercept": "0"}),
    ("homogeneous", "b*x**2", None),
    ("rescu", "b*x", ("-b", "b")),
]


@pytest.mark.parametrize(("name", "value", "result"), WRONG)
def test_a_wrong_proof_of_every_kind_is_contradicted(
    name: str, value: str | None, result: str | tuple[str, ...] | dict[str, str] | None
) -> None:
    activation = family([value or "0"], (), "b > 0")
    if "b" not in {p.name for p in activation.parameters} or name in ("continuous", "smooth"):
        activation = family(["0", "b + x" if name == "continuous" else "b*x**2"], ("0",), "b > 0")
    if name == "monotone":
        activation = family(["-b*x"], (), "b > 0")
    claim = Claim(
        name, Verdict.PROVED, result, for_all=activation.assumptions.describe(), method="z3"
    )
    with pytest.raises(InternalError, match=f"disagree on {name}"):
        crosscheck(claim, activation)


@pytest.mark.parametrize(
    ("name", "values", "result"),
    [
        ("continuous", ["0", "b + x"], None),
        ("monotone", ["0", "-b*x"], None),
        ("convex", ["0", "-b*x**2"], None),
        ("bounded_below", ["0", "-b*x"], "0"),
        ("gradient_range", ["0", "b*x"], ("0", "b/2")),
        ("gradient_lipschitz", ["0", "b*x**2"], "b"),
        ("rescu", ["-b*x**2", "b*x**2"], ("-b", "b")),
    ],
)
def test_balls_alone_contradict_wrong_proofs(
    name: str, values: list[str], result: str | tuple[str, ...] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def silent(self: object, question: Question) -> Claim:
        return Claim(question.claim, Verdict.UNDECIDED, reason="silent")

    monkeypatch.setattr("rescu_cli.certify.engines.exact.ExactEngine.decide", silent)
    activation = family(values, ("0",), "b > 0")
    claim = Claim(name, Verdict.PROVED, result, for_all="b > 0", method="z3")
    with pytest.raises(InternalError, match=f"disagree on {name}"):
        crosscheck(claim, activation)


def test_a_refutation_without_a_point_is_held_against_the_members_too() -> None:
    activation = family(["0", "b*x"], ("0",), "b > 0")
    claim = Claim("relu_gap", Verdict.REFUTED, for_all="b > 0", method="z3", reason="no base")
    with pytest.raises(InternalError, match="disagree on relu_gap"):
        crosscheck(claim, activation)
