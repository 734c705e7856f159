"""All that is printed: JSON documents, tables, cards, errors. The only importer of rich."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rescu_cli import __version__

SCHEMA = 1
_PLAIN_WIDTH = 120
"""Width of tables that go to a file or a pipe, where no terminal says."""
_MARKS = {"proved": "[green]proved[/]", "refuted": "[red]refuted[/]",
          "undecided": "[yellow]undecided[/]"}  # fmt: skip


def _console(*, err: bool = False) -> Console:
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def emit_json(command: str, result: Any) -> None:
    """The one JSON document of a command; NaN and infinities are refused, not printed."""
    document = {"schema": SCHEMA, "command": command, "version": __version__, "result": result}
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_error(message: str, hint: str = "") -> None:
    """One error on stderr; the caret lines of a parse error stay aligned."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), message))
    if hint:
        console.print(Text(hint, style="dim"))


def say(message: str) -> None:
    """Talk, on stderr."""
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(message, markup=False)


def say_surrogates(entries: Iterable[Mapping[str, Any]]) -> None:
    """What the mark in a table means, for each activation that bears it."""
    from rescu_cli.core.surrogate import marked

    for entry in entries:
        if entry["surrogate"] is not None:
            say(f"{marked(entry)}: {entry['surrogate']}.")


def write_text(text: str) -> None:
    """Data, on stdout, as it is."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def table(
    title: str | None, columns: Sequence[str | tuple[str, Mapping[str, Any]]],
    rows: Iterable[Sequence[Any]], *, err: bool = False, caption: str | None = None,
) -> None:  # fmt: skip
    """A plain table that wraps rather than truncates."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        header, options = (column, {}) if isinstance(column, str) else column
        grid.add_column(header, **{"overflow": "fold", **options})
    for row in rows:
        grid.add_row(*[c if isinstance(c, Text) else _Cell(str(c)) for c in row])
    console = _console(err=err)
    if title:  # beside the grid: rich would wrap it to the width of the columns
        console.print(Text(title, style="bold"))
    console.print(grid)
    if caption:
        console.print(Text(caption, style="dim italic"))


