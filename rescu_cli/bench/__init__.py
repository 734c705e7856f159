"""How fast an activation is on this machine, and what it keeps for the backward pass.

The exported code, eager and compiled, beside the framework's own function and beside the speed of a
plain copy, all measured in turns within one run. torch is loaded when a name below is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.bench.memory import Saved, saved_for_backward
    from rescu_cli.bench.report import BenchReport, Row, Timing
    from rescu_cli.bench.session import benchmark

__all__ = ["BenchReport", "Row", "Saved", "Timing", "benchmark", "saved_for_backward"]

_MODULE = {
    "BenchReport": "report",
    "Row": "report",
    "Saved": "memory",
    "Timing": "report",
    "benchmark": "session",
    "saved_for_backward": "memory",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
