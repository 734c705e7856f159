"""What a notebook user calls: each function is one command of the program.

``rescu plot`` is `draw` and ``rescu export`` is `generate` here, because the packages that do the
work are called ``rescu_cli.plot`` and ``rescu_cli.export``.

Everything heavy is imported where it is used, so that importing this package costs nothing.
"""

from __future__ import annotations

from rescu_cli.api.approximating import (
    approx,
    approx_channels,
    draw_approximation,
    minimum_width,
)
from rescu_cli.api.attending import attention, draw_attention, train_attention
from rescu_cli.api.budgets import count_relus, reshape, train_reshaped
from rescu_cli.api.cards import catalogue_rows, show
from rescu_cli.api.derivation import Derivation, derive
from rescu_cli.api.dying import dead_units
from rescu_cli.api.leaking import draw_leak, leak_rate, toy_leak
from rescu_cli.api.linearizing import linearize
from rescu_cli.api.making import draw, generate
from rescu_cli.api.measuring import compare, landscape, prediction_difference, report_page, sweep
from rescu_cli.api.named import resolve, resolve_all
from rescu_cli.api.networks import (
    draw_regions,
    draw_witnesses,
    regions,
    regions_summary,
    width_demo,
)
from rescu_cli.api.proving import check_floats, examine, recheck, verify
from rescu_cli.api.pruning import draw_pruning, prune
from rescu_cli.api.retaining import compare_gates, draw_retention, retention
from rescu_cli.api.searching import search_activations

__all__ = [
    "Derivation",
    "approx",
    "approx_channels",
    "attention",
    "catalogue_rows",
    "check_floats",
    "compare",
    "compare_gates",
    "count_relus",
    "dead_units",
    "derive",
    "draw",
    "draw_approximation",
    "draw_attention",
    "draw_leak",
    "draw_pruning",
    "draw_regions",
    "draw_retention",
    "draw_witnesses",
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
    "regions_summary",
    "report_page",
    "reshape",
    "resolve",
    "resolve_all",
    "retention",
    "search_activations",
    "show",
    "sweep",
    "toy_leak",
    "train_attention",
    "train_reshaped",
    "verify",
    "width_demo",
]
