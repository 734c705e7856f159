"""``rescu export``: code for a target, checked against the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def _print_report(report: dict[str, object]) -> None:
    from rescu_cli.cli import render

    rows = []
    results = report["results"]
    for row in results if isinstance(results, list) else []:
        rows.append(
            (
                row["dtype"], row["what"], f"{row['n_inputs']:,}",
                "all" if row["exhaustive"] else "grid and sample",
                render.number(row["max_ulp"], 3), row["worst_x"], row["nan_mismatch"],
            )
        )  # fmt: skip
    render.table(
        "Agreement with the reference",
        ["dtype", "what", ("inputs", {"justify": "right"}), "coverage",
         ("max ulp", {"justify": "right"}), "worst x", "NaN mismatches"],
        rows,
        err=True,
    )  # fmt: skip
