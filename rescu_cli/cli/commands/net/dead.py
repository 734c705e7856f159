"""``rescu net dead``: the share of units that are off, on some inputs or on all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options


def dead(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="FILE.npz of weights W0,b0,…, a saved module FILE.pt, or path.py:name (this runs "
            "the file).",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(help="A data set (digits, mnist1d, …), or an .npz with an array x (N, …)."),
    ],
    part: Annotated[
        str, typer.Option(help="Of a data set by name: test, train or all.")
    ] = "test",
    threshold: Annotated[
        float, typer.Option(help="A unit is off where the size of its output is at most this.")
    ] = 0.0,
    saturation: Annotated[
        float, typer.Option(help="A unit is saturated where |f'| (what is passed backward) is "
                     "below this.")
    ] = 0.01,
    batch_size: Annotated[
        int, typer.Option(help="Inputs at once; the result does not depend on it, unless a note "
                               "says so.")
    ] = 256,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", help="A module to take for an activation too, by its name.",
                     metavar="NAME"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the result.", metavar="FILE.json")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Static, dynamic and total dead-unit rate of a torch model on a data set, per activation.

    Static: units off on every input. Dynamic: average over inputs of the units off there, but not
    everywhere. Total: their sum. A unit is one element of an activation's output.
    """
    from rescu_cli.api.dying import is_file
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json

    found = api.dead_units(
        model, data, part=part, threshold=threshold, saturation=saturation,
        batch_size=batch_size, layers=layers or (),
    )  # fmt: skip
    result = {
        "model": model, "data": data, "part": None if is_file(data) else part,
        **found.to_dict(),
    }  # fmt: skip
    if out is not None:
        write_json(out, result)
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("net dead", result)
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render
    from rescu_cli.core.surrogate import MARK

    unknown = any(p["saturated"] is None for p in result["places"])
    rows = [_row(_name(p), p["elements"], p["saturated"]) for p in result["places"]]
    everything = result["all"]
    if len(rows) > 1:
        rows.append(_row("all", everything["elements"], everything["saturated"]))
    size = f"{result['threshold']:g}"
    right = {"justify": "right"}
    surrogates = {p["kind"]: {"activation": p["kind"], "surrogate": p["surrogate"]}
                  for p in result["places"] if p["surrogate"] is not None}  # fmt: skip
    columns: list[Any] = ["activation", ("units", right)]
    columns += [(n, right) for n in ("static", "dynamic", "total", "saturated", "always")]
    render.table(
        f"Dead units of {result['model']} on {result['n_inputs']} inputs of {result['data']}",
        columns, rows,
        caption=f"percent. off: |output| <= {size}, per element. static: on every input; dynamic: "
        "average over inputs of those off there, but not everywhere; total: both. saturated: "
        f"pairs of input and unit with |f'| < {result['saturation_tolerance']:g}; always: units "
        "where that holds on every input."
        + (f" {MARK}: f' is what is passed backward, not the gradient." if surrogates else "")
        + (" –: not elementwise, or without a gradient." if unknown else ""),
    )  # fmt: skip
    channels = [p for p in result["places"] if p["channels"] is not None]
    if channels:
        render.table(
            "Whole channels: off where all their positions are",
            ["activation", "axis of (batch, …)", ("channels", right), *columns[2:5]],
            [
                (_name(p), _axis(p), p["channels"]["n_units"], *_shares(p["channels"]))
                for p in channels
            ],
        )
    render.say_surrogates(surrogates.values())
    for note in result["notes"]:
        render.say(note)


def _name(place: dict[str, Any]) -> str:
    """``act: GELU``; a call has its function in its name already. Marked if it is a surrogate."""
    from rescu_cli.core.surrogate import marked

    kind = place["kind"].partition("(")[0]
    name = str(place["name"]) if kind in place["name"] else f"{place['name']}: {kind}"
    return marked({"activation": name, "surrogate": place["surrogate"]})


def _axis(place: dict[str, Any]) -> str:
    """``2nd of 4``."""
    axis = place["channel_axis"] + 1
    ordinal = {2: "2nd", 3: "3rd"}.get(axis, f"{axis}th")
    return f"{ordinal} of {len(place['shape']) + 1}"


def _row(name: str, off: dict[str, Any], saturated: dict[str, Any] | None) -> Any:
    slopes = ("–", "–") if saturated is None else (
        _percent(saturated["total"]), _percent(saturated["static"])
    )  # fmt: skip
    return (name, off["n_units"], *_shares(off), *slopes)


def _shares(counts: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_percent(counts[key]) for key in ("static", "dynamic", "total"))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
