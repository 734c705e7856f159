"""What a notebook user calls: each function is one command of the program.

``rescu plot`` is `draw` and ``rescu export`` is `generate` here, because the packages that do the
work are called ``rescu_cli.plot`` and ``rescu_cli.export``.

Everything heavy is imported where it is used, so that importing this package costs nothing.
"""

from __future__ import annotations

from rescu_cli.api.cards import catalogue_rows, show
from rescu_cli.api.derivation import Derivation, derive
from rescu_cli.api.making import draw, generate
from rescu_cli.api.measuring import compare, landscape, prediction_difference, report_page, sweep
from rescu_cli.api.named import resolve, resolve_all
from rescu_cli.api.proving import check_floats, examine, recheck, verify

__all__ = [
    "Derivation",
    "catalogue_rows",
    "check_floats",
    "compare",
    "derive",
    "draw",
    "examine",
    "generate",
    "landscape",
    "prediction_difference",
    "recheck",
    "report_page",
    "resolve",
    "resolve_all",
    "show",
    "sweep",
    "verify",
]
