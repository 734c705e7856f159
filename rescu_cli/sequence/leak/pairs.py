"""Pairs of outputs, without and with a concept in the prompt, and the CSV that holds them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rescu_cli.errors import StoreError, UsageError

COLUMNS = ("concept", "control", "test")
_RIGHT = "the header is concept,control,test"
_SHOWN = 80


@dataclass(frozen=True)
class Pair:
    """What a model wrote without and with a concept in its prompt.

    Args:
        concept: The word that was added, e.g. ``yellow``.
        control: Output for the prompt without it.
        test: Output for the prompt with it.
    """

    concept: str
    control: str
    test: str

    def swapped(self) -> Pair:
        """The same with control and test exchanged."""
        return Pair(self.concept, self.test, self.control)


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV in UTF-8 whose header names concept, control and test, in any order.

    Cells may be quoted and hold line ends. A byte order mark, blank lines and further columns are
    passed over.

    Raises:
        StoreError: If the file cannot be read.
        UsageError: If it is no such CSV, a cell is empty, or it holds no pair; the row is named.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8; save the "
            "file as UTF-8."
        ) from None
    rows = _rows(path, text)
    first = next(rows, None)
    if first is None:
        raise UsageError(f"{path} is empty; {_RIGHT}, and a row for each pair follows.")
    header = [cell.strip().lower() for cell in first[2]]
    places = _places(path, header)
    pairs = [
        Pair(*_cells(path, row, line, cells, header, places)) for row, line, cells in rows
    ]  # fmt: skip
    if not pairs:
        raise UsageError(f"{path} holds a header and no pair; one row at least is needed.")
    return pairs


def require_pairs(pairs: Iterable[Pair | Sequence[str]]) -> list[Pair]:
    """Pairs given in Python: `Pair`, or (concept, control, test).

    Raises:
        UsageError: If there is none, one is no such triple, or a text is empty.
    """
    found: list[Pair] = []
    for number, given in enumerate(pairs):
        texts = (given.concept, given.control, given.test) if isinstance(given, Pair) else given
        if isinstance(texts, str) or len(texts) != len(COLUMNS):
            raise UsageError(
                f"Pair {number} is {str(given)[:_SHOWN]!r}; {', '.join(COLUMNS)} asked."
            )
        for name, text in zip(COLUMNS, texts, strict=True):
            if not isinstance(text, str) or not text.strip():
                raise UsageError(f"Pair {number}: {name} is {text!r}; it must be text.")
        found.append(Pair(*texts))
    if not found:
        raise UsageError("No pair given; one at least is needed.")
    return found


def _rows(path: Path, text: str) -> Iterator[tuple[int, int, list[str]]]:
    """Number among the rows that are not blank (the header is 0), first line, cells."""
    # Not text.splitlines(): a cell may hold U+2028 or a form feed, which end no line of a file.
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    number, line = 0, 1
    while True:
        # A model's output may be longer than the 131,072 characters that a cell has by default. The
        # limit is the whole process's, so it is put back after each row.
        before = csv.field_size_limit(len(text) + 1)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UsageError(
                f"{path}, row {number} (line {line}): {error}; write a quote inside a quoted cell "
                "twice, and close every quote."
            ) from None
        finally:
            csv.field_size_limit(before)
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            yield number, line, cells
            number += 1
        line = reader.line_num + 1


def _places(path: Path, header: Sequence[str]) -> list[int]:
    shown = ",".join(header)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    for name in COLUMNS:
        if header.count(name) != 1:
            found = "no column" if name not in header else f"{header.count(name)} columns"
            raise UsageError(f"{path} has {found} named {name!r} in {shown!r}; {_RIGHT}.")
    return [header.index(name) for name in COLUMNS]


def _cells(
    path: Path, row: int, line: int, cells: Sequence[str], header: Sequence[str],
    places: Sequence[int],
) -> list[str]:  # fmt: skip
    where = f"{path}, row {row} (line {line})"
    if len(cells) != len(header):
        raise UsageError(
            f"{where}: {len(cells)} cell{'s' * (len(cells) != 1)}, and the header has "
            f"{len(header)}; quote a cell that holds a comma."
        )
    found = [cells[place] for place in places]
    for name, text in zip(COLUMNS, found, strict=True):
        if not text.strip():
            raise UsageError(f"{where}: {name} is empty; leave out pairs that lack an output.")
    return found
