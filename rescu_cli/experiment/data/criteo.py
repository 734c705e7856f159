"""Criteo's click logs: one click, 13 counts and 26 hashed categories per line, tab-separated."""

from __future__ import annotations

import zlib
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment.data.columns import require_rows
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.split import standardise

COUNTS = 13
CATEGORIES = 26
FIELDS = 1 + COUNTS + CATEGORIES
BUCKETS = 2**12
TEST_SHARE = 0.2
CHUNK = 2**14
LARGEST_FILE = 4 * 2**30
"""Bytes; about 17 million rows, whose features take 4 GiB."""

Part = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def is_criteo(path: Path) -> bool:
    """Whether the first line has 40 tab-separated fields, the first of them 0 or 1."""
    try:
        with path.open("rb") as file:
            fields = file.readline(2**16).rstrip(b"\r\n").split(b"\t")
    except OSError:
        return False
    return len(fields) == FIELDS and fields[0] in (b"0", b"1")


def load_criteo(path: Path, name: str) -> Dataset:
    """Reads a file in the format of the Display Advertising Challenge's ``train.txt``.

    Missing values are normal there. Of a count c: sign(c)·ln(1 + |c|), standardised; if missing,
    the mean, and an indicator of its own is 1. Of a category: CRC-32 of its text into buckets
    1 … 4095, each field with its own; bucket 0 if missing. Columns: 26 categories, 13 counts, 13
    indicators.

    Args:
        path: Of the file, up to 4 GiB.
        name: As the user wrote it.

    Raises:
        StoreError: If the file cannot be read or a line is not in the format.
        UsageError: If it is too large or too small, or has one class only.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise UsageError(
            f"File {name!r} has {path.stat().st_size / 2**30:.1f} GiB; up to "
            f"{LARGEST_FILE / 2**30:.0f} GiB are held in memory. Take a part of its lines."
        )
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            parts = list(_chunks(file, name))
    except UnicodeDecodeError:
        raise StoreError(f"File {name!r} is not UTF-8; Criteo's files are plain ASCII.") from None
    categories, counts, y = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    require_rows(name, len(y))
    n_train = len(y) - round(len(y) * TEST_SHARE)
    if len(np.unique(y[:n_train])) < 2:
        raise UsageError(
            f"File {name!r}: the first 80 % of its lines all have the label {y[0]}; clicks and "
            "others are needed."
        )
    numeric = numeric_features(counts, n_train)
    x = np.concatenate([categories, numeric], axis=1)
    return Dataset(
        name=name,
        x_train=x[:n_train],
        y_train=y[:n_train],
        x_test=x[n_train:],
        y_test=y[n_train:],
        example_ids=np.arange(n_train, len(y), dtype=np.int64),
        n_classes=2,
        cardinalities=(BUCKETS,) * CATEGORIES,
        source=f"the file {name}, in the format of Criteo's Display Advertising Challenge, 2014",
        preparation=(
            "in the order of the file, the last 20 % are the test part; counts as "
            "sign·ln(1 + |c|), standardised with their mean and deviation in the training "
            f"part, missing ones 0 with an indicator; categories hashed into {BUCKETS} "
            "buckets a field, 0 for missing"
        ),
    )


def numeric_features(counts: NDArray[np.float32], n_train: int) -> NDArray[np.float32]:
    """Scaled counts and their indicators.

    Args:
        counts: sign(c)·ln(1 + |c|), NaN where missing, shape (n, 13).
        n_train: Rows of the training part, which come first.

    Returns:
        Shape (n, 26): the standardised counts, 0 where missing, then 1 where missing.
    """
    missing = np.isnan(counts)
    scaled = np.zeros_like(counts)
    for column in range(counts.shape[1]):
        present = ~missing[:, column]
        known = counts[:n_train][present[:n_train], column]
        if len(known):
            _, values = standardise(known[:, None], counts[present, column][:, None],
                                    per_feature=True)  # fmt: skip
            scaled[present, column] = values[:, 0]
    return np.concatenate([scaled, missing.astype(np.float32)], axis=1)


def bucket(text: str) -> int:
    """1 … BUCKETS − 1 from the CRC-32 of the text, 0 for an empty one."""
    return 1 + zlib.crc32(text.encode()) % (BUCKETS - 1) if text else 0


def _chunks(file: TextIO, name: str) -> list[Part]:
    parts: list[Part] = []
    first = 1
    while lines := list(islice(file, CHUNK)):
        parts.append(_chunk(lines, first, name))
        first += len(lines)
    return parts


def _chunk(lines: list[str], first: int, name: str) -> Part:
    """Category numbers (rows, 26), counts (rows, 13) and clicks (rows,) of some lines."""
    categories = np.empty((len(lines), CATEGORIES), dtype=np.float32)
    counts = np.empty((len(lines), COUNTS), dtype=np.float64)
    y = np.empty(len(lines), dtype=np.int64)
    for row, line in enumerate(lines):
        fields = line.rstrip("\r\n").split("\t")
        if len(fields) != FIELDS or fields[0] not in ("0", "1"):
            raise StoreError(
                f"File {name!r}: line {first + row} has {len(fields)} fields and begins with "
                f"{fields[0][:20]!r}; Criteo's lines have {FIELDS} and begin with 0 or 1."
            )
        y[row] = int(fields[0])
        categories[row] = [bucket(text) for text in fields[1 + COUNTS :]]
        try:
            counts[row] = [int(text) if text else np.nan for text in fields[1 : 1 + COUNTS]]
        except (ValueError, OverflowError):
            raise StoreError(
                f"File {name!r}: line {first + row} has a count that is not a whole number, in "
                f"{fields[1 : 1 + COUNTS]}."
            ) from None
    logarithms = np.sign(counts) * np.log1p(np.abs(counts))
    return categories, logarithms.astype(np.float32), y
