"""`Certificate`: claims about one activation, tied to it by digest and to its text by a seal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rescu_cli.certify.claims import Claim
from rescu_cli.core.activation import Activation
from rescu_cli.errors import DisagreementError, UnsupportedError, UsageError

SCHEMA = 2


@dataclass(frozen=True)
class Certificate:
    """What was decided about an activation, by what, and under which assumptions.

    Args:
        name: Name of the activation.
        spec: Name with bound parameters.
        digest: SHA-256 of its mathematics, see `Activation.digest`.
        assumptions: What is assumed of the free parameters; None without any.
        engines: Version of each engine that was asked.
        claims: One per name, in the order of the table.
        evidence: For each decided claim what `recheck` replays; None if it was not asked for.

    Raises:
        UsageError: If a claim occurs twice, or speaks under other assumptions.
    """

    name: str
    spec: str
    digest: str
    assumptions: str | None
    engines: Mapping[str, str]
    claims: tuple[Claim, ...]
    evidence: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        names = [c.claim for c in self.claims]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise UsageError(f"A certificate has each claim once; {twice[0]!r} occurs twice.")
        for claim in self.claims:
            if claim.for_all != self.assumptions:
                raise UsageError(
                    f"Claim {claim.claim} is for all {claim.for_all or 'x'}, the certificate for "
                    f"all {self.assumptions or 'x'}; they must agree."
                )
            if claim.method is not None and claim.method not in self.engines:
                raise UsageError(
                    f"Claim {claim.claim} was decided by {claim.method!r}, which is not among the "
                    f"engines of the certificate: {', '.join(self.engines)}."
                )

    def __iter__(self) -> Iterator[Claim]:
        return iter(self.claims)

    def __getitem__(self, name: str) -> Claim:
        """The claim called ``name``.

        Raises:
            KeyError: If the certificate does not speak of it.
        """
        for claim in self.claims:
            if claim.claim == name:
                return claim
        raise KeyError(name)

    def speaks_of(self, activation: Activation) -> bool:
        """Whether it is about exactly this function, ties and assumptions included."""
        return self.digest == activation.digest

    def to_dict(self) -> dict[str, Any]:
        """Plain data with a seal over all of it."""
        body = self._body()
        return {**body, "seal": _seal(body)}

    def _body(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "spec": self.spec,
            "digest": self.digest,
            "assumptions": self.assumptions,
            "engines": dict(self.engines),
            "claims": [c.to_dict() for c in self.claims],
            **({} if self.evidence is None else {"evidence": dict(self.evidence)}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Certificate:
        """Read back :meth:`to_dict`.

        The seal finds accidents and careless edits. It is no signature: whoever edits on purpose
        can seal again, which only proving again will find.

        Raises:
            UnsupportedError: If it was written with another schema.
            UsageError: If a field is missing.
            DisagreementError: If the seal does not fit.
        """
        try:
            if data["schema"] != SCHEMA:
                raise UnsupportedError(
                    f"The certificate has schema {data['schema']!r}; this version reads {SCHEMA}."
                )
            certificate = cls(
                name=data["name"],
                spec=data["spec"],
                digest=data["digest"],
                assumptions=data["assumptions"],
                engines=dict(data["engines"]),
                claims=tuple(Claim.from_dict(c) for c in data["claims"]),
                evidence=None if data.get("evidence") is None else dict(data["evidence"]),
            )
            sealed = data["seal"]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, UsageError):
                raise
            raise UsageError(
                f"Not a certificate: field {error} is missing or of the wrong kind. "
                "Write one with: rescu verify ACT --out cert.json"
            ) from error
        expected = _seal(certificate._body())
        if sealed != expected:
            raise DisagreementError(
                f"The certificate of {certificate.spec} was edited: its seal is {sealed!r:.20}, "
                f"its text has {expected[:16]!r}. Make a new one with: rescu verify "
                f"{certificate.spec} --out cert.json"
            )
        return certificate


def _seal(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
