"""``rescu sweep``: score against prediction difference over a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options, training

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
    data: training.Data = "digits",
    label: training.Label = None,
    task: training.Task = None,
    model: training.Model = "mlp",
    epochs: training.Epochs = None,
    lr: training.Lr = None,
    tune: training.Tune = None,
    match: training.Match = None,
    match_scale: Annotated[
        str | None,
        typer.Option(
            help="Choose open scale parameters so that all smooth like the baseline: variance (of "
            "the kernel) or curvature (at 0). The swept parameter must not be one.",
            show_default=False,
        ),
    ] = None,
    batch_size: training.BatchSize = None,
    width: training.Width = None,
    depth: training.Depth = None,
    norm: training.Norm = "none",
    dropout: training.Dropout = 0.0,
    optimizer: training.Optimizer = None,
    init: training.Init = "gain",
    vary: training.Vary = "init,order",
    device: training.Device = "cpu",
    engine: training.Engine = "local",
    workers: training.Workers = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    out: training.Out = None,
    resume: training.Resume = True,
    json: options.Json = False,
) -> None:
    """Train an activation at many values of a parameter; draw the accuracy-PD front.

    Finds the value with the least prediction difference among those whose score is shown to be
    within the margin of the baseline's. The run directory receives front.svg and front.png; the
    same command again resumes.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import hidden_sizes

    with report.training_progress(quiet=json) as progress:
        found = api.sweep(
            name,
            param,
            overrides=options.overrides(beta, settings),
            against=[part.strip() for part in against.split(";") if part.strip()],
            metric=metric,
            margin=margin,
            seeds=seeds,
            data=data,
            label=label,
            task=task,
            model=model,
            epochs=epochs,
            lr=lr,
            tune=training.rates(tune),
            optimizer=optimizer,
            batch_size=batch_size,
            hidden=hidden_sizes(width, depth, model),
            norm=norm,
            dropout=dropout,
            init=init,
            vary=training.sources(vary),
            match=match,
            match_scale=match_scale,
            device=device,
            engine=engine,
            workers=workers,
            out=out,
            resume=resume,
            progress=progress,
        )
    result = found.to_dict()
    if json:
        render.emit_json("sweep", result)
        return
    _print_front(result)


def _print_front(result: Mapping[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    right = {"justify": "right"}
    score = next(k for k in ("accuracy", "auc", "r2") if k in result["activations"][0])
    render.table(
        f"{result['spec']['data']}, {result['spec']['model']}, "
        f"{len(result['spec']['seeds'])} seeds: {score} against {result['metric']}",
        ["activation", (score, right), (result["metric"], right), "front", "within the margin"],
        [
            (
                marked(p), f"{p['score']:.4f}", f"{p['pd']:.4f}",
                "dominated" if p["dominated"] else "on the front",
                "yes" if p["admissible"] else "not shown",
            )
            for p in result["points"]
        ],
    )  # fmt: skip
    render.say_surrogates(result["points"])
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
