"""From a claim to its obligations and their evidence, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescu_cli.certify.calculus.undecided import UndecidedError
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.evidence import proved, refuted
from rescu_cli.certify.evidence.case import Case
from rescu_cli.certify.evidence.discharge import discharge
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.budget import OutOfTime, time_budget

SECONDS = 30.0
"""Per claim; what takes longer is decided again by a replay."""
AGAIN = {"kind": "again", "by": "again"}
"""The evidence of a claim without smaller statements."""


def obligations(
    claim: Claim, activation: Activation, choices: Mapping[str, Any] | None = None
) -> Case:
    """The obligations of a decided claim; ``again`` alone where there is no reduction.

    Args:
        claim: Proved or refuted.
        activation: What it is about.
        choices: Those of a certificate; None to search for them.
    """
    case = Case(claim, activation, choices)
    try:
        if claim.status is Verdict.PROVED:
            proved.reduction(claim)(case)
        else:
            refuted.reduction(case)
    except UndecidedError:
        case.again()
    return case


def evidence(claim: Claim, activation: Activation) -> dict[str, Any] | None:
    """What a replay needs: choices, obligations, and the proof of each; None for an open claim.

    Raises:
        InternalError: If an engine refutes what another proved.
    """
    if claim.status is Verdict.UNDECIDED:
        return None
    try:
        with time_budget(SECONDS):
            return _evidence(claim, activation)
    except OutOfTime:
        return {"choices": {}, "steps": [AGAIN]}


def _evidence(claim: Claim, activation: Activation) -> dict[str, Any]:
    case = obligations(claim, activation)
    steps: list[dict[str, Any]] = []
    for obligation in case.obligations:
        found = discharge(obligation, activation.assumptions, case.hints)
        if found is None:  # the whole claim has to be decided again
            return {"choices": {}, "steps": [AGAIN]}
        steps.append({**obligation.to_dict(), **found})
    return {"choices": case.choices, "steps": steps}
