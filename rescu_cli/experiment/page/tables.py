"""Tables and numbers as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Any

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        html: What is shown.
        value: What it is sorted by; None for text, NaN for a number that is missing.
        kind: Its class, if any.
    """

    html: str
    value: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Args:
        html: What is shown.
        numeric: Whether it is set right.
        sortable: Whether a reader may sort by it.
    """

    html: str
    numeric: bool = False
    sortable: bool = True


def table(label: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str:
    """A table that scrolls by itself where the screen is narrow; the first column stays in sight.

    Args:
        label: What it shows, for those who cannot see it.
        columns: Its head.
        rows: Its body.
    """
    head = "".join(
        f'<th scope="col"{_kind("n" if c.numeric else "")}{"" if c.sortable else " data-fixed"}>'
        f"{c.html}</th>"
        for c in columns
    )
    body = "".join(f"<tr>{_row(columns, row)}</tr>\n" for row in rows)
    # A region that scrolls must take the focus, or a keyboard cannot scroll it.
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">'
        f'<table class="sortable"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
        "</div>"
    )


def _row(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    found = []
    for position, (column, cell) in enumerate(zip(columns, row, strict=True)):
        tag = 'th scope="row"' if position == 0 else "td"
        kind = _kind(cell.kind or ("n" if column.numeric else ""))
        found.append(f"<{tag}{kind}{_sort_key(cell.value)}>{cell.html}</{tag[:2]}>")
    return "".join(found)


def _kind(name: str) -> str:
    return f' class="{name}"' if name else ""


def _sort_key(value: float | None) -> str:
    if value is None:
        return ""
    return f' data-v="{value!r}"' if isfinite(value) else ' data-v=""'


def text(value: object, kind: str = "") -> Cell:
    """Any text."""
    return Cell(breakable(value), kind=kind)


def breakable(value: object) -> str:
    """Text that a narrow column breaks between parameters, not inside ``g_minus=0.01``."""
    return escape(str(value)).replace(",", ",<wbr>").replace(":", ":<wbr>")


def number(value: float | None, shown: str | None = None) -> Cell:
    """A number, or a dash."""
    if value is None:
        return Cell("–", float("nan"))
    return Cell(escape(f"{value:.3g}" if shown is None else shown), float(value))


def p_value(value: float | None) -> Cell:
    """A probability, or a dash."""
    return number(value, None if value is None else written_p(value))


def written_p(value: float) -> str:
    """``0.0032``, or that it is below 0.0001."""
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def estimate(entry: Mapping[str, Any], key: str, *, signed: bool = False) -> Cell:
    """A value with its interval over seeds and, below, that over test examples."""
    value = entry[key]
    if value is None:
        return number(None)
    lines = [written(value, signed=signed)]
    for name, what in (("ci", "over seeds"), ("ci_examples", "over test examples")):
        interval = entry.get(name)
        if interval is not None:
            lines.append(f'<small title="95 % {what}">{written_interval(interval)}</small>')
    return Cell("<br>".join(lines), float(value))


def written(value: float, *, signed: bool = False) -> str:
    """Four decimals, or two digits of what these would not show, with a true minus sign."""
    sign = "+" if signed else ""
    beyond = value != 0 and not 5e-5 <= abs(value) < 1e5
    return f"{value:{sign}{'.1e' if beyond else '.4f'}}".replace("-", MINUS)


def written_interval(interval: Sequence[float]) -> str:
    """Both ends."""
    return f"[{written(interval[0])}, {written(interval[1])}]"
