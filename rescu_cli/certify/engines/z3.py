"""The z3 engine: the exact calculus with a solver for signs, for rational functions and parameters.

Where the exact engine stops at a sign that does not follow from the assumptions by its own algebra,
this one asks z3, for all admissible parameters at once. Counterexamples that z3 finds are tried as
witnesses, which count only when a ball confirms them. What it decides is held against the exact
engine at single members of the family. docs/proofs/solver.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from rescu_cli.certify.calculus.witness import Point
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.crosscheck import crosscheck
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer, answered
from rescu_cli.certify.question import Question
from rescu_cli.certify.smt.always import SolverAnswer
from rescu_cli.certify.smt.oracle import SolverOracle
from rescu_cli.certify.smt.replay import replay
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.budget import OutOfTime, time_budget
from rescu_cli.core.symbols import X
from rescu_cli.errors import InternalError

ROUNDS = 3
"""How often counterexamples of one run become witnesses to try in the next."""
SECONDS = 20.0
"""Per claim, a safety net: z3's effort is limited by its own count of steps."""


@dataclass(frozen=True)
class Investigation:
    """A claim with what the solver contributed to it.

    Args:
        claim: The answer.
        queries: Statements proved by the solver in the deciding run; each is a script to replay.
        models: Counterexamples that were tried as witnesses.
    """

    claim: Claim
    queries: tuple[SolverAnswer, ...] = ()
    models: tuple[Point, ...] = ()


class Z3Engine:
    """Answers about families whose pieces are rational functions of x and the parameters."""

    name = "z3"

    @property
    def version(self) -> str:
        return f"z3 {version('z3-solver')}"  # of the installed package: z3 itself is not loaded

    def decide(self, question: Question) -> Claim | None:
        """The claim, or None if there is nothing to ask a solver.

        Raises:
            InternalError: If a member of the family contradicts what was proved about all.
        """
        if not in_field(question.activation):
            return None
        return investigate(question).claim


def in_field(activation: Activation) -> bool:
    """Whether the pieces are rational functions of x in which free parameters occur."""
    free = {p.symbol for p in activation.free_parameters}
    parts = [e for p in activation.pieces for e in (p.value, p.gradient, p.upper)]
    if not any(p.free_symbols & free for p in parts):
        return False
    return all(p.is_rational_function(X) for p in parts if not p.is_infinite)


def investigate(question: Question) -> Investigation:
    """Decide with the solver's help, refine by its counterexamples, and cross-check.

    Raises:
        InternalError: If another way contradicts the decision.
    """
    models: list[Point] = []
    try:
        with time_budget(SECONDS):
            for _ in range(ROUNDS):
                oracle = SolverOracle(question.activation.assumptions)
                claim = _run(question, oracle, models)
                new = [m for m in oracle.models if m not in models]
                if claim.status is not Verdict.UNDECIDED or not new:
                    break
                models += new
    except OutOfTime:
        return Investigation(_undecided(question, f"not decided within {SECONDS:g} seconds"))
    if claim.status is Verdict.UNDECIDED:
        return Investigation(claim, (), tuple(models))
    _replay(question, oracle.queries)
    if claim.proved and not crosscheck(claim, question.activation):
        return Investigation(
            _undecided(question, "no admissible parameters were found to cross-check a proof by z3")
        )
    if not claim.proved:
        crosscheck(claim, question.activation)
    return Investigation(claim, oracle.queries, tuple(models))


def _run(question: Question, oracle: SolverOracle, models: list[Point]) -> Claim:
    known = Facts(question.activation, oracle=oracle)
    return answered(
        Answer(question.claim, question.activation, known, method=Z3Engine.name, models=models)
    )


def _undecided(question: Question, reason: str) -> Claim:
    known = question.activation.assumptions.describe()
    return Claim(question.claim, Verdict.UNDECIDED, for_all=known, reason=reason)


def _replay(question: Question, queries: tuple[SolverAnswer, ...]) -> None:
    """Ask every used statement again by another strategy; "unknown" says nothing."""
    for query in queries:
        if replay(query.smt2, other_than=query.strategy) == "sat":
            raise InternalError(
                f"Two strategies of z3 disagree on {query.statement} ({question.claim} of "
                f"{question.activation.name}): {query.strategy} says unsat, another sat. No "
                "verdict is given. Please report this with the activation."
            )
