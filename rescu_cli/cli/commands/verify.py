"""``rescu verify``: decide claims, replay certificates, audit foreign code, try every float."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import ExitCode, UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify", rich_help_panel=options.DESIGN)(verify)


def verify(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ACT",
            help="NAME[:param=value,…], a shape file, or path.py:name (this runs the file).",
        ),
    ],
    require: Annotated[
        str, typer.Option(help="Claims that must be proved, comma-separated.", metavar="CLAIMS")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Write the certificate, or the report.", metavar="FILE.json"),
    ] = None,
    recheck: Annotated[
        Path | None,
        typer.Option(help="Replay the evidence of a certificate, without searching.",
                     metavar="CERT.json"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Compare path.py:name with this activation.", metavar="ACT"),
    ] = None,
    float_format: Annotated[
        str | None,
        typer.Option("--float", help="Try every input of a format: float16, bfloat16, float32; "
                     "float64 by edges and sample.", metavar="FORMAT"),
    ] = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Prove, refute or leave undecided each claim about an activation.

    Exit status 1 if a required claim is refuted or a check disagrees, 3 if one is undecided.
    """
    overrides = options.overrides(beta, settings)
    required = [c.strip() for c in require.split(",") if c.strip()]
    modes = {"--recheck": recheck, "--against": against, "--float": float_format}
    chosen = [option for option, given in modes.items() if given is not None]
    if len(chosen) > 1:
        raise UsageError(f"Choose one of {' and '.join(chosen)}; each is a run of its own.")
    if float_format is not None:
        from rescu_cli.cli import machine

        machine.run(name, float_format, overrides, out, json=json)
    elif against is not None or ".py:" in name:
        from rescu_cli.cli import audit

        audit.run(name, against, required, overrides, out, json=json)
    elif recheck is not None:
        _recheck(name, recheck, required, overrides, json=json)
    else:
        _decide(name, required, overrides, out, json=json)


def _decide(
    name: str, required: list[str], overrides: dict[str, str], out: Path | None, *, json: bool
) -> None:
    """The claims, and the exit status that the required ones ask for."""
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json

    certificate = api.verify(name, require=required, overrides=overrides, evidence=out is not None)
    if out is not None:
        write_json(out, certificate.to_dict())
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("verify", certificate.to_dict())
    else:
        render.print_claims(certificate)
    _exit_by({c.claim: c.status.value for c in certificate.claims}, required)


def _exit_by(status: dict[str, str], required: list[str]) -> None:
    """Leave with the exit status that the required claims ask for."""
    from rescu_cli.cli import render

    missed = {claim: status[claim] for claim in required if status[claim] != "proved"}
    for claim, found in missed.items():
        render.say(f"required claim {claim}: {found}")
    if missed:
        refuted = "refuted" in missed.values()
        raise typer.Exit(ExitCode.REFUTED if refuted else ExitCode.UNDECIDED)


def _recheck(
    name: str, path: Path, required: list[str], overrides: dict[str, str], *, json: bool
) -> None:
    """Replay a certificate; any claim that falls is a disagreement."""
    from rescu_cli.cli import render

    found = api.recheck(name, path, require=required, overrides=overrides)
    if json:
        render.emit_json("verify", found.to_dict())
    else:
        render.print_recheck(found)
    if not found.ok:
        raise typer.Exit(ExitCode.REFUTED if found.fallen else ExitCode.UNDECIDED)
    shown = {c.claim: "undecided" if c.stands is None else c.status.value for c in found.claims}
    _exit_by(shown, required)
