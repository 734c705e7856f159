"""What an interrupted command leaves behind, told by the exception itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Says of an interrupt inside that finished trainings are kept in the folder.

    Only what really keeps them may enter it: the sentence is the promise that the same command goes
    on from there.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(
            f"Finished trainings are kept in {folder}; the same command goes on from there."
        )
        raise


def kept(error: BaseException) -> str:
    """What the interrupt behind an error says is kept; empty if nothing is."""
    cause: BaseException | None = error
    while cause is not None:
        notes = getattr(cause, "__notes__", ())
        if isinstance(cause, KeyboardInterrupt) and notes:
            return " ".join(dict.fromkeys(notes))
        cause = cause.__cause__ or cause.__context__
    return ""
