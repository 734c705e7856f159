"""``rescu verify ACT --float FORMAT``: every float of a format, as a table or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rescu_cli import api
from rescu_cli.cli import render
from rescu_cli.errors import ExitCode

_FINDINGS = (
    ("beyond", "beyond the bound"),
    ("spurious_nan", "NaN for a number"),
    ("lost_nan", "a number for NaN"),
    ("spurious_inf", "infinite for a finite truth"),
    ("sign", "wrong side of 0"),
    ("zero", "0 for a number, or a number for 0"),
    ("excused", "beyond it as far as rounding x moves f"),
    ("underflow", "beyond it in underflow"),
    ("unknown", "not judged: no truth found"),
)
_FAULTS = ("beyond", "spurious_nan", "lost_nan", "spurious_inf", "sign", "zero")


def run(
    name: str, float_format: str, overrides: Mapping[str, Any], out: Path | None, *, json: bool
) -> None:
    """Check, print the report, and leave with its exit status.

    Args:
        name: The activation.
        float_format: float16, bfloat16, float32 or float64.
        overrides: Numbers for parameters.
        out: Where to write the report, too; unfinished work is kept beside it.
        json: Print the JSON document instead of the table.
    """
    from rescu_cli.core.files import write_json

    partial = None if out is None else out.with_name(out.name + ".partial")
    if partial is not None and partial.exists():
        render.say(f"Going on from {partial}")
    try:
        with _bar(quiet=json) as progress:
            report = api.check_floats(name, float_format, overrides, out, progress)
    except KeyboardInterrupt:
        if partial is not None and partial.exists():
            render.say(f"Kept what is done in {partial}; the same command goes on from there.")
        raise
    result = report.to_dict()
    if out is not None:
        write_json(out, result)
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("verify", result)
    else:
        _print(result)
    if not report.ok:
        render.say("The code disagrees with the function.")
        raise typer.Exit(ExitCode.REFUTED)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with the time left, on stderr, if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Progress(
        TextColumn("floats"), BarColumn(), TextColumn("{task.percentage:>3.0f} %, left"),
        TimeRemainingColumn(), console=Console(file=sys.stderr), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("floats", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(result: Mapping[str, Any]) -> None:
    coverage = "every input" if result["exhaustive"] else "not every input"
    quantities = {what: result[what] for what in ("value", "gradient")}
    right = {"justify": "right"}
    render.write_text(
        f"{result['activation']} in {result['format']}, {result['target']} code: "
        f"{result['n_inputs']:,} inputs, {coverage}"
    )
    render.table(
        None,
        ["what", ("max ulp", right), ("bound", right), "in order", "verdict"],
        [
            (
                what, _short(q["max_ulp"]), _short(q["bound"]), _order(q["monotone"]),
                "agrees" if q["ok"] else "DISAGREES",
            )
            for what, q in quantities.items()
        ],
    )  # fmt: skip
    for what, q in quantities.items():
        if q["max_ulp"]:
            name = "f" if what == "value" else "f'"
            found = _short(float(q["worst_found"]), 10)
            render.write_text(
                f"Worst {what}: {name}({_short(q['worst_x'], 9)}) came out as {found}, "
                f"is {_short(q['worst_true'], 12)}"
            )
    rows = [
        (what, label, f"{q[key]['n']:,}", _short(q[key]["x"], 9), _short(q[key]["ulps"]),
         "fault" if key in _FAULTS else "allowed")
        for what, q in quantities.items()
        for key, label in _FINDINGS
        if q[key]["n"]
    ]  # fmt: skip
    rows += [
        (what, "neighbours in the wrong order", f"{seen['n']:,}", _short(seen["x"], 9),
         _short(seen["ulps"]), "allowed" if q["monotone"]["ok"] else "fault")
        for what, q in quantities.items()
        if (seen := q["monotone"]["violations"])["n"]
    ]  # fmt: skip
    if rows:
        render.table(
            None,
            ["what", "seen", ("results", right), ("e.g. at x", right), ("ulp", right), ""],
            rows,
        )
    versions = ", ".join(f"{k} {v}" for k, v in result["versions"].items())
    render.write_text(f"Ran: {versions}; text sha256 {result['artifact'][:12]}")
    for note in result["notes"]:
        render.say(note)


def _order(order: Mapping[str, Any]) -> str:
    if not order["checked"]:
        return "not asked"
    n = order["violations"]["n"]
    return "all" if n == 0 else f"all but {n:,}"


def _short(value: float | str | None, digits: int = 4) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
