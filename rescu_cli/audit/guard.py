"""Running somebody else's code: quiet, and with its mistakes reported by file and line."""

from __future__ import annotations

import io
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np


class _Sink(io.TextIOBase):
    """Takes text and keeps none of it."""

    def write(self, text: str, /) -> int:
        return len(text)


@contextmanager
def quietly(*, prints: bool = False) -> Iterator[None]:
    """Run a block whose prints and warnings are dropped.

    Overflow on the way to a right result is no finding; a print per call would be thousands; and
    stdout belongs to the report.

    Args:
        prints: Show what it prints, on stderr.
    """
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        redirect_stdout(sys.stderr if prints else _Sink()),
    ):
        warnings.simplefilter("ignore")
        yield


def describe(error: BaseException, path: Path) -> str:
    """``ValueError: text (file.py, line 7)``: the innermost line of ``path`` that took part."""
    text = " ".join(str(error).split())
    shown = f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown} ({Path(error.filename).name}, line {error.lineno})"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return f"{shown} ({path.name}, line {lines[-1]})" if lines else shown
