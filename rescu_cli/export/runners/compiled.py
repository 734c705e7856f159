"""Artifacts that a compiler turns into a shared library, called through ctypes.

A driver is a few lines in the artifact's language that give every way of computing a quantity a
C name: ``way_quantity_format(n, x, y, parameters)``, with a pointer to the parameters as doubles.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rescu_cli.core.reference import What
from rescu_cli.errors import InternalError, MissingDependencyError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Array, Runner

SECONDS = 300


def found(tool: str, what: str, install: str) -> str:
    """The path of a compiler.

    Raises:
        MissingDependencyError: If it is not there.
    """
    path = shutil.which(tool)
    if path is None:
        raise MissingDependencyError(tool, what, install)
    return path


def said(command: Sequence[str]) -> list[str]:
    """The lines that a command prints."""
    return [line.strip() for line in _run(command, None).stdout.splitlines() if line.strip()]


def first_line(command: Sequence[str]) -> str:
    """What a tool says of itself."""
    return next(iter(said(command)), Path(command[0]).name)


def build(command: Sequence[str], folder: Path) -> str:
    """Run a compiler in a folder; what it says.

    Raises:
        InternalError: If it refuses our text, or warns of it.
    """
    done = _run(command, folder)
    if done.returncode:
        raise InternalError(f"{Path(command[0]).name} refuses generated text: {done.stderr[:2000]}")
    return done.stderr


def _run(command: Sequence[str], folder: Path | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # reason: a compiler, on our own text
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )


class LibraryRunner(Runner):
    """A shared library made of an artifact and its driver.

    Args:
        tool: The compiler, with its version and flags.
        folder: Holds the library; removed in the end.
        library: Its file name.
        ways: Of each quantity.
        parameters: In the order of the artifact's arguments.
    """

    def __init__(
        self, tool: str, folder: Path, library: str, ways: Mapping[What, Sequence[str]],
        parameters: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__(tool)
        self._folder, self._ways = folder, ways
        self._library = ctypes.CDLL(str(folder / library))
        self._parameters = (ctypes.c_double * max(1, len(parameters)))(*parameters)

    def __call__(self, points: Array, kind: str, what: What) -> dict[str, Array]:
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(points, dtype=kind)
        results = {}
        for way in self._ways[what]:
            y = np.full_like(x, np.nan)
            function = self._library[f"{way}_{what}_{kind}"]
            function.restype = None
            function(
                ctypes.c_size_t(x.size), x.ctypes.data_as(ctypes.c_void_p),
                y.ctypes.data_as(ctypes.c_void_p), self._parameters,
            )  # fmt: skip
            results[way] = y.astype(np.float64)
        return results

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def compiled(
    tool: str, what: str, install: str, flags: Sequence[str], artifact: Artifact, driver: str,
    language: str,
) -> tuple[str, Path, str]:  # fmt: skip
    """An artifact and its driver as a shared library.

    Args:
        tool: gcc or a compiler that takes its options.
        what: For the message if it is missing.
        install: How to get it.
        flags: Of the compilation, not of the linking: linking with -ffast-math adds code that, as
            soon as the library is loaded, makes the whole process flush subnormal numbers to 0.
        artifact: The header.
        driver: Text that includes ``artifact.h``.
        language: Suffix of the driver.

    Returns:
        The tool with its version, the folder, and the name of the library.

    Raises:
        MissingDependencyError: If the compiler is not there.
        InternalError: If it refuses the text.
    """
    compiler = found(tool, what, install)
    folder = Path(tempfile.mkdtemp(prefix="rescu-"))
    (folder / "artifact.h").write_text(artifact.text, encoding="ascii")
    (folder / f"driver.{language}").write_text(driver, encoding="ascii")
    build([compiler, *flags, "-fPIC", "-c", f"driver.{language}", "-o", "driver.o"], folder)
    build([compiler, "-shared", "driver.o", "-o", "driver.so", "-lm"], folder)
    return f"{first_line([compiler, '--version'])}, {flags[0]}", folder, "driver.so"
