"""Covers as plain data: the ends of the boxes, and the rule that holds on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from rescu_cli.certify.enclosure.boxes import Box
from rescu_cli.certify.enclosure.cover import FAR_LEMMA, Cover
from rescu_cli.core.parse import parse_exact
from rescu_cli.errors import UsageError


def cover_data(found: Cover) -> dict[str, Any]:
    """JSON form; `read_cover` is the inverse."""
    data: dict[str, Any] = {
        "left_start": found.left_start,
        "right_start": found.right_start,
        "boxes": [_row(b) for b in found.boxes],
        "end": str(found.boxes[-1].upper),
    }
    if found.left_start is not None or found.right_start is not None:
        data["lemma"] = FAR_LEMMA
    return data


def _row(box: Box) -> list[Any]:
    row: list[Any] = [str(box.lower), box.rule]
    return [*row, str(box.zero), box.order] if box.rule == "zero" else row


def read_cover(data: Mapping[str, Any], lower: sp.Expr, upper: sp.Expr) -> Cover:
    """The cover of a certificate.

    Raises:
        UsageError: If it is malformed.
    """
    try:
        starts = [_start(data[key]) for key in ("left_start", "right_start")]
        rows = list(data["boxes"])
        lowers = [_read(row[0]) for row in rows]
        uppers = [*lowers[1:], _read(data["end"])]
        boxes = tuple(
            Box(low, high, str(row[1]), *((_read(row[2]), int(row[3])) if len(row) > 2 else ()))
            for row, low, high in zip(rows, lowers, uppers, strict=True)
        )
    except (KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"Not the boxes of a certificate: {error!r:.80}") from error
    return Cover(lower, upper, starts[0], starts[1], boxes)


def _start(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or value < 1:
        raise UsageError(f"A tail starts at a whole number R >= 1; found {value!r:.40}.")
    return value


def _read(text: Any) -> sp.Expr:
    return parse_exact(str(text), {})
