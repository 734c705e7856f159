"""``rescu report``: the page of a finished run directory, drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("report", rich_help_panel=options.EXPERIMENT)(report)


def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Run directory of a finished 'rescu compare'.")
    ],
    json: options.Json = False,
) -> None:
    """Draw report.html of a finished run directory again; nothing is trained."""
    from rescu_cli.cli import render

    page = api.report_page(folder)
    if json:
        render.emit_json("report", {"path": str(page)})
    else:
        render.write_text(str(page))
