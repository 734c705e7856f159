"""The sections of figures: scores, differences, comparisons, settings, environment, formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rescu_cli.core.surrogate import marked
from rescu_cli.experiment.command import beyond_the_command_line, command_line
from rescu_cli.experiment.page.summary import SCORES, equivalence, score_key
from rescu_cli.experiment.page.tables import (
    Cell,
    Column,
    breakable,
    estimate,
    number,
    p_value,
    table,
    text,
)

_SHOWN_PD = ("pd_l1", "churn")
_INTERVALS = (
    '<p class="note">Below each value, two 95 % intervals: first over seeds (would other seeds '
    "agree?), then over test examples (would another test set agree?).</p>"
)


def section(name: str, heading: str, *content: str) -> str:
    """A section with its heading."""
    return f'<section id="{name}"><h2>{heading}</h2>{"".join(content)}</section>'


def scores(rows: Sequence[Mapping[str, Any]]) -> str:
    """Score, loss and prediction difference of each activation."""
    score = score_key(rows[0])
    shown = [key for key in _SHOWN_PD if key in rows[0]["pd"]]
    columns = [
        Column("activation"),
        *(Column(name, numeric=True) for name in (SCORES[score], "loss")),
        *(Column(f"<code>{key}</code>", numeric=True) for key in shown),
        Column("diverged", numeric=True),
        Column("seconds", numeric=True),
    ]
    body = [
        [
            text(marked(r)),
            estimate(r[score], "mean"),
            estimate(r["loss"], "mean"),
            *(estimate(r["pd"][key], "value") for key in shown),
            number(r["n_diverged"], str(r["n_diverged"])),
            number(r["seconds"], f"{r['seconds']:.1f}"),
        ]
        for r in rows
    ]
    heading = f"{SCORES[score][0].upper()}{SCORES[score][1:]}, loss, prediction difference"
    return section("scores", heading, _INTERVALS, table(heading, columns, body))


def differences(rows: Sequence[Mapping[str, Any]], definitions: Mapping[str, str]) -> str:
    """Every definition of prediction difference, for each activation."""
    heading = "Every definition of prediction difference"
    columns = [
        Column("key"),
        *(Column(breakable(marked(r)), numeric=True) for r in rows),
    ]
    body = [
        [Cell(f"<code>{escape(key)}</code>"), *(estimate(r["pd"][key], "value") for r in rows)]
        for key in definitions
    ]
    note = '<p class="note">Lower is steadier. The formulas are at the end of this page.</p>'
    return section("differences", heading, note, table(heading, columns, body))


def comparisons(found: Sequence[Mapping[str, Any]]) -> str:
    """Each activation against the baseline, metric by metric."""
    heading = "Against the baseline, paired by seed"
    if not found:
        return section("comparisons", heading, "<p>One activation: nothing to compare.</p>")
    columns = [
        Column("activation"),
        Column("metric"),
        Column("verdict"),
        Column("difference", numeric=True),
        Column("p", numeric=True),
        Column("p adjusted", numeric=True),
    ]
    body = [
        [
            text(c["a"]),
            Cell(f"<code>{escape(str(c['metric']))}</code>"),
            text("; ".join(filter(None, [str(c["verdict"]), equivalence(c)])), "verdict"),
            estimate(c, "difference", signed=True),
            p_value(c["p"]),
            p_value(c["p_adjusted"]),
        ]
        for c in found
    ]
    note = (
        f'<p class="note">Differences are those from {escape(str(found[0]["b"]))}. p is adjusted '
        "(Holm) over the activations compared in the same metric.</p>"
    )
    return section("comparisons", heading, note, table(heading, columns, body))


def reproduction(result: Mapping[str, Any]) -> str:
    """The command line that asks for the experiment again."""
    spec = result["spec"]
    margins = [c["equivalence"]["margin"] for c in result["comparisons"] if c.get("equivalence")]
    n_splits = len(result["splits"]["run_dirs"]) if "splits" in result else None
    command = command_line(spec, margins[0] if margins else None, n_splits)
    remarks = beyond_the_command_line(spec)
    listed = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return section(
        "reproduce",
        "To reproduce it",
        f"<pre><code>{escape(command)}</code></pre>",
        f"<ul>{listed}</ul>" if listed else "",
        '<p class="note">Bit-equal results need the same machine, versions and threads.</p>',
    )


def settings(spec: Mapping[str, Any]) -> str:
    """Everything that determines the experiment."""
    rows = "".join(
        f"<dt><code>{escape(str(key))}</code></dt><dd>{_setting(key, value)}</dd>"
        for key, value in spec.items()
    )
    return section("experiment", "The experiment", f"<dl>{rows}</dl>")


def _setting(key: str, value: Any) -> str:
    if key == "activations":
        return "<br>".join(
            f"{escape(str(entry['spec']))} <small>gain {entry['init_gain']:.6g}"
            + (f", lr {entry['lr']:g}" if entry.get("lr") is not None else "")
            + f", <code>{escape(str(entry['digest'])[:12])}</code></small>"
            for entry in value
        )
    if isinstance(value, list | tuple):
        numbers = list(value)
        if len(numbers) > 3 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{numbers[0]} … {numbers[-1]}"
        return escape(", ".join(map(str, value))) or "nothing"
    return "–" if value is None else escape(str(value))


def made_with(environment: Mapping[str, str], spec: Mapping[str, Any]) -> str:
    """Versions and machine; left out if they were not recorded."""
    if not environment:
        return ""
    entries = {**environment, "device": spec.get("device", "cpu")}
    rows = "".join(
        f"<dt>{escape(str(key))}</dt><dd>{escape(str(value))}</dd>"
        for key, value in entries.items()
    )
    return section("environment", "Made with", f"<dl>{rows}</dl>")


def formulas(definitions: Mapping[str, str]) -> str:
    """The formula behind each key of the prediction differences."""
    rows = "".join(
        f"<dt><code>{escape(key)}</code></dt><dd>{escape(definition)}</dd>"
        for key, definition in definitions.items()
    )
    notation = (
        '<p class="note">P[m,n,c] is the probability that model m of M gives class c for example n '
        "of N (of a regression, its output), P̄ the mean over the models, y_n the true class, "
        "p[m,n] the probability of the true class, and with two classes that of class 1.</p>"
    )
    return section("formulas", "Formulas", f"<dl>{rows}</dl>", notation)
