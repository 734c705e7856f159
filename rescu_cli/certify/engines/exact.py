"""The exact engine: symbolic jump tables, root isolation, charts and tails; no sampling proves."""

from __future__ import annotations

import flint
import sympy as sp

from rescu_cli.certify.claims import Claim
from rescu_cli.certify.properties.answer import Answer, answered
from rescu_cli.certify.question import Question
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.budget import OutOfTime, time_budget

SECONDS = 4.0
"""Per claim. A catalogue claim takes a few hundredths; only large user input comes near."""


class ExactEngine:
    """Answers every claim of the table, undecided where exact means do not reach."""

    name = "exact"

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds

    @property
    def version(self) -> str:
        return f"sympy {sp.__version__}, python-flint {flint.__version__}"

    def decide(self, question: Question) -> Claim | None:
        """The claim, undecided with a reason where the calculus ends."""
        try:
            with time_budget(self.seconds):
                return answered(Answer(question.claim, question.activation, method=self.name))
        except OutOfTime:
            return Claim(
                question.claim,
                Verdict.UNDECIDED,
                for_all=question.activation.assumptions.describe(),
                reason=f"not decided within {self.seconds:g} seconds",
            )
