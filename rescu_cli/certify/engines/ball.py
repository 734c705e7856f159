"""The ball engine: branch and bound with arb, a lemma on the tails; for one function at a time."""

from __future__ import annotations

import flint
import sympy as sp

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.enclosure.oracle import BallOracle
from rescu_cli.certify.facts import Facts
from rescu_cli.certify.properties.answer import Answer, answered
from rescu_cli.certify.question import Question
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.budget import OutOfTime, time_budget

SECONDS = 20.0
"""Per claim. The slowest of the catalogue takes two."""
_ROUNDS, _MODELS = 2, 16
"""A second run tries the points at which the first found that a claim fails."""


class BallEngine:
    """Answers what needs exp, log, tanh, erf, … on whole intervals."""

    name = "ball"

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds

    @property
    def version(self) -> str:
        return f"python-flint {flint.__version__}"

    def decide(self, question: Question) -> Claim | None:
        """The claim; undecided if a parameter is left after scaling."""
        activation = question.activation
        oracle = BallOracle(activation.assumptions)
        known = Facts(activation, oracle=oracle)
        models: list[dict[sp.Symbol, sp.Expr]] = []
        try:
            with time_budget(self.seconds):
                for _ in range(_ROUNDS):
                    claim = answered(
                        Answer(question.claim, activation, known, method=self.name, models=models)
                    )
                    if claim.status is not Verdict.UNDECIDED or not oracle.models:
                        break
                    models = oracle.models[-_MODELS:]
        except OutOfTime:
            claim = Claim(
                question.claim,
                Verdict.UNDECIDED,
                for_all=activation.assumptions.describe(),
                reason=f"not decided within {self.seconds:g} seconds",
            )
        if claim.status is Verdict.UNDECIDED and oracle.reasons:
            return Claim(
                claim.claim,
                claim.status,
                for_all=claim.for_all,
                reason="; ".join(dict.fromkeys([claim.reason or "", *oracle.reasons])),
            )
        return claim
