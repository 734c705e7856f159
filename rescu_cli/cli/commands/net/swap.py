"""``rescu net swap``: the activations of a network exchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rescu_cli.cli import options
from rescu_cli.errors import ExitCode, UsageError


def swap(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="path.py:name of a module, or of what makes one without arguments; runs the file.",
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", help="What to put in, e.g. smelu:beta=1.", metavar="ACT")
    ],
    source: Annotated[
        str, typer.Option("--from", help="What to take out; comma-separated.", metavar="NAMES")
    ] = "relu",
    shapes: Annotated[
        list[str] | None,
        typer.Option("--input", help="Shape of an input, e.g. 1x3x32x32; runs the model before "
                     "and after.", metavar="SHAPE"),
    ] = None,
    untraced: Annotated[
        bool,
        typer.Option("--untraced", help="Redirect also calls in forwards that cannot be traced."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the report.", metavar="FILE.json")
    ] = None,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Exchange a model's activations; list what was exchanged, what was not, and why.

    Nothing is saved but the report: the swapped model is had in Python, by rescu.swap(model, ACT).
    Exit status 1 if something that was asked for stays.
    """
    from rescu_cli.cli import render
    from rescu_cli.core.files import write_json
    from rescu_cli.network import load_model
    from rescu_cli.network import swap as exchange

    names = [n.strip() for n in source.split(",") if n.strip()]
    sizes = [_shape(s) for s in shapes or []]
    network = load_model(model)
    tried = _Trial(network, sizes, names) if sizes else None
    done = exchange(network, to, source=names, untraced=untraced)
    check = None if tried is None else tried.result(done.model)
    result = {"model": model, **done.to_dict(), "check": check}
    if out is not None:
        write_json(out, result)
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("net swap", result)
    else:
        _print(result)
    left = sum(check["calls_after"].values()) if check else 0
    if done.missed or left:
        raise typer.Exit(ExitCode.REFUTED)


class _Trial:
    """The model on fixed random inputs, before and after."""

    def __init__(self, network: Any, sizes: list[tuple[int, ...]], names: list[str]) -> None:
        import torch

        from rescu_cli.network.swapping.trial import outputs

        generator = torch.Generator().manual_seed(0)
        first = next(iter(network.parameters()), torch.zeros(()))
        self.inputs = [
            torch.randn(s, generator=generator).to(first.device, first.dtype) for s in sizes
        ]
        self.sizes, self.names = sizes, names
        self.before = outputs(network, self.inputs)
        self.calls = self._count(network)

    def _count(self, network: Any) -> dict[str, int]:
        from rescu_cli.network import count_calls

        was = {m: m.training for m in network.modules()}
        network.eval()
        try:
            return count_calls(network, [i.clone() for i in self.inputs], self.names)
        finally:
            for module, training in was.items():
                module.training = training

    def result(self, network: Any) -> dict[str, Any]:
        from rescu_cli.network import largest_change
        from rescu_cli.network.swapping.trial import outputs

        after = outputs(network, self.inputs)
        change = largest_change(self.before, after)
        return {
            "inputs": [list(s) for s in self.sizes],
            "calls_before": self.calls,
            "calls_after": self._count(network),
            "largest_change": change if change == change else None,
            "finite": all(bool(t.isfinite().all()) for t in after),
        }


def _shape(text: str) -> tuple[int, ...]:
    """``1x3x32x32`` → (1, 3, 32, 32)."""
    try:
        sizes = tuple(int(part) for part in text.lower().split("x"))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise UsageError(f"Cannot read the shape {text!r}; write it like 1x3x32x32.")
    return sizes


def _print(result: dict[str, Any]) -> None:
    from rescu_cli.cli import render

    if result["replaced"]:
        render.table(
            f"Replaced by {result['to']}",
            ["name", "what", "old", "new"],
            [(r["name"], r["kind"], r["old"], r["new"]) for r in result["replaced"]],
        )
    else:
        render.write_text(f"No {' or '.join(result['from'])} was replaced.")
    if result["kept"]:
        render.table(
            "Not replaced",
            ["name", "what", "why"],
            [(k["name"], k["old"], k["reason"]) for k in result["kept"]],
        )
    check = result["check"]
    if check is not None:
        shapes = ", ".join("x".join(map(str, s)) for s in check["inputs"])
        before, after = (sum(check[k].values()) for k in ("calls_before", "calls_after"))
        render.write_text(
            f"Runs on {shapes}: calls of {', '.join(result['from'])} {before} before, {after} "
            f"after; largest change of an output {render.number(check['largest_change'])}"
            + ("" if check["finite"] else "; not all outputs are finite")
        )
        for name, count in check["calls_after"].items():
            render.say(f"{name} still makes {count} of them.")
