"""``rescu plot``: a figure file, its path on stdout, a preview in the terminal."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("plot", rich_help_panel=options.DESIGN)(plot)


def plot(
    names: options.Names,
    derivatives: Annotated[
        int, typer.Option(help="How many derivatives to draw below the function.", min=0, max=4)
    ] = 1,
    x_range: Annotated[
        str | None, typer.Option("--range", help="Range of x.", metavar="LOW:HIGH")
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="One activation over a parameter.", metavar="NAME=FROM:TO:COUNT"),
    ] = None,
    beta: options.Beta = None,
    settings: options.Set = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The file; png, svg or pdf by its ending.", metavar="FILE"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Plot activations and their derivatives on aligned panels."""
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically
    from rescu_cli.plot import FORMATS, figure_bytes, parse_range, preview_activations

    target = out or Path(_file_name(names))
    file_format = target.suffix.lstrip(".").lower()
    if file_format not in FORMATS:
        raise UsageError(
            f"Cannot write {target.name!r} as {file_format or 'a file without ending'}; "
            f"choose an ending of: {', '.join(FORMATS)}."
        )
    values = options.overrides(beta, settings)
    window = None if x_range is None else parse_range(x_range)
    figure = api.draw(names, derivatives=derivatives, x_range=window, sweep=sweep, overrides=values)
    write_atomically(target, figure_bytes(figure, file_format, title=" ".join(names)))
    if json:
        drawn = (
            [a.with_defaults().spec for a in api.resolve_all(names, values)] if not sweep else []
        )
        render.emit_json(
            "plot",
            {
                "path": str(target.resolve()),
                "format": file_format,
                "activations": drawn or names,
                "derivatives": derivatives,
                "range": list(figure.axes[0].get_xlim()),
            },
        )
        return
    if sys.stdout.isatty() and not sweep:
        columns = min(shutil.get_terminal_size().columns, 100)
        ready = [a.with_defaults() for a in api.resolve_all(names, values)]
        render.write_text(preview_activations(ready, x_range=window, width=columns))
    render.write_text(str(target))


def _file_name(names: list[str]) -> str:
    """relu.png, or relu-smelu-swish.png; files keep their stem."""
    stems = [Path(n.partition(":")[0]).stem for n in names]
    stem = "-".join(dict.fromkeys(re.sub(r"[^A-Za-z0-9_]+", "_", s) for s in stems))
    return f"{stem[:80]}.png"
