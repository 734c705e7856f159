"""Options of the commands that train: each is worded once, and the defaults are the command's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rescu_cli.errors import UsageError

Data = Annotated[
    str,
    typer.Option(
        help="Data set: digits, breast_cancer, mnist1d, spirals, regression, ctr, grammar, each "
        "with parameters (ctr:n=20000); text:FILE; or a path: .npz, .csv, .parquet, .tsv, .txt, a "
        "folder."
    ),
]
Label = Annotated[str | None, typer.Option(help="Label column of a file.", show_default=False)]
Task = Annotated[
    str | None,
    typer.Option(help="Of a file: classification or regression.", show_default=False),
]
Model = Annotated[str, typer.Option(help="Model: mlp, cnn, ctr, retnet (for text).")]
Epochs = Annotated[
    int | None,
    typer.Option(
        help="Passes over the data.  \\[default: 30, ctr: 1, retnet: 10]",
        show_default=False,
    ),
]
Lr = Annotated[
    float | None,
    typer.Option(
        help="First learning rate.  \\[default: 0.001, ctr: 0.05, retnet: 0.003]",
        show_default=False,
    ),
]
Tune = Annotated[
    str | None,
    typer.Option(
        help="Give each activation its best of some learning rates, by validation loss: "
        "lr=1e-3,3e-3,1e-2.",
        metavar="lr=A,B,…",
        show_default=False,
    ),
]
Match = Annotated[
    str | None,
    typer.Option(help="Compare at equal validation loss: loss.", show_default=False),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        help="Examples per step.  \\[default: 64, ctr: 256, retnet: 32]",
        show_default=False,
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        help="Units, or channels, per layer.  \\[default: 128, 64; cnn: 16, 32; ctr: 64, 32; "
        "retnet: 32]",
        show_default=False,
    ),
]
Depth = Annotated[
    int | None, typer.Option(help="Hidden layers.  \\[default: 2]", show_default=False)
]
Norm = Annotated[str, typer.Option(help="Normalisation: none, layer or batch.")]
Dropout = Annotated[float, typer.Option(help="Share of hidden units dropped in training.")]
Optimizer = Annotated[
    str | None,
    typer.Option(
        help="adam (cosine) or adagrad.  \\[default: adam, ctr: adagrad]", show_default=False
    ),
]
Init = Annotated[
    str, typer.Option(help="Initialisation: gain (matched per activation) or default.")
]
Vary = Annotated[
    str,
    typer.Option(
        help="What differs between seeds: any of init, order, dropout, split; or none, the control."
    ),
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Engine = Annotated[str, typer.Option(help="local, loky or dask://HOST:PORT.")]
Workers = Annotated[int | None, typer.Option(help="Worker processes for loky.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option(help="Run directory.  \\[default: rescu-runs/…]", show_default=False),
]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Keep finished cells of the run directory.")
]


def sources(vary: str) -> tuple[str, ...]:
    """What varies, from ``--vary``: ``none`` is nothing."""
    names = tuple(name.strip() for name in vary.split(","))
    return () if names == ("none",) else names


def rates(tune: str | None) -> tuple[float, ...] | None:
    """The learning rates of ``--tune lr=A,B,…``; None without the option.

    Raises:
        UsageError: If the text is not of that form.
    """
    if tune is None:
        return None
    name, equals, values = tune.partition("=")
    try:
        if name.strip() != "lr" or not equals:
            raise ValueError
        return tuple(float(value) for value in values.split(","))
    except ValueError:
        raise UsageError(
            f"'--tune {tune}' is not understood; write e.g. '--tune lr=1e-3,3e-3,1e-2'."
        ) from None
