"""Design activations from the shape of their gradient; prove, export and measure them.

The functions below are the program's commands. Nothing heavy is loaded until one is called.

Example:
    >>> import rescu_cli as rescu
    >>> card = rescu.derive("piecewise-linear")
    >>> card.activation.name
    'smelu'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rescu_cli.api import (
        Derivation,
        approx,
        approx_channels,
        attention,
        check_floats,
        compare,
        compare_gates,
        count_relus,
        dead_units,
        derive,
        draw,
        draw_approximation,
        draw_attention,
        examine,
        generate,
        landscape,
        leak_rate,
        linearize,
        minimum_width,
        prediction_difference,
        prune,
        recheck,
        regions,
        reshape,
        resolve,
        retention,
        search_activations,
        show,
        sweep,
        toy_leak,
        train_attention,
        train_reshaped,
        verify,
    )
    from rescu_cli.bench import benchmark
    from rescu_cli.network import swap

__all__ = [
    "Derivation",
    "__version__",
    "approx",
    "approx_channels",
    "attention",
    "benchmark",
    "check_floats",
    "compare",
    "compare_gates",
    "count_relus",
    "dead_units",
    "derive",
    "draw",
    "draw_approximation",
    "draw_attention",
    "examine",
    "generate",
    "landscape",
    "leak_rate",
    "linearize",
    "minimum_width",
    "prediction_difference",
    "prune",
    "recheck",
    "regions",
    "reshape",
    "resolve",
    "retention",
    "search_activations",
    "show",
    "swap",
    "sweep",
    "toy_leak",
    "train_attention",
    "train_reshaped",
    "verify",
]

_ELSEWHERE = {"benchmark": "rescu_cli.bench", "swap": "rescu_cli.network"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_ELSEWHERE.get(name, "rescu_cli.api")), name)
    raise AttributeError(f"module 'rescu_cli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
