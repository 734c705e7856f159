"""``rescu net regions``: where a network is affine, and its decision boundary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli import api
from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def regions(
    networks: Annotated[
        list[str],
        typer.Argument(
            metavar="NET…",
            help="FILE.npz with W0, b0, W1, …; a saved module FILE.pt; or path.py:name, which runs "
            "the file. Several are drawn side by side: one network over its training, say.",
        ),
    ],
    box: Annotated[
        str | None,
        typer.Option(
            help="Ends of the slice.  \\[default: -1,1,-1,1]", metavar="XMIN,XMAX,YMIN,YMAX",
            show_default=False,
        ),
    ] = None,
    slice_: Annotated[
        Path | None,
        typer.Option(
            "--slice",
            help="For more than two inputs: .npz with points (3, …), or origin and directions "
            "(2, …).",
            metavar="FILE.npz",
        ),
    ] = None,
    approx: Annotated[
        str | None,
        typer.Option(
            help="Lines per curved piece, in place of smooth activations; with a proved error.",
            metavar="pwl:K",
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Rational arithmetic, for small networks.")
    ] = False,
    max_regions: Annotated[
        int | None, typer.Option(help="Stop with so many.", min=1, show_default=False)
    ] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoints",
            help="Later states of the one network, each a file as NET; drawn in order.",
            metavar="FILE",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Polygons, maps and segments: .json or .npz.", metavar="FILE"),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Figure: .png, .svg or .pdf.", metavar="FILE")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Find every region on which a piecewise-linear network is affine, on a 2-D slice.

    Exact but for rounding; with --exact, without. SmeLU's three zones of the first layer are exact
    too; other smooth activations need --approx.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically
    from rescu_cli.network.regions.describe import save

    named = [*networks, *map(str, checkpoints or [])]
    if out is not None and len(named) > 1:
        raise UsageError(f"'--out' is for one network; {len(named)} are given.")
    if plot is not None and plot.suffix.removeprefix(".") not in ("png", "svg", "pdf"):
        raise UsageError(f"'--plot {plot}': figures are written as .png, .svg or .pdf.")
    ends = _ends(box)
    found = [
        api.regions(
            name, box=ends, where=slice_, approx=approx, exact=exact, max_regions=max_regions
        )
        for name in named
    ]
    results = [
        {"network": name, **api.regions_summary(one)}
        for name, one in zip(named, found, strict=True)
    ]
    if out is not None:
        save(found[0], out)
        render.say(f"Wrote {out}")
    if plot is not None:
        from rescu_cli.plot import figure_bytes

        figure = api.draw_regions(found, [_title(r, many=len(named) > 1) for r in results])
        write_atomically(plot, figure_bytes(figure, plot.suffix))
    if json:
        one = len(results) == 1
        render.emit_json("net regions", results[0] if one else {"networks": results})
        return
    for result in results:
        _print(result)
    if plot is not None:
        render.write_text(str(plot))


def _ends(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"'--box {text}' is not understood; write xmin,xmax,ymin,ymax, e.g. -1,1,-1,1."
        ) from None


def _title(result: dict[str, Any], *, many: bool) -> str:
    more = "" if result["complete"] else " and more"
    end = "\n" if many else ": "
    return f"{Path(result['network']).name}{end}{result['n_regions']:,} regions{more}"


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    render.table(
        f"{result['network']}: {result['n_regions']:,} regions ({result['arithmetic']})",
        ["behind layer", ("units", right), ("regions", right), ("mean vertices", right),
         ("mean eccentricity", right)],
        [
            (
                layer["label"], str(layer["n_units"] or "–"), f"{layer['n_regions']:,}",
                f"{layer['vertices']:.3f}", f"{layer['eccentricity']:.3f}",
            )
            for layer in result["layers"]
        ],
    )  # fmt: skip
    render.table(
        None,
        ["of a region", ("least", right), ("median", right), ("mean", right), ("largest", right)],
        [
            (name.replace("_", " "), *(f"{s[key]:.4g}" for key in ("min", "median", "mean", "max")))
            for name, s in result["statistics"].items()
        ],
    )
    missing = result["areas_sum"] - result["box_area"]
    render.write_text(
        f"Areas sum to {result['areas_sum']:.12g} of {result['box_area']:.12g} (off by "
        f"{missing:.1e})."
    )
    if result["boundary_length"] is not None:
        render.write_text(f"Decision boundary: length {result['boundary_length']:.6g}.")
    for b in result["boundaries"]:
        if b["n_flat"]:
            pair = (
                "output" if b["pair"][1] is None else f"outputs {b['pair'][0]} and {b['pair'][1]}"
            )
            render.write_text(f"{pair}: equal everywhere on {b['n_flat']} regions.")
    if not result["complete"]:
        render.write_text("Stopped by --max-regions: these are not all.")
    if result["zones"] is not None:
        render.write_text(result["zones"]["statement"])
    for one in result["surrogates"] or ():
        render.write_text(
            f"Layer {one['layer']}: {one['n_lines']} lines stand in for {one['activation']}, off "
            f"by at most {one['sup_error']:.3g} (proved) on [{one['low']:.3g}, {one['high']:.3g}]."
        )
    if result["output_error"] is not None:
        render.write_text(
            f"The outputs are off by at most {result['output_error']:.3g} for it (proved)."
        )
