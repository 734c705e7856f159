"""``rescu cite`` and ``rescu doctor``."""

from __future__ import annotations

import typer

from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("cite", rich_help_panel=options.DESIGN)(cite)
    app.command("doctor", rich_help_panel=options.HOUSE)(doctor)


def cite(name: options.Name, json: options.Json = False) -> None:
    """Cite the source of an activation."""
    from rescu_cli import api
    from rescu_cli.cli import render

    activation = api.resolve(name)
    source = activation.source
    if source is None:
        raise UsageError(f"{name} has no recorded source; it was derived by its user.")
    if json:
        render.emit_json("cite", {"name": activation.name, **vars(source)})
        return
    render.write_text(str(source) + (f". {source.url}" if source.url else ""))


def doctor(json: options.Json = False) -> None:
    """Report what is installed and what the measurements will run on."""
    from rescu_cli.cli import render
    from rescu_cli.cli.diagnosis import diagnose

    findings = diagnose()
    if json:
        render.emit_json("doctor", findings)
        return
    render.table(
        None,
        ["what", "found", "used for"],
        [(f["what"], f["found"] or f"missing: {f['install']}", f["used_for"]) for f in findings],
    )
