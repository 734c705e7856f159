"""``rescu net linearize``: which ReLUs a toy network can do without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options


def linearize(
    budget: Annotated[
        str,
        typer.Option(help="ReLUs to keep; several for a front, e.g. 200,100,50.", metavar="N,…"),
    ],
    method: Annotated[
        str,
        typer.Option(help="random, snl, autorep, deepreduce, taylor; several with commas, or all."),
    ] = "all",
    replace: Annotated[
        str, typer.Option(help="What takes a ReLU's place: identity or poly2 (a parabola).")
    ] = "identity",
    by: Annotated[
        str, typer.Option(help="What is left out as one: element or channel.")
    ] = "element",
    data: Annotated[
        str, typer.Option(help="Data set: digits, mnist1d, …, or a file, as for compare.")
    ] = "digits",
    label: Annotated[
        str | None, typer.Option(help="Label column of a file.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="Toy model: mlp or cnn.")] = "mlp",
    hidden: Annotated[
        str | None,
        typer.Option(help="Widths, or channels, e.g. 64,64,32.  \\[default: mlp 128,64; cnn 8,16]",
                     metavar="N,…", show_default=False),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Networks per method and budget.", min=1)] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(help="Of the full network.  \\[default: 40]", show_default=False),
    ] = None,
    search: Annotated[
        int | None, typer.Option(help="For finding masks.  \\[default: 20]", show_default=False)
    ] = None,
    tune: Annotated[
        int | None, typer.Option(help="With fixed masks.  \\[default: 20]", show_default=False)
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.  \\[default: 0.002]", show_default=False)
    ] = None,
    judge: Annotated[
        str,
        typer.Option(help="test, or validation: a fifth of the training part; for tuning."),
    ] = "test",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results.json, the figure and the students.", metavar="DIR"),
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Keep a budget of ReLUs of a toy network; accuracy with intervals, beside random masks.

    Every student begins with the weights of its seed's full network and learns from it, for as many
    epochs whatever the method.
    """
    from rescu_cli.cli import render, report

    with report.training_progress(quiet=json) as progress:
        result = api.linearize(
            method, options.whole_numbers("--budget", budget), data=data, label=label, model=model,
            hidden=options.widths("--hidden", hidden), replace=replace, by=by,
            seeds=seeds, epochs=epochs, search=search, tune=tune, lr=lr, judge=judge, out=out,
            progress=progress,
        )  # fmt: skip
    if json:
        render.emit_json("net linearize", result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    spec, full = result["spec"], result["full"]
    right = {"justify": "right"}
    on = "test part" if spec["judge"] == "test" else "held-out training examples"
    n_seeds = len(spec["seeds"])
    render.table(
        f"{spec['data']}, {spec['model']}, per {spec['by']}, else {spec['replace']}; accuracy on "
        f"the {on}, {n_seeds} seed{'s' * (n_seeds > 1)}",
        [("ReLUs", right), "method", ("accuracy", right), ("95 %", right),
         ("minus random", right), ("95 %", right)],
        [
            (f"{full['relus']:,}", "full", *_shown(full["accuracy"]), "", ""),
            *(
                (_kept(s), s["method"], *_shown(s["accuracy"]), *_beside_random(s))
                for s in result["students"]
            ),
        ],
    )  # fmt: skip
    if any(s["equal_relus"] is False for s in result["students"]):
        render.write_text("* not like with like: random masks kept another number of ReLUs.")
    render.write_text(
        "Front: " + "; ".join(f"{p['kept']:,} {p['method']} {p['accuracy']:.4f}"
                              for p in result["front"])
    )  # fmt: skip
    for student in result["students"]:
        if not student["finite"]:
            cause = "the parabolas escaped" if spec["replace"] == "poly2" else "training diverged"
            render.say(f"{student['method']} at {student['budget']}: not all outputs are finite; "
                       f"{cause}.")  # fmt: skip
    if result["figure"] is not None:
        folder = Path(result["figure"]).parent
        render.write_text(f"Students: {folder / 'students'}")
        render.write_text(result["figure"])


def _kept(student: dict[str, Any]) -> str:
    least, most = min(student["kept_per_seed"]), max(student["kept_per_seed"])
    return f"{least:,} … {most:,}" if least < most else f"{most:,}"


def _beside_random(student: dict[str, Any]) -> tuple[str, str]:
    if student["against_random"] is None:
        return "", ""
    mean, interval = _shown(student["against_random"], "+")
    return mean + "*" * (not student["equal_relus"]), interval


def _shown(found: dict[str, Any], sign: str = "") -> tuple[str, str]:
    ends = found["ci"]
    interval = "–" if ends is None else f"{ends[0]:{sign}.3f} … {ends[1]:{sign}.3f}"
    return f"{found['mean']:{sign}.4f}", interval
