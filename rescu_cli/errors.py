"""The exception tree and the exit codes. Imports nothing of the package.

Every error carries one text in three parts: what was asked, what was found, what would be right.
Findings (a refuted or undecided claim) are returned as data, never raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells the shell; each member has a test."""

    DONE = 0
    REFUTED = 1
    USAGE = 2
    UNDECIDED = 3
    MISSING_DEPENDENCY = 4
    STORE = 5
    BUG = 70
    INTERRUPTED = 130


class RescuError(Exception):
    """Base of every error a caller can act on."""

    exit_code: ExitCode = ExitCode.BUG


class InternalError(RescuError):
    """Two of our own ways to the same fact disagree: a bug to report, never a verdict."""


class UsageError(RescuError, ValueError):
    """The request itself is wrong."""

    exit_code = ExitCode.USAGE


class ParseError(UsageError):
    """Text that is not in the grammar; the message shows a caret under the culprit.

    Args:
        message: What is wrong and what would be right.
        text: The whole text that was read.
        position: Offset of the culprit in ``text``, counted in characters.
    """

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        self.message, self.text, self.position = message, text, position
        super().__init__(f"{message}{_caret(text, position)}")


class UnknownNameError(UsageError, LookupError):
    """A name that no table has.

    Args:
        kind: What was looked for, e.g. ``activation``.
        name: The name asked for.
        known: The names there are.
        hint: The next command to type.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        self.name, self.known = name, tuple(known)
        near = get_close_matches(name.lower(), self.known, n=2, cutoff=0.6)
        if near:
            found = f" Did you mean {' or '.join(repr(n) for n in near)}?"
        else:
            found = f" Known: {', '.join(self.known)}."
        super().__init__(f"No {kind} named {name!r}.{found}{' ' + hint if hint else ''}")


class ParameterError(UsageError):
    """A parameter that the object lacks, or a value outside its domain."""


class AssumptionError(UsageError):
    """Assumptions that cannot be read, or that contradict each other."""


class DerivationError(UsageError):
    """A gradient that cannot be the gradient of an activation (pole, complex, divergent)."""


class UndefinedActivationError(UsageError):
    """A formula that has no real value somewhere inside its piece."""


class UnsupportedError(UsageError):
    """Well formed, but outside what the asked operation can do."""


class DisagreementError(RescuError):
    """A check ran and the two sides differ."""

    exit_code = ExitCode.REFUTED


class MissingDependencyError(RescuError, ImportError):
    """An optional package or program is not there.

    Args:
        what: The package or program.
        purpose: What it is needed for.
        install: The exact line that installs it.
    """

    exit_code = ExitCode.MISSING_DEPENDENCY

    def __init__(self, what: str, purpose: str, install: str) -> None:
        self.what, self.install = what, install
        super().__init__(f"{purpose} needs {what}, which is not installed. Install: {install}")


class EngineError(RescuError):
    """Other machines that should do the work cannot be reached, do not fit, or were lost."""

    exit_code = ExitCode.MISSING_DEPENDENCY


class StoreError(RescuError, OSError):
    """A file or run directory cannot be read, written or trusted."""

    exit_code = ExitCode.STORE


class SpecMismatchError(StoreError):
    """A run directory holds another experiment than the one asked for."""


def _caret(text: str, position: int, window: int = 72) -> str:
    """Two indented lines: a window of ``text`` and a caret under ``position``."""
    if not text:
        return ""
    line = text.replace("\n", " ").replace("\t", " ")
    position = min(max(position, 0), len(line))
    start = max(0, min(position - window // 2, len(line) - window))
    shown = line[start : start + window]
    shown = "".join(c if c.isprintable() else "?" for c in shown)
    left = "…" if start else ""
    right = "…" if start + window < len(line) else ""
    return f"\n  {left}{shown}{right}\n  {' ' * (len(left) + position - start)}^"
