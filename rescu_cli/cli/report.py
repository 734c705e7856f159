"""How a comparison and prediction differences look in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from rescu_cli.cli import render
from rescu_cli.core.surrogate import marked

_HEADLINE = ("accuracy", "auc", "r2", "loss", "pd_l1", "pd_relative", "churn")
_SCORES = ("accuracy", "auc", "r2")


@contextmanager
def training_progress(
    *, quiet: bool = False, what: str = "epochs"
) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with the time left, on stderr, if that is a terminal.

    Yields:
        A function of (done, in all), counting ``what``, or None where nothing should be shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{what}, left"),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    with bar:
        task = bar.add_task("training", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_report(result: Mapping[str, Any]) -> None:
    """Accuracy beside loss beside PD, every PD definition, the comparisons, the advice."""
    rows = result["activations"]
    n_seeds = len(result["spec"]["seeds"])
    right = {"justify": "right"}
    score = next(name for name in _SCORES if name in rows[0])
    # Beside the sum over classes, how often two models disagree, or by how much of a click.
    second = {"accuracy": "churn", "auc": "pd_relative", "r2": "pd_pairwise_l1"}[score]
    render.table(
        f"{result['spec']['data']}, {result['spec']['model']}, {n_seeds} seeds, "
        f"{result['n_models']} models; 95 % intervals over seeds",
        ["activation", (score, right), ("loss", right), ("PD (pd_l1)", right), (second, right)],
        [
            (
                marked(r), _score(r[score]), _score(r["loss"]), _value(r["pd"]["pd_l1"]),
                _value(r["pd"][second]),
            )
            for r in rows
        ],
    )  # fmt: skip
    _print_every_pd(rows, result["formulas"])
    _print_comparisons(result["comparisons"])
    if "splits" in result:
        _print_splits(result["splits"])
    _print_advice(result["advice"])
    render.write_text(f"Run directory: {result['run_dir']}")
    seconds = sum(r["seconds"] for r in rows)
    render.say(f"Training took {seconds:.1f} s for {result['n_models']} models.")


def _print_every_pd(rows: Sequence[Mapping[str, Any]], formulas: Mapping[str, str]) -> None:
    right = {"justify": "right"}
    render.table(
        "Prediction difference, each definition under its own name (lower is better)",
        ["key", *[(marked(r), right) for r in rows]],
        [(key, *[_value(r["pd"][key]) for r in rows]) for key in formulas],
    )
    render.table(None, ["key", "definition"], list(formulas.items()))


def _print_comparisons(comparisons: Sequence[Mapping[str, Any]]) -> None:
    shown = [c for c in comparisons if c["metric"] in _HEADLINE]
    if not shown:
        return
    right = {"justify": "right"}
    render.table(
        f"Against {shown[0]['b']}, paired by seed (p adjusted by Holm)",
        ["activation", "metric", ("difference", right), ("95 % interval", right), ("p", right),
         ("adjusted", right), "verdict"],
        [
            (
                c["a"], c["metric"], _signed(c["difference"]), _interval(c["ci"]),
                render.number(c["p"], 3), render.number(c["p_adjusted"], 3), _verdict(c),
            )
            for c in shown
        ],
        caption="the other definitions are in --json",
    )  # fmt: skip


def _print_splits(splits: Mapping[str, Any]) -> None:
    shown = [d for d in splits["differences"] if d["metric"] in _HEADLINE]
    if not shown:
        return
    right = {"justify": "right"}
    n_splits = len(splits["run_dirs"])
    render.table(
        f"Against {shown[0]['b']} on {n_splits} divisions of the data",
        ["activation", "metric", ("mean difference", right), ("95 % interval", right),
         ("least", right), ("greatest", right), ("lower on", right)],
        [
            (
                d["a"], d["metric"], _signed(d["mean"]), _interval(d["ci"]),
                *_extremes(d["per_split"]), f"{d['n_lower']} of {n_splits}",
            )
            for d in shown
        ],
        caption="intervals over divisions, which overlap: variance (1/K + test/training)·s²",
    )  # fmt: skip


def _extremes(values: Sequence[float | None]) -> tuple[str, str]:
    known = [value for value in values if value is not None]
    return (_signed(min(known)), _signed(max(known))) if known else ("–", "–")


def _verdict(comparison: Mapping[str, Any]) -> str:
    equal = comparison["equivalence"]
    if equal is None:
        return str(comparison["verdict"])
    shown = "" if equal["equivalent"] else " not shown"
    return f"{comparison['verdict']}; equivalence within ±{equal['margin']:g}{shown}"


def print_prediction_difference(result: Mapping[str, Any]) -> None:
    """`rescu pd`: one column per file."""
    files = result["files"]
    score = next(name for name in _SCORES if name in files[0])
    right = {"justify": "right"}
    render.table(
        "Prediction difference, 95 % intervals over models",
        ["key", *[(f"{f['path']} (M={f['n_models']})", right) for f in files]],
        [
            (score, *[_score(f[score]) for f in files]),
            ("loss", *[_score(f["loss"]) for f in files]),
            *[(key, *[_value(f["pd"][key]) for f in files]) for key in result["formulas"]],
        ],
    )
    render.table(None, ["key", "definition"], list(result["formulas"].items()))
    _print_advice(result["advice"])


def _print_advice(sentences: Sequence[str]) -> None:
    if sentences:
        render.panel("What these figures can say", [f"• {s}" for s in sentences])


def _score(score: Mapping[str, Any]) -> str:
    return _with_interval(score["mean"], score["ci"])


def _value(difference: Mapping[str, Any]) -> str:
    return _with_interval(difference["value"], difference["ci"])


def _with_interval(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} ±{(interval[1] - interval[0]) / 2:.4f}"  # both kinds are symmetric


def _interval(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else f"[{interval[0]:.4f}, {interval[1]:.4f}]"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"
