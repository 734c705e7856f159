"""Generated code: one lowered program per activation, printed for every target, and checked.

activation ──lower──▶ Program ──emit──▶ Artifact ──check──▶ CheckReport
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.export.artifact import Artifact
    from rescu_cli.export.backend import emit
    from rescu_cli.export.checker import check
    from rescu_cli.export.loader import TorchFunctions, torch_functions
    from rescu_cli.export.lowering import lower
    from rescu_cli.export.program import Program
    from rescu_cli.export.report import CheckReport
    from rescu_cli.export.targets import TARGETS

__all__ = [
    "TARGETS",
    "Artifact",
    "CheckReport",
    "Program",
    "TorchFunctions",
    "check",
    "emit",
    "lower",
    "torch_functions",
]

_HOME = {
    "TARGETS": "targets",
    "Artifact": "artifact",
    "CheckReport": "report",
    "Program": "program",
    "TorchFunctions": "loader",
    "check": "checker",
    "emit": "backend",
    "lower": "lowering",
    "torch_functions": "loader",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that naming the package loads nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
