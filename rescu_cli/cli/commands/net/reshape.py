"""``rescu net reshape``: channel multipliers that put ReLUs where they matter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError

_MOST_IN_ONE_TABLE = 4
"""Stages whose counts fit beside their ratios into 80 columns; numbers are not to be broken."""


def reshape(
    order: Annotated[
        str,
        typer.Option(help="Stages, most critical first, e.g. S3,S2,S4,S1.", metavar="S…,S…"),
    ],
    stages: Annotated[
        int | None,
        typer.Option(help="Number of stages.  \\[default: as many as named]", show_default=False),
    ] = None,
    ties: Annotated[
        bool, typer.Option("--ties", help="Neighbours in the order may have equally many ReLUs.")
    ] = False,
    least: Annotated[
        int, typer.Option("--min", help="Smallest multiplier; 2: every stage widens.")
    ] = 1,
    largest: Annotated[
        int | None,
        typer.Option("--max", help="Largest multiplier.  \\[default: none is cut off]",
                     show_default=False),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(help="Of the first stage.  \\[default: 64; with --train 2]",
                     show_default=False),
    ] = None,
    size: Annotated[
        int, typer.Option(help="Side of the first stage, for the counts; halves in each next one.")
    ] = 32,
    layers: Annotated[int, typer.Option(help="ReLU layers per stage, for the counts.")] = 4,
    train: Annotated[
        str | None,
        typer.Option(help="Train a small network with these multipliers, or with the first "
                     "solution, beside a plain one with as many ReLUs.", metavar="A,B,C|first",
                     show_default=False),
    ] = None,
    data: Annotated[str, typer.Option(help="Square images to train on.")] = "digits",
    seeds: Annotated[int, typer.Option(help="Networks of each kind.", min=1)] = 3,
    epochs: Annotated[int, typer.Option(help="Of each network.", min=1)] = 30,
    judge: Annotated[str, typer.Option(help="test or validation.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Write the report.", metavar="FILE.json")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Find all minimal channel multipliers whose stages' ReLUs follow an order of criticality.

    Minimal: no other solution is at most as large in every multiplier. The search is exact.
    """
    from rescu_cli.cli import render, report
    from rescu_cli.core.files import write_json

    result = api.reshape(order, stages=stages, ties=ties, least=least, largest=largest,
                         channels=64 if channels is None else channels, size=size,
                         layers=layers)  # fmt: skip
    result["trained"] = None
    if train is not None:
        chosen = _chosen(train, result)
        with report.training_progress(quiet=json) as progress:
            result["trained"] = api.train_reshaped(
                chosen, data=data, channels=2 if channels is None else channels, seeds=seeds,
                epochs=epochs, judge=judge, order=order, ties=ties, progress=progress,
            )  # fmt: skip
    if out is not None:
        write_json(out, result)
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("net reshape", result)
    else:
        _print(result)


def _chosen(text: str, result: dict[str, Any]) -> list[int]:
    if text == "first":
        if not result["solutions"]:
            raise UsageError("There is no solution to train; raise --max.")
        first: list[int] = result["solutions"][0]
        return first
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != len(result["order"]) - 1 or min(found) < 1:
        raise UsageError(f"Cannot read --train {text!r}; write {len(result['order']) - 1} "
                         "multipliers like 5,5,3, or first.")  # fmt: skip
    return found


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    network = result["network"]
    sign = " ≥ " if result["ties"] else " > "
    names = [f"S{k + 1}" for k in range(len(result["order"]))]
    title = (
        f"{sign.join(result['order'])}: minimal multipliers; ReLUs for {network['channels']} "
        f"channels, {network['size']}x{network['size']}, {network['layers_per_stage']} layers per "
        "stage"
    )
    if result["details"]:
        number = {"justify": "right", "no_wrap": True, "overflow": "ellipsis"}
        solutions = [", ".join(map(str, d["multipliers"])) for d in result["details"]]
        ratios = [" : ".join(d["ratios"]) for d in result["details"]]
        counts = [[f"{n:,}" for n in d["relus"]] for d in result["details"]]
        totals = [f"{d['total']:,}" for d in result["details"]]
        stages = [(name, number) for name in names]
        if len(names) <= _MOST_IN_ONE_TABLE:
            render.table(
                title, ["multipliers", "ratios", *stages, ("total", number)],
                [(s, r, *c, t)
                 for s, r, c, t in zip(solutions, ratios, counts, totals, strict=True)],
            )  # fmt: skip
        else:
            render.table(title, ["multipliers", "ratios", ("total", number)],
                         zip(solutions, ratios, totals, strict=True))  # fmt: skip
            render.table("ReLUs of each stage", ["multipliers", *stages],
                         [(s, *c) for s, c in zip(solutions, counts, strict=True)])  # fmt: skip
    else:
        render.write_text(f"{title}: none from {result['least']} to {result['largest']}.")
    if not result["complete"]:
        render.say(f"--max {result['largest']} may have cut off solutions.")
    if result["trained"] is not None:
        _print_trained(result["trained"])


def _print_trained(trained: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    n_seeds = len(trained["seeds"])
    render.table(
        f"Trained on {trained['data']}, {n_seeds} seed{'s' * (n_seeds > 1)}, as many ReLUs each",
        ["network", "channels", ("ReLUs", right), ("FLOPs", right), ("parameters", right),
         ("accuracy", right), ("95 %", right)],
        [
            (kind, ", ".join(map(str, t["channels"])), f"{t['relus']:,}", f"{t['flops']:,}",
             f"{t['n_parameters']:,}", f"{t['accuracy']['mean']:.4f}", _ends(t["accuracy"]))
            for kind in ("reshaped", "plain")
            for t in (trained[kind],)
        ],
    )  # fmt: skip
    difference = trained["difference"]
    render.write_text(
        f"reshaped − plain: {difference['mean']:+.4f} (95 %: {_ends(difference, '+')})"
    )


def _ends(found: dict[str, Any], sign: str = "") -> str:
    ends = found["ci"]
    return "–" if ends is None else f"{ends[0]:{sign}.3f} … {ends[1]:{sign}.3f}"
