"""``rescu export``: code for a target, checked against the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export", rich_help_panel=options.DESIGN)(export)


def export(
    name: options.Name,
    to: Annotated[
        str, typer.Option("--to", help="torch, numpy, latex or sympy.", metavar="TARGET")
    ],
    out: Annotated[Path | None, typer.Option(help="The file to write.", metavar="FILE")] = None,
    function: Annotated[
        str | None, typer.Option("--name", help="Name of the generated function.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run the artifact and compare it with the reference.")
    ] = False,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:
    """Export an activation as code that matches its definition.

    The code goes to stdout, or to --out. Exit status 1 if --check disagrees.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically

    values = options.overrides(beta, settings)
    artifact = api.generate(name, to, name=function, overrides=values)
    report = None
    if check:
        from rescu_cli.export import check as run_check

        report = run_check(artifact)
    if out is not None:
        write_atomically(out, artifact.text)
    if json:
        render.emit_json(
            "export",
            {
                "target": artifact.target,
                "name": artifact.name,
                "digest": artifact.digest,
                "path": None if out is None else str(out.resolve()),
                "text": artifact.text,
                "check": None if report is None else report.to_dict(),
            },
        )
    else:
        if out is None:
            render.write_text(artifact.text)
        else:
            render.write_text(str(out))
        if report is not None:
            _print_report(report.to_dict())
    if report is not None and not report.ok:
        render.say("The artifact disagrees with the reference.")
        raise typer.Exit(ExitCode.REFUTED)


def _print_report(report: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    render.table(
        "Agreement with the reference",
        ["dtype", "what", ("inputs", right), "coverage", ("max ulp", right), ("bound", right),
         ("worst x", right), ("NaN mismatches", right), "verdict"],
        [
            (
                dtype, what, f"{row['n_inputs']:,}",
                "every input" if row["exhaustive"] else "edge grid and sample",
                _short(row["max_ulp"]), _short(row["bound"]), _short(row["worst_x"]),
                row["nan_mismatch"], "agrees" if row["ok"] else "DISAGREES",
            )
            for dtype, by_what in report["dtypes"].items()
            for what, row in by_what.items()
        ],
        err=True,
    )  # fmt: skip
    for note in report["notes"]:
        render.say(note)


def _short(value: float | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
