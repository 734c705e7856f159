"""The interface of a backend, and the explicit table of targets."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UnknownNameError, UnsupportedError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.naming import check_parameters, checked_name


class Backend(Protocol):
    """A module of ``backends/``: prints an activation as text and imports no framework.

    Backends that compute print the lowered program; backends that show print the pieces.
    """

    SUFFIX: str

    def emit(self, activation: Activation, name: str) -> str: ...


@dataclass(frozen=True)
class Row:
    """One target.

    Args:
        module: Module of ``backends/``.
        summary: What the text is, for lists.
        formats: Float formats in which a check runs it; none if it is text to read.
        runner: Module of ``runners/`` that runs it; the one of the same name if empty.
    """

    module: str
    summary: str
    formats: tuple[str, ...] = ()
    runner: str = ""


SINGLE, DOUBLE = ("float32",), ("float64",)
BOTH = SINGLE + DOUBLE

TARGETS: dict[str, Row] = {
    "torch": Row("torch", "Python functions, an autograd function and a module for PyTorch",
                 ("float16", "bfloat16", *BOTH)),
    "numpy": Row("numpy", "Python functions for NumPy arrays", ("float16", *BOTH)),
    "latex": Row("latex", "display formulas"),
    "sympy": Row("sympy", "a Python module with the exact SymPy expressions", DOUBLE),
}  # fmt: skip
PLANNED = ("jax", "keras", "c", "cpp", "cuda", "triton", "onnx", "julia", "rust", "javascript")


def backend(target: str) -> Backend:
    """The backend of a target.

    Raises:
        UnsupportedError: If it is planned but not written yet.
        UnknownNameError: If there is no such target.
    """
    if target in PLANNED:
        raise UnsupportedError(
            f"Export to {target} is not available in this version; there are: {', '.join(TARGETS)}."
        )
    if target not in TARGETS:
        raise UnknownNameError("export target", target[:60], TARGETS)
    return cast(Backend, import_module(f"rescu_cli.export.backends.{TARGETS[target].module}"))


def emit(activation: Activation, target: str, name: str | None = None) -> Artifact:
    """The activation as text for a target.

    Args:
        activation: What to export. Free parameters become arguments with their defaults; bound
            ones are constants of the text.
        target: Row of `TARGETS`.
        name: Name of the main function; the activation's own by default.

    Raises:
        UnsupportedError: If the target, or an activation without closed form, cannot be exported.
        UsageError: If ``name`` cannot be a name in the text.

    Example:
        >>> from rescu_cli import catalogue
        >>> emit(catalogue.resolve("smelu:beta=0.5"), "numpy").filename
        'smelu.py'
    """
    found = backend(target)
    wanted = checked_name(activation.name if name is None else name)
    check_parameters(activation)
    text = found.emit(activation, wanted)
    return Artifact(target, wanted, text, found.SUFFIX, activation)
