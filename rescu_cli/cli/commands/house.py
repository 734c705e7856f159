"""``rescu cite`` and ``rescu doctor``."""

from __future__ import annotations

import typer

from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("cite", rich_help_panel=options.DESIGN)(cite)
    app.command("doctor", rich_help_panel=options.HOUSE)(doctor)


def cite(names: options.Names, json: options.Json = False) -> None:
    """Cite the sources of activations, as BibTeX."""
    from rescu_cli import api
    from rescu_cli.catalogue.bibtex import bibtex
    from rescu_cli.cli import render

    found = []
    for name in names:
        activation = api.resolve(name)
        if activation.source is None:
            raise UsageError(f"{name} has no recorded source; it was derived by its user.")
        found.append((activation.name, activation.source))
    if json:
        rows = [{"name": name, **vars(source), "bibtex": bibtex(source)} for name, source in found]
        render.emit_json("cite", {"sources": rows})
        return
    # One entry per key, though several activations may be from one paper.
    for key in dict.fromkeys(source.key for _, source in found):
        for name, source in found:
            if source.key == key:
                render.write_text(f"% {name}" + (f": {source.equation}" if source.equation else ""))
                entry = bibtex(source)
        render.write_text(f"{entry}\n")


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
