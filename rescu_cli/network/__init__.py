"""Changing networks that exist: activations of a torch model exchanged for exported ones.

torch is loaded when a name below is first used, not when this package is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.network.loading import load_model
    from rescu_cli.network.swapping.exchange import swap
    from rescu_cli.network.swapping.report import Kept, Replaced, Swap
    from rescu_cli.network.swapping.trial import count_calls, largest_change

__all__ = ["Kept", "Replaced", "Swap", "count_calls", "largest_change", "load_model", "swap"]

_MODULE = {
    "Kept": "swapping.report",
    "Replaced": "swapping.report",
    "Swap": "swapping.report",
    "count_calls": "swapping.trial",
    "largest_change": "swapping.trial",
    "load_model": "loading",
    "swap": "swapping.exchange",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
