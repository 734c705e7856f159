"""How an audit of foreign code looks in the terminal, and which exit status it has."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from rescu_cli import api
from rescu_cli.audit.checks.accuracy import ALONE
from rescu_cli.cli import render
from rescu_cli.errors import ExitCode

if TYPE_CHECKING:
    from rescu_cli.audit import AuditReport, Check

_STYLES = {"ok": "green", "note": "yellow", "failed": "red", "skipped": "dim"}
_MANY = 1e6
"""More ulps than this say only that the digits are others."""


def run(
    name: str,
    against: str | None,
    required: Sequence[str],
    overrides: Mapping[str, Any],
    out: Path | None,
    *,
    json: bool,
) -> None:
    """Audit ``path.py:name``, print the report, and leave with its exit status.

    Args:
        name: The callable.
        against: What it claims to be; None to be told what it is.
        required: Claims; a black box can only be refuted.
        overrides: Numbers for parameters.
        out: Where to write the report, too.
        json: Print the JSON document instead.
    """
    from rescu_cli.core.files import write_json

    report = api.examine(name, against, require=required, overrides=overrides)
    if out is not None:
        write_json(out, report.to_dict())
        render.say(f"Wrote {out}")
    if json:
        render.emit_json("verify", report.to_dict())
    else:
        _print(report)
    status = {c.claim: c.status for c in report.claims}
    if report.verdict == "disagrees" or "refuted" in status.values():
        raise typer.Exit(ExitCode.REFUTED)
    if status:
        raise typer.Exit(ExitCode.UNDECIDED)


def _print(report: AuditReport) -> None:
    claimed = report.against or "no claim"
    taken = ", ".join(f"{k}={v:g}" for k, v in report.taken.items())
    called = f"called with {taken}" if taken else "called with x alone"
    title = f"{report.callable} ({report.framework}, {called}) against {claimed}"
    rows = [_row(checks) for checks in _grouped(report.checks)]
    right, whole = {"justify": "right"}, {"no_wrap": True}
    render.table(
        title,
        [("check", whole), ("format", whole), ("status", whole), ("inputs", right),
         ("worst ulp", right), ("of allowed", right)],
        rows,
        caption="worst ulp: largest error in units of the truth's last place, tiny in tails; "
        "of allowed: share of what counts as rounding at the worst input (docs/audit.md)",
    )  # fmt: skip
    witnesses = [_point(c) for c in report.failed if c.worst_x is not None and c.found is not None]
    if witnesses:
        render.panel("Witnesses", witnesses)
    notes = list(dict.fromkeys(
        f"{c.check} {c.dtype}: {c.note}" for c in report.checks if c.note and c.status == "note"
    ))  # fmt: skip
    if notes:
        render.panel("Worth knowing", [f"• {n}" for n in _merged(notes)])
    if report.claims:
        render.table(
            "Required claims (a black box can be refuted, never proved)",
            ["claim", "verdict", "how, or why not"],
            [(c.claim, Text(c.status, "red" if c.status == "refuted" else "yellow"),
              _witness(c.witness) + c.reason) for c in report.claims],
        )  # fmt: skip
    calm = _nothing(report) if report.verdict == "agrees" else []
    render.panel(_headline(report), [*calm, *[f"• {s}" for s in report.diagnosis]])


def _headline(report: AuditReport) -> str:
    if report.verdict is None:
        return "What it computes"
    return f"{report.callable.rpartition('/')[2]} {report.verdict} with {report.against}"


def _nothing(report: AuditReport) -> list[str]:
    n = sum(c.n_inputs for c in report.checks if c.status in ("ok", "note"))
    but = (
        ", but for what is worth knowing above" if any(ALONE in d for d in report.diagnosis) else ""
    )
    return [f"No difference beyond rounding{but}, at {n:,} inputs. That is evidence, not a proof."]


def _point(check: Check) -> str:
    """``value float32: f(0.5) = 0.25, not 0.5625``."""
    name = "f'" if "gradient" in check.check or check.check == "tie" else "f"
    if check.check == "input kept":
        name = "input after f"
    text = f"{check.check} {check.dtype}: {name}({_cell(check.worst_x)}) = {_cell(check.found)}"
    return text if check.expected is None else f"{text}, not {_cell(check.expected)}"


def _grouped(checks: Iterable[Check]) -> list[list[Check]]:
    """Checks of one kind that went well in several formats share a row."""

    def key(check: Check) -> tuple[Any, ...]:
        measured = check.check in ("value", "gradient") or check.status == "failed"
        return (check.check, check.status, check.dtype if measured else "")

    return [list(group) for _, group in itertools.groupby(checks, key)]


def _row(checks: list[Check]) -> tuple[Any, ...]:
    first = checks[0]
    several = list(dict.fromkeys(c.dtype for c in checks))
    formats = several[0] if len(several) == 1 else f"all {len(several)}"
    lone = len(checks) == 1
    return (
        first.check,
        formats,
        Text(first.status, _STYLES[first.status]),
        f"{sum(c.n_inputs for c in checks):,}",
        _ulps(first.max_ulp) if lone else "",
        "" if not lone or first.share is None else _share(first.share),
    )


def _share(value: float) -> str:
    if value < 0.01:
        return "<1%"
    return f"{value:.0%}" if value <= 10 else f"{value:.0e}x" if value > 1e4 else f"{value:.0f}x"


def _ulps(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if value < _MANY else ">1e6"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value + 0.0:.6g}"


def _merged(notes: Sequence[str]) -> list[str]:
    """Notes that differ only in the format, with the formats together."""
    by_text: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        head, _, text = note.partition(": ")
        check, _, dtype = head.rpartition(" ")
        by_text.setdefault((check, text), []).append(dtype)
    return [f"{check} ({', '.join(dtypes)}): {text}" for (check, text), dtypes in by_text.items()]


def _witness(witness: Mapping[str, float] | None) -> str:
    if not witness:
        return ""
    return "witness " + ", ".join(f"{k}={v:.17g}" for k, v in witness.items()) + "; "
