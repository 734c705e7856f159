"""What the modules of this package share; imports nothing heavy, for a worker starts often."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Program(Protocol):
    """A loaded artifact."""

    tool: str

    def __call__(self, points: Array, kind: str, what: str) -> Mapping[str, Any]: ...


class Worker(Protocol):
    """A module of this package; an ImportError of ``load`` says that the tool is not there."""

    def load(self, text: str, name: str, parameters: Mapping[str, float]) -> Program: ...


def module_of(text: str, name: str) -> ModuleType:
    """Generated Python as a module; its lines can be read back, for tracebacks and for Triton."""
    title = f"rescu_generated_{name}"
    source = f"<generated {name} {hash(text):x}>"
    module = ModuleType(title)
    module.__file__ = source
    linecache.cache[source] = (len(text), None, text.splitlines(keepends=True), source)
    sys.modules[title] = module
    exec(compile(text, source, "exec"), module.__dict__)  # noqa: S102  # reason: our own text
    return module


def padded(points: Array, step: int = 1024) -> Array:
    """The points and zeros up to a multiple of ``step``: compilers then see few shapes."""
    rest = -len(points) % step
    return np.concatenate([points, np.zeros(rest)]) if rest else points
