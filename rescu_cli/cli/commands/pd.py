"""``rescu pd``: prediction difference of anyone's prediction files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from rescu_cli.cli import options

_SECONDS_WITHOUT_A_BAR = 1.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pd", rich_help_panel=options.EXPERIMENT)(pd)


def pd(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE.npz…",
            help="Predictions (M, N, C) with labels; of a regression (M, N, 1) or (M, N).",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression.  \\[default: what the files and their labels say]",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Measure prediction difference: every metric under its own name, with its interval."""
    from rescu_cli.cli import render, report
    from rescu_cli.experiment import prediction_difference

    with _reading_progress(quiet=json) as progress:
        result = prediction_difference(files, task=task, progress=progress)
    if json:
        render.emit_json("pd", result)
        return
    report.print_prediction_difference(result)


@contextmanager
def _reading_progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with the time left, on stderr, if that is a terminal and it takes over a second.

    Yields:
        A function of (examples done, examples in all), or None where nothing should be shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("measuring"),
        BarColumn(),
        TextColumn("{task.completed:,} / {task.total:,} examples, left"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    task = bar.add_task("measuring", total=0)
    began = monotonic()

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        if not bar.live.is_started and monotonic() - began > _SECONDS_WITHOUT_A_BAR:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
