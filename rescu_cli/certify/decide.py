"""Ask the engines, in order, until one decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from rescu_cli.certify.calculus.instances import instances
from rescu_cli.certify.certificate import Certificate
from rescu_cli.certify.claims import Claim
from rescu_cli.certify.defined import require_defined
from rescu_cli.certify.engines import Engine, load_engines
from rescu_cli.certify.question import Question
from rescu_cli.certify.table import CLAIMS
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core.activation import Activation
from rescu_cli.core.parse import parse_exact
from rescu_cli.errors import UsageError


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
    """The first complete answer whose value has no open cases; else the best there was."""
    reasons: list[str] = []
    best: Claim | None = None
    for engine in asked:
        claim = engine.decide(question)
        if claim is None:
            continue
        if claim.complete and not _has_cases(claim, question.activation):
            return claim
        if claim.status is Verdict.PROVED and (best is None or not best.complete):
            best = claim
        reasons.append(claim.reason or "")
    return best or Claim(
        question.claim,
        Verdict.UNDECIDED,
        for_all=question.activation.assumptions.describe(),
        reason="; ".join(dict.fromkeys(reasons)) or "no engine answers this claim",
    )


def _has_cases(claim: Claim, activation: Activation) -> bool:
    """Whether the value is a Min, Max or |…| of which nobody has seen more than one case.

    A stronger engine may know that there is just the one.
    """
    values = [claim.value] if isinstance(claim.value, str) else claim.value or ()
    texts = values.values() if isinstance(values, Mapping) else values
    names = {p.name: p.symbol for p in activation.free_parameters}
    for text in texts:
        if not any(case in text for case in ("Min(", "Max(", "Abs(")):
            continue
        try:
            value = parse_exact(text, names)
        except UsageError:  # a root of a polynomial without closed form
            continue
        for case in value.atoms(sp.Min, sp.Max, sp.Abs):
            gaps = [case.args[0]] if isinstance(case, sp.Abs) else [case.args[0] - case.args[1]]
            seen = {sp.sign(g.subs(p)) for p in instances(activation.assumptions) for g in gaps}
            if not {1, -1} <= seen:
                return True
    return False
