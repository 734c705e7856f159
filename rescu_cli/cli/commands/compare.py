"""``rescu compare``: train with many seeds, measure accuracy and prediction difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare", rich_help_panel=options.EXPERIMENT)(compare)


def compare(
    names: options.Names,
    seeds: Annotated[int, typer.Option(help="Models per activation.", min=1)] = 5,
    data: Annotated[str, typer.Option(help="Data set: digits, breast_cancer.")] = "digits",
    model: Annotated[str, typer.Option(help="Model: mlp.")] = "mlp",
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.  [default: 30]", show_default=False)
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Adam's first learning rate.  [default: 0.001]", show_default=False),
    ] = None,
    tune: Annotated[str | None, typer.Option(hidden=True)] = None,
    match: Annotated[str | None, typer.Option(hidden=True)] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Examples per step.  [default: 64]", show_default=False)
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Units per hidden layer.  [default: 128, 64]")
    ] = None,
    depth: Annotated[int | None, typer.Option(help="Hidden layers.  [default: 2]")] = None,
    norm: Annotated[str, typer.Option(help="Normalisation: none or layer.")] = "none",
    init: Annotated[
        str, typer.Option(help="Initialisation: gain (matched per activation) or default.")
    ] = "gain",
    vary: Annotated[
        str, typer.Option(help="What differs between seeds: init, order, or both.")
    ] = "init,order",
    baseline: Annotated[
        str | None, typer.Option(help="Compared with.  [default: the first]", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    engine: Annotated[str, typer.Option(help="local or loky.")] = "local",
    workers: Annotated[int | None, typer.Option(help="Worker processes for loky.")] = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory.  [default: rescu-runs/…]", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep finished cells of the run directory.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Compare activations over seeds: accuracy beside prediction difference, with intervals.

    The same command again resumes and recomputes nothing that is finished.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import hidden_sizes, refuse_unavailable

    refuse_unavailable(tune=tune, match=match)
    sizes = None if width is None and depth is None else hidden_sizes(width, depth)
    with report.training_progress(quiet=json) as progress:
        result = api.compare(
            names,
            overrides=options.overrides(beta, settings),
            data=data,
            model=model,
            seeds=seeds,
            epochs=epochs,
            lr=lr,
            batch_size=batch_size,
            hidden=sizes,
            norm=norm,
            init=init,
            vary=tuple(v.strip() for v in vary.split(",")),
            baseline=baseline,
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
