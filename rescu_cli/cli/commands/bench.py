"""``rescu bench``: speed and memory of activations beside torch's own and a plain copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli.cli import options
from rescu_cli.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("bench", rich_help_panel=options.DESIGN)(bench)


def bench(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="ACT…",
            help="NAME[:param=value,…], e.g. relu smelu:beta=0.5, or path.py:name, a torch "
            "callable (this runs the file).",
        ),
    ],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    dtype: Annotated[
        str, typer.Option(help="float32, float16, bfloat16 or float64.")
    ] = "float32",
    size: Annotated[
        int | None,
        typer.Option(help="Elements.  \\[default: 2^22 on cpu, 2^26 on cuda]", show_default=False),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads inside one operation.  \\[default: torch's]",
                                 show_default=False)
    ] = None,
    rounds: Annotated[int, typer.Option(help="Samples of each time.")] = 15,
    modes: Annotated[
        str, typer.Option(help="Of native, eager, compiled; comma-separated.")
    ] = "native,eager,compiled",
    out: Annotated[
        Path | None,
        typer.Option(help="Also draw it: png, svg or pdf by its ending.", metavar="FIGURE"),
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Time activations forward and backward, eager and compiled, and count what they keep.

    All take turns within one run, together with torch's own functions and plain copies.
    """
    from rescu_cli.bench import benchmark
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_atomically

    ending = _ending(out)
    report = benchmark(
        names,
        device=device,
        dtype=dtype,
        size=size,
        threads=threads,
        rounds=rounds,
        modes=[m.strip() for m in modes.split(",") if m.strip()],
    )
    result = report.to_dict()
    if out is not None:
        from rescu_cli.plot.bench import plot_bench
        from rescu_cli.plot.output import figure_bytes

        write_atomically(out, figure_bytes(plot_bench(result), ending, title=" ".join(names)))
        render.say(f"Wrote {out}")
    if json:
        path = None if out is None else str(out.resolve())
        render.emit_json("bench", {**result, "path": path})
        return
    _print(result)


def _ending(out: Path | None) -> str:
    """The figure's format, known before anything is measured."""
    if out is None:
        return ""
    from rescu_cli.plot import FORMATS

    ending = out.suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise UsageError(
            f"Cannot write {out.name!r} as {ending or 'a file without ending'}; choose an ending "
            f"of: {', '.join(FORMATS)}."
        )
    return ending


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    right = {"justify": "right"}
    copies = [("copy", "", _ms(result["copy"]), "", _rate(result["copy"]), "", "", "", ""),
              ("copy into new memory", "", _ms(result["clone"]), "", _rate(result["clone"]), "",
               "", "", "")]  # fmt: skip
    render.table(
        _title(result),
        ["activation", "mode", ("fwd ms", right), ("fwd+bwd ms", right), ("GB/s", right),
         ("GB/s", right), ("of copy", right), ("to native", right), "kept"],
        [*copies, *(_cells(r) for r in result["rows"] if r["failed"] is None)],
        caption="medians; GB/s: bytes that must move (2 passes forward, 5 with backward) over "
        "time, forward then both; of copy and to native: forward + backward; kept: for the "
        "backward pass, bytes per element",
    )  # fmt: skip
    for row in result["rows"]:
        if row["failed"] is not None:
            render.say(f"{row['activation']} {row['mode']} was not measured: {row['failed']}")


def _title(result: dict[str, Any]) -> str:
    load = "" if result["load"] is None else f", load average {result['load']:.1f}"
    return (
        f"{result['size']:,} elements of {result['dtype']} on {result['device']}: "
        f"{result['processor']}, {result['threads']} threads{load}; torch {result['torch']}, "
        f"{result['rounds']} rounds"
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    forward, both = row["forward"], row["forward_backward"]
    ratio = both["to_native"]
    return (
        row["activation"], row["mode"], _ms(forward), _ms(both), _rate(forward), _rate(both),
        f"{both['of_copy']:.0%}", "–" if ratio is None else f"{ratio:.2f}x", _kept(row["saved"]),
    )  # fmt: skip


def _kept(saved: dict[str, Any]) -> str:
    """``input, 4 B``: which tensors, and bytes per element in all."""
    shown = ", ".join(t["which"] for t in saved["tensors"])
    return f"{shown}, {saved['per_element']:.3g} B" if shown else "nothing"


def _ms(timing: dict[str, Any]) -> str:
    return f"{timing['median'] * 1e3:.3g}"


def _rate(timing: dict[str, Any]) -> str:
    return f"{timing['bandwidth'] / 1e9:.3g}"
