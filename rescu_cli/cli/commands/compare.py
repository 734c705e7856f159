"""``rescu compare``: train with many seeds, measure accuracy and prediction difference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare", rich_help_panel=options.EXPERIMENT)(compare)


def compare(
    names: options.Names,
    seeds: Annotated[int, typer.Option(help="Models per activation.", min=1)] = 5,
    data: Annotated[
        str,
        typer.Option(
            help="Data set: digits, breast_cancer, mnist1d, spirals, regression, ctr, each with "
            "parameters (ctr:n=20000), or a path: .npz, .csv, .parquet, .tsv, .txt, a folder."
        ),
    ] = "digits",
    label: Annotated[
        str | None, typer.Option(help="Label column of a file.", show_default=False)
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Of a file: classification or regression.", show_default=False),
    ] = None,
    model: Annotated[str, typer.Option(help="Model: mlp, cnn, ctr.")] = "mlp",
    epochs: Annotated[
        int | None,
        typer.Option(help="Passes over the data.  [default: 30, ctr: 1]", show_default=False),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="First learning rate.  [default: 0.001, ctr: 0.05]", show_default=False),
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            help="Give each activation its best of some learning rates, by validation loss: "
            "lr=1e-3,3e-3,1e-2.",
            metavar="lr=A,B,…",
            show_default=False,
        ),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(help="Compare at equal validation loss: loss.", show_default=False),
    ] = None,
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
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples per step.  [default: 64, ctr: 256]", show_default=False),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            help="Units, or channels, per hidden layer.  [default: 128, 64; cnn: 16, 32; "
            "ctr: 64, 32]",
            show_default=False,
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="Hidden layers.  [default: 2]", show_default=False)
    ] = None,
    norm: Annotated[str, typer.Option(help="Normalisation: none, layer or batch.")] = "none",
    dropout: Annotated[
        float, typer.Option(help="Share of hidden units dropped in training.")
    ] = 0.0,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="adam (cosine) or adagrad.  [default: adam, ctr: adagrad]", show_default=False
        ),
    ] = None,
    init: Annotated[
        str, typer.Option(help="Initialisation: gain (matched per activation) or default.")
    ] = "gain",
    vary: Annotated[
        str,
        typer.Option(
            help="What differs between seeds: any of init, order, dropout, split; or none, the "
            "control."
        ),
    ] = "init,order",
    baseline: Annotated[
        str | None, typer.Option(help="Compared with.  [default: the first]", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    engine: Annotated[str, typer.Option(help="local, loky or dask://HOST:PORT.")] = "local",
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
    from rescu_cli.experiment import hidden_sizes

    with report.training_progress(quiet=json) as progress:
        result = api.compare(
            names,
            overrides=options.overrides(beta, settings),
            data=data,
            label=label,
            task=task,
            model=model,
            seeds=seeds,
            epochs=epochs,
            lr=lr,
            tune=None if tune is None else _rates(tune),
            optimizer=optimizer,
            batch_size=batch_size,
            hidden=hidden_sizes(width, depth, model),
            norm=norm,
            dropout=dropout,
            init=init,
            vary=_sources(vary),
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


def _sources(text: str) -> tuple[str, ...]:
    """What varies: ``none`` is nothing."""
    names = tuple(name.strip() for name in text.split(","))
    return () if names == ("none",) else names


def _rates(text: str) -> tuple[float, ...]:
    """The learning rates of ``lr=A,B,…``."""
    name, equals, values = text.partition("=")
    try:
        if name.strip() != "lr" or not equals:
            raise ValueError
        return tuple(float(value) for value in values.split(","))
    except ValueError:
        raise UsageError(
            f"'--tune {text}' is not understood; write e.g. '--tune lr=1e-3,3e-3,1e-2'."
        ) from None