class _Cell:
    """Text of a table, not markup; too long a word breaks behind a sign, not inside a number."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, Text(self._text))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(broken(self._text, options.max_width))


def broken(text: str, width: int) -> str:
    """``text`` with line ends behind ``: , * /`` of words that are wider than ``width``.

    Example:
        >>> broken("gsmelu:alpha=1,beta=2,g_minus=0 once", 23).splitlines()
        ['gsmelu:alpha=1,beta=2,', 'g_minus=0 once']
        >>> broken("x**2*sigmoid(cosh(x))", 17).splitlines()
        ['x**2*', 'sigmoid(cosh(x))']
    """

    def split(word: re.Match[str]) -> str:
        lines = [""]
        for part in re.split(r"(?<=[:,/])|(?<=[^*]\*)(?!\*)", word[0]):
            if lines[-1] and cell_len(lines[-1] + part) > width:
                lines.append("")
            lines[-1] += part
        return "\n".join(lines)

    return re.sub(r"\S+", lambda word: split(word) if cell_len(word[0]) > width else word[0], text)


def number(value: float | None, digits: int = 4) -> str:
    """A number for reading; '–' where there is none."""
    return "–" if value is None else f"{value:.{digits}g}"


def print_card(card: Any) -> None:
    """The property card of an activation: formula, pieces, parameters, claims."""
    from rescu_cli.core.surrogate import label
    from rescu_cli.core.symbols import spell

    act = card.activation
    console = _console()
    console.print(Text(act.spec, style="bold"), Text(f"  {act.summary}"))
    warning = label(act)
    slope = "f'(x)" if warning is None else "backward"
    if warning is not None:
        console.print(Text(f"  surrogate gradient: {warning}", style="yellow"))
    for line in _pretty("f(x) = ", act.value, console.width):
        console.print(Text("  " + line), soft_wrap=True)
    console.print()
    if len(act.pieces) > 1:
        table(
            None,
            ["from", "to", "f(x)", slope],
            [(p.lower, p.upper, spell(p.value), spell(p.gradient)) for p in act.pieces],
        )
    else:
        console.print(Text(f"  {slope} = {spell(act.gradient)}"), soft_wrap=True)
        console.print()
    if act.parameters:
        table(
            None,
            ["parameter", "value", "domain", "default", "meaning"],
            [
                (p.name, "free" if p.value is None else p.value, p.domain.describe(p.name),
                 "–" if p.default is None else p.default, p.meaning)
                for p in act.parameters
            ],
        )  # fmt: skip
    print_claims(card.certificate)
    facts = [
        ("anchor", act.anchor or "given"),
        ("closed form", "yes" if act.closed_form else "no: values by quadrature with error bound"),
        ("init gain", number(card.gain, 8) if card.gain else "bind the parameters to get it"),
        ("ties", ", ".join(f"{b}: {o} piece" for b, o in zip(act.breakpoints, act.owners,
                                                            strict=True)) or "none"),
    ]  # fmt: skip
    if act.source is not None:
        facts.append(
            ("source", str(act.source) + (f" ({act.source.url})" if act.source.url else ""))
        )
    facts += [("note", n) for n in card.notes]
    width = max(len(k) for k, _ in facts)
    for key, text in facts:
        console.print(Text(f"{key:>{width}}  ", style="dim").append(text, style="not dim"))


def _pretty(left: str, expr: Any, width: int) -> list[str]:
    """Two-dimensional typesetting where it fits, one line otherwise."""
    import sympy as sp

    from rescu_cli.core.symbols import spell

    order = "none" if expr.has(sp.Integral) else None  # sorting would evaluate the integrals
    drawn: str = sp.pretty(expr, use_unicode=True, wrap_line=False, order=order)
    lines = drawn.splitlines()
    if max(map(len, lines)) + len(left) + 2 > width or len(lines) > 24:
        return [left + spell(expr)] if expr.func is not sp.Piecewise else [left + "see the pieces"]
    middle = len(lines) // 2
    return [(left if i == middle else " " * len(left)) + line for i, line in enumerate(lines)]


_SCALING = re.compile(r"(?:; )?(by scaling from .*)$")


_ENGINES = {"exact": "by exact arithmetic", "z3": "by z3", "ball": "by ball arithmetic"}


def print_claims(certificate: Any) -> None:
    """One row per claim with its verdict, value, assumptions and method, or the reason.

    A family that scales is proved at one width; that argument is the same for every claim and is
    printed once, below.
    """
    rows, footnotes = [], []
    for claim in certificate.claims:
        data = claim.to_dict()
        reason, star = data["reason"] or "", ""
        if found := _SCALING.search(reason):
            footnotes.append(found[1])
            reason, star = reason[: found.start()], "*"
        engine = _ENGINES.get(data["method"], data["method"] or "")
        if data["method"] != "exact" or not (reason or data["witness"]):
            reason = "; ".join(part for part in (engine, reason) if part)
        if data["witness"]:
            witness = "witness " + ", ".join(f"{k}={v}" for k, v in data["witness"].items())
            reason = f"{witness}; {reason}" if reason else witness
        rows.append(
            (
                data["claim"],
                Text.from_markup(_MARKS[data["status"]]),
                _value(data["value"]) + (f" (±{data['error']})" if data["error"] else ""),
                (data["for_all"] or "") + star,
                reason,
            )
        )
    caption = "; ".join(f"* {note}" for note in dict.fromkeys(footnotes)) or None
    table(None, ["claim", "verdict", "value", "for all", "how, or why not"], rows, caption=caption)


def print_recheck(found: Any) -> None:
    """One row per claim: the verdict, whether its evidence holds, and which engines hold it."""
    marks = {True: "[green]stands[/]", False: "[bold red]falls[/]", None: "[yellow]open[/]"}
    rows = [
        (
            c.claim,
            Text.from_markup(_MARKS[c.status.value]),
            Text.from_markup(marks[c.stands]),
            ", ".join(f"{n} {_BY.get(by, by)}" for by, n in sorted(c.steps.items())),
            c.reason or "",
        )
        for c in found.claims
    ]
    table(
        f"Certificate of {found.spec}",
        ["claim", "verdict", "evidence", "statements replayed", "what is wrong"],
        rows,
        caption="a claim without its evidence is no claim" if found.fallen else None,
    )


_BY = {"again": "decided again"}


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def panel(title: str, lines: Iterable[str], *, err: bool = False) -> None:
    """A few lines in a box."""
    body = Text("\n").join(Text(line) for line in lines)
    _console(err=err).print(Panel(body, title=title, title_align="left", box=box.ROUNDED))
