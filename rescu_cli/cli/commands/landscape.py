"""``rescu landscape``: the training loss around trained networks, side by side."""

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
    app.command("landscape", rich_help_panel=options.EXPERIMENT)(landscape)


def landscape(
    names: options.Names,
    data: Annotated[str, typer.Option(help="As for compare.")] = "digits",
    label: Annotated[
        str | None, typer.Option(help="Label column of a file.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="As for compare.")] = "mlp",
    seed: Annotated[int, typer.Option(help="The first seed, which is drawn.", min=0)] = 0,
    seeds: Annotated[
        int, typer.Option(help="Networks per activation, for the numbers.", min=1)
    ] = 1,
    epochs: Annotated[int | None, typer.Option(help="As for compare.", show_default=False)] = None,
    lr: Annotated[float | None, typer.Option(help="As for compare.", show_default=False)] = None,
    width: Annotated[int | None, typer.Option(help="As for compare.", show_default=False)] = None,
    depth: Annotated[int | None, typer.Option(help="As for compare.", show_default=False)] = None,
    norm: Annotated[str, typer.Option(help="none or layer.")] = "none",
    span: Annotated[
        float, typer.Option(help="Both axes go from -SPAN to SPAN; 1 is the weights' own norm.")
    ] = 1.0,
    grid: Annotated[int, typer.Option(help="Points per axis, odd.")] = 41,
    examples: Annotated[int, typer.Option(help="Training examples of the loss.")] = 512,
    beta: options.Beta = None,
    settings: options.Set = None,
    out: Annotated[Path, typer.Option(help="Figure: .png, .svg or .pdf.", metavar="FILE")] = Path(
        "landscape.png"
    ),
    json: options.Json = False,
) -> None:
    """Draw the objective around trained networks along two filter-normalised directions.

    The same draws for all activations; a slice of two dimensions of thousands.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import hidden_sizes

    with report.training_progress(quiet=json) as progress:
        result = api.landscape(
            names,
            out=out,
            overrides=options.overrides(beta, settings),
            data=data,
            label=label,
            model=model,
            seed=seed,
            seeds=seeds,
            epochs=epochs,
            lr=lr,
            hidden=hidden_sizes(width, depth, model),
            norm=norm,
            span=span,
            grid=grid,
            examples=examples,
            progress=progress,
        )
    if json:
        render.emit_json("landscape", result)
        return
    _print_numbers(result)
    render.write_text(str(out))


def _print_numbers(result: Mapping[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import marked

    right = {"justify": "right"}
    names = list(result["definitions"])
    render.table(
        f"Training loss of {result['examples']} examples around {len(result['spec']['seeds'])} "
        f"network(s) each; 2 of {result['n_parameters']:,} dimensions",
        ["activation", *[(name, right) for name in names]],
        [(marked(row), *[_shown(row[name]) for name in names])
         for row in result["activations"]],
    )  # fmt: skip
    render.table(None, ["number", "definition"], list(result["definitions"].items()))
    render.say_surrogates(result["activations"])


def _shown(found: Mapping[str, Any]) -> str:
    if found["ci"] is None:
        return f"{found['mean']:.4g}"
    return f"{found['mean']:.4g} ±{(found['ci'][1] - found['ci'][0]) / 2:.2g}"
