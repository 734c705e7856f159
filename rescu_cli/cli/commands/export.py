"""``rescu export``: code for a target, checked against the reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import ExitCode
from rescu_cli.export.targets import TARGETS

if TYPE_CHECKING:
    from rescu_cli.export.report import CheckReport


_TARGETS = ", ".join(TARGETS)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export", rich_help_panel=options.DESIGN)(export)


def export(
    name: options.Name,
    to: Annotated[str, typer.Option("--to", help=f"One of: {_TARGETS}.", metavar="TARGET")],
    out: Annotated[Path | None, typer.Option(help="The file to write.", metavar="FILE")] = None,
    function: Annotated[
        str | None, typer.Option("--name", help="Name of the generated function.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Build and run it, compare it with the reference; with --out also write the "
            "report to FILE.check.json.",
        ),
    ] = False,
    beta: options.Beta = None,
    settings: options.Set = None,
    json: options.Json = False,
) -> None:
    """Export an activation as code that matches its definition.

    The code goes to stdout, or to --out. With --check nothing is written that disagrees: exit
    status 1; 4 if the tool that runs it is missing.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically
    from rescu_cli.export.backend import content

    values = options.overrides(beta, settings)
    artifact = api.generate(name, to, name=function, overrides=values)
    report = None
    if check:
        from rescu_cli.export import check as run_check

        report = run_check(artifact, thorough=True)
    agrees = report is None or report.ok
    if out is not None and agrees:
        write_atomically(out, content(artifact, out.name))
    if out is not None and report is not None:
        # Beside a file that is kept, the report of the one that was not written has its own name.
        ending = "check.json" if agrees else "rejected.check.json"
        write_atomically(out.with_name(f"{out.name}.{ending}"), _saved(report))
    if json:
        render.emit_json(
            "export",
            {
                "target": artifact.target,
                "name": artifact.name,
                "digest": artifact.digest,
                "path": None if out is None or not agrees else str(out.resolve()),
                "text": artifact.text if agrees else None,
                "check": None if report is None else report.to_dict(),
            },
        )
    else:
        if agrees:
            render.write_text(artifact.text if out is None else str(out))
        if report is not None:
            _print_report(report.to_dict())
    if not agrees:
        render.say("The artifact disagrees with the reference; no file of it was written.")
        raise typer.Exit(ExitCode.REFUTED)


def _saved(report: CheckReport) -> str:
    from json import dumps

    return dumps(report.to_dict(), indent=1, allow_nan=False) + "\n"


def _print_report(report: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    rows = [
        (f"{dtype} {what}", dtype, what, row)
        for dtype, by_what in report["dtypes"].items()
        for what, row in by_what.items()
    ]
    render.table(
        "Agreement with the reference",
        ["dtype", "what", ("inputs", right), ("max ulp", right), ("bound", right),
         ("worst x", right), "verdict"],
        [
            (
                dtype, what, f"{'all ' if row['exhaustive'] else ''}{row['n_inputs']:,}",
                _short(row["max_ulp"]), _short(row["bound"]), _short(row["worst_x"]),
                "agrees" if row["ok"] else "DISAGREES",
            )
            for _, dtype, what, row in rows
        ],
        err=True,
    )  # fmt: skip
    for key, meaning in _COUNTED.items():
        counts = [f"{title} {row[key]:,}" for title, _, _, row in rows if row[key]]
        if counts:
            render.say(f"{meaning}: {', '.join(counts)}.")
    render.say(f"Run by {report['tool']}; ways: {', '.join(_ways(report))}.")
    for sample in report["samples"]:
        numbers = ", ".join(f"{n}={v:.4g}" for n, v in sample["parameters"].items())
        found = [row for by_what in sample["dtypes"].values() for row in by_what.values()]
        worst = max(found, key=lambda row: float(row["max_ulp"]) / row["bound"])
        verdict = "agrees" if all(row["ok"] for row in found) else "DISAGREES"
        render.say(
            f"Also at {numbers}: {sum(row['n_inputs'] for row in found):,} inputs, worst "
            f"{_short(worst['max_ulp'])} ulp of {_short(worst['bound'])}: {verdict}."
        )
    for title, dtypes in report["variants"].items():
        worst = ", ".join(
            f"{dtype} {what} {_short(row['max_ulp'])} ulp"
            + (f" ({row['nan_mismatch']} NaN mismatches)" if row["nan_mismatch"] else "")
            for dtype, by_what in dtypes.items()
            for what, row in by_what.items()
            if what in ("value", "gradient")
        )
        render.say(f"Not promised, for comparison, {title}: {worst}.")
    for note in report["notes"]:
        render.say(note)


_COUNTED = {
    "excused": "Beyond the bound, but right for an x as many ulps away, or too small for full "
    "precision",
    "beyond": "Beyond the bound",
    "nan_mismatch": "NaN for a number, or a number for NaN",
}


def _ways(report: dict[str, Any]) -> list[str]:
    rows = [row for by_what in report["dtypes"].values() for row in by_what.values()]
    return list(dict.fromkeys(way for row in rows for way in row["ways"]))


def _short(value: float | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
