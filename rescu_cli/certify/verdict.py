"""The three answers a question about a function can get."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Proved and refuted are theorems; undecided is neither a weak yes nor a weak no."""

    PROVED = "proved"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
