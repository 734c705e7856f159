"""What an audit found, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "note", "failed", "skipped"]
AuditVerdict = Literal["agrees", "disagrees"]


@dataclass(frozen=True)
class Check:
    """One question to the callable, with its answer.

    Args:
        check: What was asked, e.g. ``value``.
        dtype: In which format.
        status: ``ok``; ``note`` (right, but worth knowing); ``failed``; ``skipped``.
        n_inputs: How many inputs were tried.
        max_ulp: Largest distance from the truth in ulps of the truth; None if not measured.
        worst_x: Where the error is largest against what is allowed.
        found: The callable's answer there.
        expected: The truth there.
        share: The error there as a share of what is allowed.
        note: What to know, in words.
        witness: More of what reproduces the finding, e.g. the batch size.
    """

    check: str
    dtype: str
    status: Status
    n_inputs: int = 0
    max_ulp: float | None = None
    worst_x: float | None = None
    found: float | None = None
    expected: float | None = None
    share: float | None = None
    note: str = ""
    witness: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; numbers that JSON lacks as text."""
        data = {
            "check": self.check,
            "dtype": self.dtype,
            "status": self.status,
            "n_inputs": self.n_inputs,
        }
        numbers = {k: jsonable(getattr(self, k)) for k in _NUMBERS}
        witness: dict[str, Any] = {
            k: jsonable(v) if isinstance(v, float) else v for k, v in self.witness.items()
        }
        return {**data, **numbers, "note": self.note, "witness": witness or None}


_NUMBERS = ("max_ulp", "worst_x", "found", "expected", "share")


@dataclass(frozen=True)
class BlackBoxClaim:
    """A claim about a callable: refuted by floats, or undecided. Nothing here is ever proved."""

    claim: str
    status: Literal["refuted", "undecided"]
    witness: Mapping[str, float] | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        witness = {k: repr(v) for k, v in (self.witness or {}).items()}
        return {"claim": self.claim, "status": self.status, "witness": witness or None,
                "reason": self.reason}  # fmt: skip


@dataclass(frozen=True)
class AuditReport:
    """What a callable is, compared with what it claims to be.

    Args:
        callable: ``path.py:name``.
        against: Spec of the activation, None if it was compared with none.
        digest: Of that activation's mathematics.
        source_sha256: Of the audited file.
        framework: torch, jax, numpy or python.
        taken: Parameters that were handed over, by name.
        checks: Every question asked.
        diagnosis: What is wrong, or odd, in sentences; the gravest first.
        recognised: Catalogue specs that it equals as far as floats can tell.
        claims: The required claims.
    """

    callable: str
    against: str | None
    digest: str | None
    source_sha256: str
    framework: str
    taken: Mapping[str, float]
    checks: tuple[Check, ...]
    diagnosis: tuple[str, ...]
    recognised: tuple[str, ...]
    claims: tuple[BlackBoxClaim, ...] = ()

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.status == "failed")

    @property
    def verdict(self) -> AuditVerdict | None:
        """Whether it is what it claims to be; None if it claims nothing."""
        if self.against is None:
            return None
        return "disagrees" if self.failed else "agrees"

    def to_dict(self) -> dict[str, Any]:
        """The ``result`` of ``rescu verify path.py:name --json``."""
        return {
            "callable": self.callable,
            "against": self.against,
            "digest": self.digest,
            "source_sha256": self.source_sha256,
            "framework": self.framework,
            "parameters": dict(self.taken),
            "verdict": self.verdict,
            "checks": [c.to_dict() for c in self.checks],
            "diagnosis": list(self.diagnosis),
            "recognised": list(self.recognised),
            "claims": [c.to_dict() for c in self.claims],
        }


def jsonable(value: float | None) -> float | str | None:
    """A number as it is where JSON has it, otherwise ``nan``, ``inf`` or ``-inf`` as text."""
    if value is None or math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def shown(value: float | None, digits: int = 4) -> str:
    """A number for a sentence; up to 4 digits, all of them only where they fit."""
    if value is None:
        return "–"
    text = f"{value + 0.0:.{digits}g}"  # + 0.0: minus zero is 0 to a reader
    return text.replace("-", "−") if not text.startswith("-nan") else "nan"


def worst_first(checks: Sequence[Check]) -> list[Check]:
    """Failed ones first, otherwise in order."""
    return sorted(checks, key=lambda c: c.status != "failed")
