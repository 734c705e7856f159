"""A user's text file as windows of characters."""

from __future__ import annotations

from pathlib import Path

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.generated import require_whole
from rescu_cli.experiment.data.windows import windows_dataset

LARGEST = 100_000_000
"""Bytes of a file."""


def load(path: str, window: int = 32) -> Dataset:
    """Windows of a UTF-8 file; the last fifth of it is the test part.

    Args:
        path: Of the file.
        window: Characters of an example, 2 … 4096.

    Raises:
        UsageError: If the text is empty, too short or not UTF-8.
        StoreError: If the file cannot be read.
    """
    window = require_whole("text", "window", window, 2, 4096)
    if not path:
        raise UsageError("Data 'text' needs a file: write 'text:FILE', e.g. 'text:novel.txt'.")
    try:
        size = Path(path).stat().st_size
        if size > LARGEST:
            raise UsageError(f"{path} has {size:,} bytes; at most {LARGEST:,} are read.")
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 (byte {error.start}); convert it, e.g. with 'iconv -t UTF-8'."
        ) from error
    if not text.strip():
        raise UsageError(f"{path} has no text in it; a language model needs some to learn from.")
    return windows_dataset(
        text, window, name=f"text:{Path(path).name}", source=f"file {Path(path).name}",
        about="",
    )  # fmt: skip
