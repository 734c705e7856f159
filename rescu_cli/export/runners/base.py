"""`Runner`: an artifact that runs, in every way in which it computes its quantities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from rescu_cli.errors import UnsupportedError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.targets import TARGETS

Array = npt.NDArray[np.float64]


class Runner(ABC):
    """One running artifact; used as a context, so that processes and files are put away.

    Args:
        tool: What runs it, with its version.
    """

    flushes_subnormals = False
    """Whether its tool takes subnormal numbers for 0, as XLA does, and no text can help it."""

    slopes = True
    """Whether the target gives gradients of the parameters."""

    def __init__(self, tool: str) -> None:
        self.tool = tool

    @abstractmethod
    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        """The results of every way of computing a quantity.

        Args:
            points: Inputs, as float64 values of the format.
            kind: Format of input and result.
            what: ``value``, ``gradient`` or, of a parameter, what `slope_of` says.

        Returns:
            A float64 array per way, by its name; each must agree with the truth.
        """

    def slow_ways(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        """Further ways, which take a compiler or more than a moment; they count alike."""
        return {}

    def variants(self) -> Mapping[str, Runner]:
        """The artifact in circumstances that void its promises, reported beside it."""
        return {}

    def close(self) -> None:  # noqa: B027  # reason: most hold nothing
        """Put away what it holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()


def slope_of(parameter: str) -> str:
    """The quantity that is the gradient of a parameter."""
    return f"{parameter}_gradient"


def parameter_of(what: str) -> str | None:
    """The parameter whose gradient a quantity is; None for value and gradient."""
    return what.removesuffix("_gradient") if what.endswith("_gradient") else None


class RunnerModule(Protocol):
    """A module of this package.

    ``start`` raises `MissingDependencyError` if the tool is not there.
    """

    def start(self, artifact: Artifact, parameters: Mapping[str, float]) -> Runner: ...


def runner(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner of an artifact.

    Args:
        artifact: What to run.
        parameters: A number for each of its arguments.

    Raises:
        MissingDependencyError: If its tool is not installed.
        UnsupportedError: If nothing runs such an artifact.
    """
    row = TARGETS[artifact.target]
    if not row.formats:
        raise UnsupportedError(
            f"A {artifact.target} artifact is text to read; nothing runs it. --check works for: "
            f"{', '.join(name for name, row in TARGETS.items() if row.formats)}."
        )
    module: RunnerModule = import_module(f"rescu_cli.export.runners.{artifact.target}")
    return module.start(artifact, parameters)
