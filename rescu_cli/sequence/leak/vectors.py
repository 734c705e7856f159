"""Word vectors from a file: word2vec's or GloVe's text, or an ``.npz``; as whole numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.core.files import is_number, read_arrays
from rescu_cli.errors import StoreError, UsageError
from rescu_cli.sequence.leak.text import normalised, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WANTED = "an array 'words' of N texts and an array 'vectors' of shape (N, d)"


@dataclass(frozen=True)
class WordVectors:
    """Vectors of words, all multiplied by one power of two that makes them whole.

    Args:
        rows: By word, normalised; each of ``dimension`` whole numbers.
        dimension: At least 1.
    """

    rows: Mapping[str, Sequence[int]]
    dimension: int


def read_vectors(path: Path, wanted: Collection[str]) -> WordVectors:
    """The vectors of some words; the file is read once and the others are dropped.

    Words are normalised like the texts. Of several spellings that become one, the one that is
    written so already counts, else the first.

    Args:
        path: ``.npz`` with ``words`` (N,) and ``vectors`` (N, d); any other ending is text, a word
            and its d numbers on each line, after an optional line ``N d``.
        wanted: Normalised words.

    Raises:
        StoreError: If the file cannot be read.
        UsageError: If it does not hold that; the line is named.
    """
    kept: dict[str, Sequence[float]] = {}
    exactly: set[str] = set()
    dimension = 0
    source = _from_npz(path) if path.suffix.lower() == ".npz" else _from_text(path)
    for where, spelling, read in source:
        word = normalised(spelling)
        if word in wanted and (word not in kept or (word == spelling and word not in exactly)):
            kept[word] = read()
            if word == spelling:
                exactly.add(word)
            bad = next((v for v in kept[word] if not isfinite(v)), None)
            if bad is not None:
                raise UsageError(f"{where}: {spelling!r} holds {bad}; vectors must be finite.")
            dimension = len(kept[word])
    return WordVectors(_whole(kept), dimension)


def mean_vector(rows: Mapping[str, Sequence[int]], text: str) -> Mapping[int, int] | None:
    """The sum of the vectors of the known words, each as often as it occurs, by place.

    Its direction is that of the mean. None if no word is known, or all cancel.
    """
    found = {word: n for word, n in words(text).items() if word in rows}
    if not found:
        return None
    total = [sum(n * value for n, value in column) for column in _columns(rows, found)]
    return {place: value for place, value in enumerate(total) if value} or None


def _columns(
    rows: Mapping[str, Sequence[int]], counts: Mapping[str, int]
) -> Iterator[list[tuple[int, int]]]:
    for values in zip(*(rows[word] for word in counts), strict=True):
        yield list(zip(counts.values(), values, strict=True))


def _whole(rows: Mapping[str, Sequence[float]]) -> dict[str, list[int]]:
    """Floats are p/2^k: multiplied by the largest 2^k among them, all are whole."""
    ratios = {word: [v.as_integer_ratio() for v in row] for word, row in rows.items()}
    scale = max((q for row in ratios.values() for _, q in row), default=1)
    return {word: [p * (scale // q) for p, q in row] for word, row in ratios.items()}


class _Numbers:
    """The numbers of one line, converted when they are asked for."""

    def __init__(self, where: str, parts: Sequence[str]) -> None:
        self._where, self._parts = where, parts

    def __call__(self) -> list[float]:
        found = []
        for place, part in enumerate(self._parts):
            try:
                found.append(float(part))
            except ValueError:
                raise UsageError(
                    f"{self._where}: number {place + 1} is {part[:40]!r}; after the word come "
                    f"{len(self._parts)} numbers."
                ) from None
        return found


def _from_text(path: Path) -> Iterator[tuple[str, str, _Numbers]]:
    dimension = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                parts = line.rstrip("\r\n").rstrip(" ").split(" " if "\t" not in line else None)
                if parts == [""] or (not dimension and _is_header(parts)):
                    continue
                dimension = dimension or len(parts) - 1
                where = f"{path}, line {number}"
                if dimension < 1 or len(parts) <= dimension:
                    raise UsageError(
                        f"{where}: {len(parts) - 1} numbers after the word"
                        + (f", and {dimension} on the lines before." if dimension else ".")
                    )
                # Words with spaces in them exist: the numbers are the last ones.
                if (
                    parts[0]
                    and all(is_number(part) for part in parts[1:])
                    and (len(parts) > dimension + 1)
                ):
                    raise UsageError(
                        f"{where}: {len(parts) - 1} numbers after the word, and {dimension} on the "
                        "lines before."
                    )
                word = " ".join(parts[: len(parts) - dimension])
                yield where, word, _Numbers(where, parts[len(parts) - dimension :])
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not UTF-8; a file of vectors is text (not word2vec's binary format), or "
            f".npz with {_WANTED}."
        ) from None
    if not dimension:
        raise UsageError(f"{path} holds no vector; a word and its numbers stand on each line.")


def _is_header(parts: Sequence[str]) -> bool:
    """word2vec's first line: how many words, how many numbers each."""
    return len(parts) == 2 and all(part.isascii() and part.isdigit() for part in parts)


def _from_npz(path: Path) -> Iterator[tuple[str, str, _Row]]:
    arrays = read_arrays(path, _WANTED)
    spellings, table = arrays.get("words"), arrays.get("vectors")
    if (
        spellings is None or table is None or spellings.ndim != 1 or spellings.dtype.kind != "U"
        or table.ndim != 2 or len(table) != len(spellings) or 0 in table.shape
        or table.dtype.kind not in "fiu"
    ):  # fmt: skip
        found = ", ".join(f"{k} {v.dtype}{v.shape}" for k, v in arrays.items()) or "no array"
        raise UsageError(f"{path} holds {found}; it should hold {_WANTED}.")
    for number, spelling in enumerate(spellings):
        yield f"{path}, word {number}", str(spelling), _Row(table, number)


class _Row:
    """The numbers of one row of an array, converted when they are asked for."""

    def __init__(self, table: NDArray[Any], number: int) -> None:
        self._table, self._number = table, number

    def __call__(self) -> list[float]:
        return [float(v) for v in self._table[self._number].tolist()]
