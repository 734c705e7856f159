"""Foreign code against an activation: is this the function it claims to be?

``path.py:name`` ──load──▶ Loaded ──bind──▶ Bound ──▶ Subject ──checks, scan──▶ AuditReport
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rescu_cli.audit.report import AuditReport, BlackBoxClaim, Check

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation

__all__ = ["AuditReport", "BlackBoxClaim", "Check", "audit"]


def audit(
    text: str,
    against: Activation | None = None,
    *,
    require: Sequence[str] = (),
    values: Mapping[str, float] | None = None,
) -> AuditReport:
    """Run a callable from a file and say what it computes.

    Args:
        text: ``path.py:name``. **This runs the file.**
        against: What it claims to be; free parameters take their defaults.
        require: Claims to look for a counterexample to.
        values: More numbers for parameters of the callable, by name.

    Raises:
        CallableError: If the file or the callable is unusable, see `rescu_cli.audit.errors`.
        MissingDependencyError: If it needs a framework that is not installed.
    """
    # reason: names of this package are public, its work needs SymPy and SciPy
    from rescu_cli.audit.session import run

    return run(text, against, require=require, values=values or {})
