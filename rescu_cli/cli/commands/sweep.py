"""``rescu sweep``: score against prediction difference over a parameter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("sweep", rich_help_panel=options.EXPERIMENT)(sweep)


def sweep(
    name: options.Name,
    param: Annotated[
        str,
        typer.Option(help="Parameter and values: beta=0.1:4:12, or beta=0.5,1,2.", metavar="SWEEP"),
    ],
    seeds: Annotated[int, typer.Option(help="Models per value.", min=1)] = 16,
    against: Annotated[
        str, typer.Option(help="Fixed activations; the first is the baseline.", metavar="ACT;ACT…")
    ] = "relu;swish;gelu;softplus",
    metric: Annotated[str, typer.Option(help="Prediction difference of the front.")] = "pd_l1",
    margin: Annotated[
        float, typer.Option(help="By which the score may be below the baseline's.")
    ] = 0.01,
    data: Annotated[str, typer.Option(help="As for compare.")] = "digits",
    label: Annotated[str | None, typer.Option(help="Label column of a file.")] = None,
    model: Annotated[str, typer.Option(help="As for compare.")] = "mlp",
    epochs: Annotated[int | None, typer.Option(help="As for compare.")] = None,
    lr: Annotated[float | None, typer.Option(help="As for compare.")] = None,
    width: Annotated[int | None, typer.Option(help="As for compare.")] = None,
    depth: Annotated[int | None, typer.Option(help="As for compare.")] = None,
    norm: Annotated[str, typer.Option(help="As for compare.")] = "none",
    engine: Annotated[str, typer.Option(help="As for compare.")] = "local",
    workers: Annotated[int | None, typer.Option(help="As for compare.")] = None,
    settings: options.Set = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory.  [default: rescu-runs/…]", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Train an activation at many values of a parameter; draw the accuracy-PD front.

    Finds the value with the least prediction difference among those whose score is shown to be
    within the margin of the baseline's. The run directory receives front.svg and front.png.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import hidden_sizes

    with report.training_progress(quiet=json) as progress:
        found = api.sweep(
            name,
            param,
            overrides=options.overrides(None, settings),
            against=[part.strip() for part in against.split(";") if part.strip()],
            metric=metric,
            margin=margin,
            seeds=seeds,
            data=data,
            label=label,
            model=model,
            epochs=epochs,
            lr=lr,
            hidden=hidden_sizes(width, depth, model),
            norm=norm,
            engine=engine,
            workers=workers,
            out=out,
            progress=progress,
        )
    result = found.to_dict()
    if json:
        render.emit_json("sweep", result)
        return
    _print_front(result)


def _print_front(result: Mapping[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    score = next(k for k in ("accuracy", "auc", "r2") if k in result["activations"][0])
    render.table(
        f"{result['spec']['data']}, {result['spec']['model']}, "
        f"{len(result['spec']['seeds'])} seeds: {score} against {result['metric']}",
        ["activation", (score, right), (result["metric"], right), "front", "within the margin"],
        [
            (
                p["activation"], f"{p['score']:.4f}", f"{p['pd']:.4f}",
                "dominated" if p["dominated"] else "on the front",
                "yes" if p["admissible"] else "not shown",
            )
            for p in result["points"]
        ],
    )  # fmt: skip
    best, baseline = result["best"], result["spec"]["baseline"]
    if best is None:
        render.say(
            f"At no value is the {score} shown to be within {result['margin']:g} of {baseline}'s."
        )
    else:
        render.say(
            f"Least {result['metric']} with the {score} within {result['margin']:g} of "
            f"{baseline}'s: {result['parameter']}={best['value']:g}. It was chosen by looking at "
            "all of them; confirm it with other seeds."
        )
    render.write_text(f"Run directory: {result['run_dir']}")
