"""``rescu net width``: the smallest width of deep networks that approximate everything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import StoreError, UsageError


def width(
    d_x: Annotated[int, typer.Option("--dx", help="Inputs.", metavar="N")],
    d_y: Annotated[int, typer.Option("--dy", help="Outputs.", metavar="N")],
    norm: Annotated[str, typer.Option(help="uniform or lp.")] = "uniform",
    activation: Annotated[
        str, typer.Option(help="leaky_relu, relu, relu+step, monotone or any.")
    ] = "leaky_relu",
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Count the closed level curves of random networks of 2 inputs and width 2, 3, 4.",
        ),
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="With --demo: draw an example of each width.", metavar="FILE"),
    ] = None,
    json: options.Json = False,
) -> None:
    """Bounds on the width that deep networks need to approximate every function, with sources.

    Open cases give an interval; a superseded formula is shown, and not used.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.network.width import SOURCES

    if plot is not None and not demo:
        raise UsageError("'--plot' draws what '--demo' finds; give both.")
    if plot is not None:
        _require_place(plot)
    found = api.minimum_width(d_x, d_y, norm=norm, activation=activation)
    witnesses = None
    if demo:
        with report.training_progress(quiet=json) as progress:
            witnesses = api.width_demo(progress=progress)
        if plot is not None:
            from rescu_cli.core.files import write_atomically
            from rescu_cli.plot import figure_bytes

            write_atomically(plot, figure_bytes(api.draw_witnesses(witnesses), plot.suffix))
    if json:
        shown = None if witnesses is None else [asdict(one) for one in witnesses]
        render.emit_json("net width", {**found.to_dict(), "demo": shown})
        return
    where = f"{d_x} -> {d_y}, {activation}, {norm} norm on {found.domain}"
    if found.exact is not None:
        answer = f"w_min = {found.exact}"
    elif found.upper is None:
        answer = f"w_min >= {found.lower}; no upper bound holds for every activation"
    else:
        answer = f"{found.lower} <= w_min <= {found.upper}: open between"
    render.write_text(f"{where}: {answer}")
    render.table(
        None,
        ["here", "when", "statement", "source"],
        [
            (
                f"({f.bound})" if f.statement.superseded else f.bound or "–",
                f.statement.regime,
                f"SUPERSEDED: {f.statement.statement} ({f.statement.superseded})"
                if f.statement.superseded
                else f.statement.statement,
                f.statement.source,
            )
            for f in found.findings
        ],
    )
    used = dict.fromkeys(f.statement.source for f in found.findings)
    render.table(None, ["source", "text"], [(key, SOURCES[key]) for key in used])
    if witnesses is not None:
        right = {"justify": "right"}
        render.table(
            "Closed level curves of random leaky-ReLU networks from 2 inputs to 1 output",
            [("width", right), ("networks", right), ("with a closed curve", right),
             ("curves", right)],
            [(str(w.width), str(w.n_networks), str(w.n_with_loops), str(w.n_loops))
             for w in witnesses],
            caption="width 2 has none by a theorem (Johnson 2019), and so approximates no disc",
        )  # fmt: skip
    if plot is not None:
        render.write_text(str(plot))


def _require_place(plot: Path) -> None:
    """Refuse a figure that could not be written, before the networks are drawn and counted."""
    if plot.suffix.lower().removeprefix(".") not in ("png", "svg", "pdf"):
        raise UsageError(f"'--plot {plot}': figures are written as .png, .svg or .pdf.")
    if not plot.parent.is_dir():
        raise StoreError(f"Cannot write {plot}: there is no folder {plot.parent}.")
