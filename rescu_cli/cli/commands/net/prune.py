"""``rescu net prune``: pruning round by round with rewind, accuracy and dead units over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options


def prune(
    method: Annotated[
        str,
        typer.Option(help="magnitude, ap, or both, comma-separated; then also their difference."),
    ] = "magnitude,ap",
    data: Annotated[str, typer.Option(help="Data set: digits, mnist1d, …, or a file.")] = "digits",
    model: Annotated[str, typer.Option(help="Toy model: mlp or cnn.")] = "mlp",
    seeds: Annotated[int, typer.Option(help="Networks per method.", min=1)] = 5,
    rounds: Annotated[int, typer.Option(help="Of pruning, after the whole network.")] = 5,
    rate: Annotated[
        float, typer.Option(help="Share of the weights left that goes in a round.")
    ] = 0.2,
    ap_share: Annotated[
        float, typer.Option(help="Part of the rate that AP takes from negative weights.")
    ] = 0.02,
    activation: Annotated[
        str, typer.Option(help="NAME[:param=value,…], e.g. helu:alpha=0.05.", metavar="ACT")
    ] = "relu",
    backward_shift: Annotated[
        str | None,
        typer.Option(help="Train a rectifier with its gradient at x + ALPHA; the forward stays.",
                     metavar="ALPHA", show_default=False),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(help="Hidden widths, or channels, e.g. 128,64.", show_default=False),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Of every round.")] = 30,
    lr: Annotated[float, typer.Option(help="First learning rate.")] = 1e-3,
    batch_size: Annotated[int, typer.Option(help="Examples per step.")] = 64,
    threshold: Annotated[
        float, typer.Option(help="A unit is off where the size of its output is at most this.")
    ] = 0.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for result.json and the figure.", metavar="DIR")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Prune toy networks iteratively, rewinding to the first weights; accuracy and dead units.

    AP, activating-while-pruning, gives a part of each round to the negative weights that moved
    least in training.
    """
    from rescu_cli.cli import render, report

    with report.training_progress(quiet=json, what="trainings") as progress:
        result = api.prune(
            data=data, model=model, methods=[m.strip() for m in method.split(",") if m.strip()],
            seeds=seeds, rounds=rounds, rate=rate, ap_share=ap_share, activation=activation,
            backward_shift=backward_shift, hidden=options.widths("--width", width), epochs=epochs,
            lr=lr, batch_size=batch_size, threshold=threshold, out=out, progress=progress,
        )  # fmt: skip
    if out is not None:
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("net prune", result)
    else:
        _print(result)


_COLUMNS = ("accuracy", "static", "dynamic", "total")


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    n_seeds = len(result["seeds"])
    title = (
        f"{result['model']} on {result['data']}, {marked(result)}, {n_seeds} "
        f"seed{'s' * (n_seeds > 1)}"
    )
    right: dict[str, Any] = {"justify": "right", "no_wrap": True}
    shares = [(name, right) for name in _COLUMNS]
    render.say_surrogates([result])
    render.table(
        title,
        [("round", right), "method", *shares],
        [
            (_round(row) if first else "", method, *(_interval(found[k]) for k in _COLUMNS))
            for row in result["rounds"]
            for first, (method, found) in zip(
                [True, *[False] * len(row["methods"])], row["methods"].items(), strict=False)
        ],
        caption="percent, mean ± 95 % over seeds; beside the round, the weights left. static: "
        "units off on every test input; dynamic: average over inputs of the units off there, but "
        "not everywhere; total: both.",
    )  # fmt: skip
    if result["rounds"][0]["difference"] is not None:
        render.table(
            "AP − magnitude, paired by seed, in points",
            [("round", right), *shares],
            [
                (_round(row), *(_interval(row["difference"][k], sign=True) for k in _COLUMNS))
                for row in result["rounds"][1:]
            ],
        )
    for note in result["notes"]:
        render.say(note)


def _round(row: dict[str, Any]) -> str:
    """``2: 64.0``."""
    return f"{row['round']}: {100 * row['density']:.1f}"


def _interval(estimate: dict[str, Any], *, sign: bool = False) -> str:
    """``33.04 ±1.27``, ``33.0 ±12.7``; fewer decimals where the interval makes them meaningless."""
    half = None if estimate["ci"] is None else 50 * (estimate["ci"][1] - estimate["ci"][0])
    digits = 2 if half is None or half < 9.995 else 1 if half < 99.95 else 0
    mean = f"{100 * estimate['mean']:{'+' if sign else ''}.{digits}f}"
    return mean if half is None else f"{mean} ±{half:.{digits}f}"
