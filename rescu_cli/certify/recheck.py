"""Replay a certificate: its claims follow from its evidence, or it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rescu_cli.certify.certificate import Certificate
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.decide import certify
from rescu_cli.certify.evidence.collect import AGAIN, obligations
from rescu_cli.certify.evidence.replay import replay
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.budget import OutOfTime, time_budget
from rescu_cli.errors import DisagreementError, UsageError

SECONDS = 120.0
"""Per claim. A file may hold expressions made to take for ever."""


@dataclass(frozen=True)
class Replayed:
    """What became of one claim.

    Args:
        claim: Its name.
        status: The verdict that the certificate states.
        stands: Whether its evidence holds; None for an undecided claim, and for one that could not
            be confirmed in time.
        steps: Number of statements by the engine that proved each.
        reason: What is wrong; None if it stands.
    """

    claim: str
    status: Verdict
    stands: bool | None
    steps: Mapping[str, int]
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "claim": self.claim,
            "status": self.status.value,
            "stands": self.stands,
            "steps": dict(self.steps),
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Recheck:
    """The outcome of a replay.

    Args:
        spec: The activation.
        digest: Its digest.
        claims: One per claim of the certificate.
    """

    spec: str
    digest: str
    claims: tuple[Replayed, ...]

    @property
    def ok(self) -> bool:
        """Whether every claim that the certificate calls decided was confirmed."""
        return all(c.stands for c in self.claims if c.status is not Verdict.UNDECIDED)

    @property
    def fallen(self) -> tuple[Replayed, ...]:
        """The claims that were shown not to follow."""
        return tuple(c for c in self.claims if c.stands is False)

    def to_dict(self) -> dict[str, Any]:
        return {
            "activation": self.spec,
            "digest": self.digest,
            "ok": self.ok,
            "claims": [c.to_dict() for c in self.claims],
        }


def recheck(certificate: Certificate, activation: Activation) -> Recheck:
    """Replay the evidence of every claim, without searching.

    Args:
        certificate: As read from a file.
        activation: What it must be about.

    Raises:
        DisagreementError: If it is about another function, or one that has changed since.
        UsageError: If it carries no evidence.
    """
    if not certificate.speaks_of(activation):
        raise DisagreementError(
            f"The certificate is about {certificate.spec} with digest {certificate.digest[:16]}, "
            f"{activation.spec} has {activation.digest[:16]}: another function, or one that has "
            f"changed since. Make a new one with: rescu verify {activation.spec} --out cert.json"
        )
    if certificate.assumptions != activation.assumptions.describe():
        raise DisagreementError(
            f"The certificate of {certificate.spec} speaks of all {certificate.assumptions or 'x'},"
            f" the activation of all {activation.assumptions.describe() or 'x'}. Make a new one "
            f"with: rescu verify {activation.spec} --out cert.json"
        )
    if certificate.evidence is None:
        raise UsageError(
            "The certificate has no evidence to replay. Write one with: "
            f"rescu verify {certificate.spec} --out cert.json"
        )
    found = tuple(_claim(c, activation, certificate.evidence.get(c.claim)) for c in certificate)
    return Recheck(certificate.spec, certificate.digest, found)


def _claim(claim: Claim, activation: Activation, kept: Any) -> Replayed:
    if claim.status is Verdict.UNDECIDED:
        return Replayed(claim.claim, claim.status, None, {}, claim.reason)
    try:
        with time_budget(SECONDS):
            return _replayed(claim, activation, kept)
    except OutOfTime:
        reason = f"not replayed within {SECONDS:g} seconds"
        return Replayed(claim.claim, claim.status, None, {}, reason)


def _replayed(claim: Claim, activation: Activation, kept: Any) -> Replayed:
    try:
        steps = [dict(s) for s in kept["steps"]]
        choices = dict(kept["choices"])
        counted = Counter(str(s["by"]) for s in steps)
        if steps == [AGAIN]:
            return _decided_again(claim, activation)
        reason = _steps(claim, activation, choices, steps)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        counted, reason = Counter(), f"the evidence is malformed ({error!r:.60})"
    return Replayed(claim.claim, claim.status, reason is None, dict(counted), reason)


def _decided_again(claim: Claim, activation: Activation) -> Replayed:
    """For a claim without smaller statements: the engines must come to the same answer."""
    found = certify(activation, [claim.claim])[claim.claim]
    if found.status is Verdict.UNDECIDED:
        return Replayed(claim.claim, claim.status, None, {"again": 1}, found.reason)
    reason = None
    if (found.status, found.value, found.error) != (claim.status, claim.value, claim.error):
        error = f" +- {found.error}" if found.error else ""
        reason = f"decided again it is {found.status} with value {found.value}{error}"
    elif found.witness != claim.witness:
        reason = f"decided again the witness is {dict(found.witness or {})}"
    return Replayed(claim.claim, claim.status, reason is None, {"again": 1}, reason)


def _steps(
    claim: Claim, activation: Activation, choices: dict[str, Any], steps: list[dict[str, Any]]
) -> str | None:
    case = obligations(claim, activation, choices)
    stated = [o.to_dict() for o in case.obligations]
    kept = [{k: v for k, v in step.items() if k in wanted} for step, wanted in
            zip(steps, stated, strict=False)]  # fmt: skip
    if len(steps) != len(stated) or kept != stated:
        return "the evidence is about other statements than the claim needs"
    for obligation, step, statement in zip(case.obligations, steps, stated, strict=True):
        found = {k: v for k, v in step.items() if k not in statement}
        wrong = replay(obligation, found, activation.assumptions)
        if wrong is not None:
            return f"{obligation.kind} {obligation.expr}: {wrong}"
    return None
