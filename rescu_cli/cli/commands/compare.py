"""``rescu compare``: train with many seeds, measure accuracy and prediction difference."""

from __future__ import annotations

from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options, training


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare", rich_help_panel=options.EXPERIMENT)(compare)


def compare(
    names: options.Names,
    seeds: Annotated[int, typer.Option(help="Models per activation.", min=1)] = 5,
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
            help="Choose open scale parameters so that all smooth like the first: variance (of the "
            "kernel) or curvature (at 0).",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            help="Scores that differ by less count as equal: test that.", show_default=False
        ),
    ] = None,
    splits: Annotated[
        int | None,
        typer.Option(
            help="Do all of it on several divisions of the data: does the outcome depend on the "
            "split?",
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
    baseline: Annotated[
        str | None, typer.Option(help="Compared with.  \\[default: the first]", show_default=False)
    ] = None,
    device: training.Device = "cpu",
    engine: training.Engine = "local",
    workers: training.Workers = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    out: training.Out = None,
    resume: training.Resume = True,
    json: options.Json = False,
) -> None:
    """Compare activations over seeds: accuracy beside prediction difference, with intervals.

    The same command again resumes and recomputes nothing that is finished.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import hidden_sizes

    with report.training_progress(quiet=json) as progress:
        result = api.compare(
            names,
            overrides=options.overrides(beta, settings),
            splits=splits,
            data=data,
            label=label,
            task=task,
            model=model,
            seeds=seeds,
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
            baseline=baseline,
            match=match,
            match_scale=match_scale,
            margin=margin,
            device=device,
            engine=engine,
            workers=workers,
            out=out,
            resume=resume,
            progress=progress,
        )
    if json:
        render.emit_json("compare", result.to_dict())
    else:
        report.print_report(result.to_dict())
