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
from functools import lru_cache
from pathlib import Path

import numpy as np

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
        tool: The compiler, with its version.
        library: As `library` gives it.
        ways: Of value and gradient; gradients of parameters are computed by the first of them.
        parameters: In the order of the artifact's arguments.
    """

    def __init__(
        self, tool: str, library: ctypes.CDLL, ways: Mapping[str, Sequence[str]],
        parameters: Sequence[float],
    ) -> None:  # fmt: skip
        super().__init__(tool)
        self._library, self._ways = library, ways
        self._parameters = (ctypes.c_double * max(1, len(parameters)))(*parameters)

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(points, dtype=kind)
        results = {}
        for way in self._ways.get(what, self._ways["gradient"][:1]):
            y = np.full_like(x, np.nan)
            function = self._library[f"{way}_{what}_{kind}"]
            function.restype = None
            function(
                ctypes.c_size_t(x.size), x.ctypes.data_as(ctypes.c_void_p),
                y.ctypes.data_as(ctypes.c_void_p), self._parameters,
            )  # fmt: skip
            results[way] = y.astype(np.float64)
        return results


@lru_cache(maxsize=32)
def library(files: tuple[tuple[str, str], ...], *commands: tuple[str, ...]) -> ctypes.CDLL:
    """The shared library ``driver.so`` that commands make of some files.

    The same files and commands are built once: formats differ in parameters only, and those are
    arguments of the library.

    Args:
        files: (name, text) of each.
        commands: Run in turn in the folder of the files.

    Raises:
        InternalError: If a compiler refuses the text.
    """
    folder = Path(tempfile.mkdtemp(prefix="rescu-"))
    try:
        for name, text in files:
            (folder / name).write_text(text, encoding="ascii")
        for command in commands:
            build(command, folder)
        return ctypes.CDLL(str(folder / "driver.so"))
    finally:
        # What is loaded stays loaded when its file is gone.
        shutil.rmtree(folder, ignore_errors=True)


def gnu(
    compiler: str, flags: Sequence[str], artifact: Artifact, driver: str, language: str
) -> ctypes.CDLL:
    """A header and its driver through gcc, or a compiler that takes its options.

    Args:
        compiler: Its path.
        flags: Of the compilation, not of the linking: linking with -ffast-math adds code that, as
            soon as the library is loaded, makes the whole process flush subnormal numbers to 0.
        artifact: The header.
        driver: Text that includes ``artifact.h``.
        language: Suffix of the driver.

    Raises:
        InternalError: If it refuses the text.
    """
    source = f"driver.{language}"
    return library(
        (("artifact.h", artifact.text), (source, driver)),
        (compiler, *flags, "-fPIC", "-c", source, "-o", "driver.o"),
        (compiler, "-shared", "driver.o", "-o", "driver.so", "-lm"),
    )
