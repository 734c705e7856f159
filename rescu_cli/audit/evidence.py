"""`Evidence`: everything that was measured, from which sentences are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rescu_cli.audit.box import Box
from rescu_cli.audit.checks.accuracy import Measured
from rescu_cli.audit.report import Check
from rescu_cli.audit.subject import Subject
from rescu_cli.audit.truth import Truth


@dataclass(frozen=True)
class Evidence:
    """Everything a diagnosis is made from.

    Args:
        subject: The callable.
        truth: What it claims to be.
        measured: Values and gradients by format.
        checks: All checks.
        box: The callable scanned by itself.
        values: The activation's parameters.
    """

    subject: Subject
    truth: Truth
    measured: Sequence[Measured]
    checks: Sequence[Check]
    box: Box
    values: dict[str, float]

    @property
    def claimed(self) -> str:
        return self.truth.activation.spec

    def of(self, what: str, status: str = "failed") -> list[Measured]:
        return [m for m in self.measured if m.what == what and m.check.status == status]
