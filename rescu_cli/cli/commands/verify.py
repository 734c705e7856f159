"""``rescu verify``: decide every claim, and fail if a required one does not hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify", rich_help_panel=options.DESIGN)(verify)


def verify(
    name: options.Name,
    require: Annotated[
        str, typer.Option(help="Claims that must be proved, comma-separated.", metavar="CLAIMS")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write the certificate.", metavar="FILE.json")
    ] = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:
    """Prove, refute or leave undecided each claim about an activation.

    Exit status 1 if a required claim is refuted, 3 if one is undecided.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json

    required = [c.strip() for c in require.split(",") if c.strip()]
    certificate = api.verify(name, require=required, overrides=options.overrides(beta, settings))
    if out is not None:
        write_json(out, certificate.to_dict())
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("verify", certificate.to_dict())
    else:
        render.print_claims(certificate)
    status = {c.claim: c.to_dict()["status"] for c in certificate.claims}
    missed = {status[c] for c in required} - {"proved"}
    for claim in required:
        if status[claim] != "proved":
            render.say(f"required claim {claim}: {status[claim]}")
    if missed:
        raise typer.Exit(ExitCode.REFUTED if "refuted" in missed else ExitCode.UNDECIDED)
