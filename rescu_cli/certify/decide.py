"""Ask the engines, in order, until one decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rescu_cli.certify.certificate import Certificate
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.defined import require_defined
from rescu_cli.certify.engines import Engine, load_engines
from rescu_cli.certify.question import Question
from rescu_cli.certify.table import CLAIMS
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation


def certify(
    activation: Activation,
    claims: Sequence[str] | None = None,
    *,
    engines: Sequence[str] | None = None,
    evidence: bool = False,
) -> Certificate:
    """Decide claims about an activation.

    Args:
        activation: Free parameters are quantified over: "for all admissible values".
        claims: Names of claims; all of the table by default.
        engines: Names of engines; all by default, in the order of their table.
        evidence: Whether to add what `recheck` needs, found by a second engine where there is one.

    Raises:
        UnknownNameError: If a claim or an engine does not exist.
        UndefinedActivationError: If the formula has no real value somewhere.

    Example:
        >>> from rescu_cli import catalogue
        >>> certify(catalogue.get("smelu"), ["relu_gap"])["relu_gap"].value
        'beta/4'
    """
    asked = load_engines(engines)
    names = list(dict.fromkeys(CLAIMS if claims is None else claims))
    decided = tuple(_decide(Question(n, activation), asked) for n in names)
    if any(c.status is Verdict.UNDECIDED for c in decided):
        require_defined(activation)  # the reason may be that there is no function to speak of
    return Certificate(
        name=activation.name,
        spec=activation.spec,
        digest=activation.digest,
        assumptions=activation.assumptions.describe(),
        engines={e.name: e.version for e in asked},
        claims=decided,
        evidence=_evidence(decided, activation) if evidence else None,
    )


def _evidence(claims: Sequence[Claim], activation: Activation) -> dict[str, Any]:
    from rescu_cli.certify.evidence.collect import evidence  # reason: loads the solver

    found = {c.claim: evidence(c, activation) for c in claims}
    return {name: data for name, data in found.items() if data is not None}


def _decide(question: Question, asked: Sequence[Engine]) -> Claim:
    """The first complete answer, else a proof without value, else the reasons of all engines."""
    reasons: list[str] = []
    partial: Claim | None = None
    for engine in asked:
        claim = engine.decide(question)
        if claim is None:
            continue
        if claim.complete:
            return claim
        if claim.status is Verdict.PROVED:
            partial = partial or claim
        reasons.append(claim.reason or "")
    return partial or Claim(
        question.claim,
        Verdict.UNDECIDED,
        for_all=question.activation.assumptions.describe(),
        reason="; ".join(dict.fromkeys(reasons)) or "no engine answers this claim",
    )
