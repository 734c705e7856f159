"""What is equal to what: example ids that repeat, models that are copies of each other."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.experiment.chunks import Column, Source, length_for, stretches

ROWS_AT_ONCE = 2**16
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing
_HALF = np.uint64(32)


def all_different(ids: Column) -> bool:
    """Whether no two of the ids, shape (N,), are equal; decided exactly.

    Text is compared by codes of 8 bytes, so that memory does not grow with its length.
    """
    n, kind = ids.shape[0], ids.dtype.kind
    if kind in "iu":
        return len(_repeated(ids[:])) == 0
    if kind not in "US" or ids.dtype.itemsize == 0:
        return len(np.unique(ids[:])) == n
    codes = np.empty(n, np.uint64)
    for start, stop in stretches(n, ROWS_AT_ONCE):
        codes[start:stop] = _text_codes(ids[start:stop])
    # Two texts may share a code: those few are looked at themselves.
    return all(_differ(ids, np.flatnonzero(codes == code)) for code in _repeated(codes))


def _repeated(values: NDArray[Any]) -> NDArray[Any]:
    """The values that occur more than once."""
    ordered = np.sort(values)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _text_codes(texts: NDArray[Any]) -> NDArray[np.uint64]:
    """A 64-bit code of each text, shape (n,): equal texts have equal codes."""
    letter = np.uint32 if texts.dtype.kind == "U" else np.uint8
    native = np.ascontiguousarray(texts, dtype=texts.dtype.newbyteorder("="))
    codes = np.zeros(len(texts), np.uint64)
    letters: NDArray[Any] = native.view(letter).reshape(len(texts), -1)
    for column in letters.T:
        codes = (codes ^ column) * _FACTOR
        codes ^= codes >> _HALF
    return codes


def _differ(ids: Column, rows: NDArray[np.intp]) -> bool:
    seen = set()
    for row in rows:
        value = ids[int(row) : int(row) + 1].item()
        if value in seen:
            return False
        seen.add(value)
    return True


def identical_models(source: Source, length: int | None = None) -> list[tuple[int, int]]:
    """Pairs of positions i < j whose predictions are equal in every bit; j names its first twin."""
    n_models, n_examples, _ = source.shape
    hashes = [sha256() for _ in range(n_models)]
    for start, stop in stretches(n_examples, length or length_for(source)):
        for digest, row in zip(hashes, source.outputs(start, stop), strict=True):
            digest.update(row.tobytes())
    first: dict[bytes, int] = {}
    pairs = []
    for position, digest in enumerate(hashes):
        twin = first.setdefault(digest.digest(), position)
        if twin != position:
            pairs.append((twin, position))
    return pairs
