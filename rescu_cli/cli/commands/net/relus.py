"""``rescu net relus``: how many ReLUs a network evaluates, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def relus(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NET",
            help="resnet18, resnet34, wrn22_8, vgg16 (…_imagenet: large images), FILE.npz, "
            "FILE.pt, or path.py:name, which runs the file.",
        ),
    ],
    shape: Annotated[
        str | None,
        typer.Option("--input", help="Shape of one example, e.g. 3x32x32.", metavar="SHAPE",
                     show_default=False),
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(help='Cost model of private inference, e.g. "relu=20us,mac=0.5ns".',
                     metavar="COSTS", show_default=False),
    ] = None,
    stem: Annotated[
        str | None,
        typer.Option(help="Layers whose ReLUs are the stem's, comma-separated, or none.  "
                     "\\[default: seen from the structure]", metavar="NAMES", show_default=False),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(help="Classes of a built-in network.", min=1, show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the report.", metavar="FILE.json")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Count ReLUs per layer and stage, with and without the stem, and FLOPs, for one example.

    1 MAC is one multiplication with its addition, and counts as 2 FLOPs.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json

    result = api.count_relus(network, shape, latency=latency, stem=_names(stem), classes=classes)
    if out is not None:
        write_json(out, result)
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("net relus", result)
    else:
        _print(result)


def _names(stem: str | None) -> list[str] | None:
    if stem is None or stem.strip() == "none":
        return None if stem is None else []
    names = [name.strip() for name in stem.split(",")]
    if "" in names or "none" in names:
        raise UsageError(f"Cannot read --stem {stem!r}; write names of layers with commas between, "
                         "or none alone.")  # fmt: skip
    return names


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.network.relus.operations import UNKNOWN

    right = {"justify": "right"}
    render.table(
        f"{result['model']} on {'x'.join(map(str, result['input']))}",
        ["layer", "stage", "output", ("ReLUs", right), ("MACs", right)],
        [
            (row["name"], _stage(row),
             "x".join(map(str, row["shape"])), _count(row["relus"]), _count(row["macs"]))
            for row in result["layers"]
        ],
    )  # fmt: skip
    render.table(
        None,
        ["stage", ("ReLUs", right), ("share", right)],
        [(k, f"{v:,}", f"{v / result['total']:.1%}") for k, v in result["by_stage"].items()],
    )
    without = "" if result["stem"] else " (no stem was seen)"
    render.write_text(
        f"ReLUs: {result['total']:,}; without the stem {result['total_without_stem']:,}{without}"
    )
    render.write_text(
        f"MACs: {result['macs']:,} ({result['flops']:,} FLOPs); parameters: "
        f"{result['n_parameters']:,}"
    )
    for name, count in result["others"].items():
        if name.startswith(UNKNOWN):
            render.write_text(
                f"Not recognised, so perhaps not linear: {name.removeprefix(UNKNOWN)} {count:,}"
            )
        else:
            render.write_text(f"Not linear either: {name} {count:,}")
    if result["latency"] is not None:
        cost = result["latency"]
        render.write_text(
            f"Latency by the model: {_time(cost['relu_seconds'])} for ReLUs + "
            f"{_time(cost['mac_seconds'])} for MACs = {_time(cost['seconds'])}"
        )


def _stage(row: dict[str, Any]) -> str:
    if not row["stem_relus"]:
        return str(row["stage"])
    return "stem" if row["stem_relus"] == row["relus"] else f"stem, {row['stage']}"


def _count(number: int) -> str:
    return f"{number:,}" if number else "–"


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds / 1e-9:.4g} ns"
