"""Figures of activations and of comparisons; never shown, never saved, no global state touched.

Matplotlib is loaded when a name below is first used, not when this package is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.plot.approximation import plot_approximation
    from rescu_cli.plot.attention import plot_attention, plot_attention_training
    from rescu_cli.plot.curves import plot_activations
    from rescu_cli.plot.dying import plot_dying
    from rescu_cli.plot.front import plot_front
    from rescu_cli.plot.landscape import plot_landscape
    from rescu_cli.plot.linearize import plot_linearize
    from rescu_cli.plot.output import FORMATS, figure_bytes
    from rescu_cli.plot.preview import preview_activations
    from rescu_cli.plot.pruning import plot_pruning
    from rescu_cli.plot.regions import RegionsPanel, plot_regions
    from rescu_cli.plot.retention import plot_retention, plot_retention_cost
    from rescu_cli.plot.search import plot_search
    from rescu_cli.plot.sweep import plot_sweep
    from rescu_cli.plot.tradeoff import plot_tradeoff, plot_tradeoff_grid
    from rescu_cli.plot.window import parse_range

__all__ = [
    "FORMATS",
    "RegionsPanel",
    "figure_bytes",
    "parse_range",
    "plot_activations",
    "plot_approximation",
    "plot_attention",
    "plot_attention_training",
    "plot_dying",
    "plot_front",
    "plot_landscape",
    "plot_linearize",
    "plot_pruning",
    "plot_regions",
    "plot_retention",
    "plot_retention_cost",
    "plot_search",
    "plot_sweep",
    "plot_tradeoff",
    "plot_tradeoff_grid",
    "preview_activations",
]

_MODULE = {
    "FORMATS": "output",
    "RegionsPanel": "regions",
    "figure_bytes": "output",
    "parse_range": "window",
    "plot_activations": "curves",
    "plot_approximation": "approximation",
    "plot_attention": "attention",
    "plot_attention_training": "attention",
    "plot_dying": "dying",
    "plot_front": "front",
    "plot_landscape": "landscape",
    "plot_linearize": "linearize",
    "plot_pruning": "pruning",
    "plot_regions": "regions",
    "plot_retention": "retention",
    "plot_retention_cost": "retention",
    "plot_search": "search",
    "plot_sweep": "sweep",
    "plot_tradeoff": "tradeoff",
    "plot_tradeoff_grid": "tradeoff",
    "preview_activations": "preview",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
