"""``rescu pd``: prediction difference of anyone's prediction files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pd", rich_help_panel=options.EXPERIMENT)(pd)


def pd(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE.npz…", help="Predictions (M, N, C) with labels.")
    ],
    json: options.Json = False,
) -> None:
    """Measure prediction difference: every metric under its own name, with its interval."""
    from rescu_cli.cli import render, report

    result = api.prediction_difference(files)
    if json:
        render.emit_json("pd", result)
        return
    report.print_prediction_difference(result)
