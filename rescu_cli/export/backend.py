"""The interface of a backend, and from an activation to an artifact."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UnknownNameError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.naming import check_parameters, checked_name
from rescu_cli.export.reserved import free_name
from rescu_cli.export.targets import TARGETS


class Backend(Protocol):
    """A module of ``backends/``: prints an activation as text and imports no framework.

    Backends that compute print the lowered program; backends that show print the pieces.
    """

    SUFFIX: str

    def emit(self, activation: Activation, name: str) -> str: ...


def backend(target: str) -> Backend:
    """The backend of a target.

    Raises:
        UnknownNameError: If there is no such target.
    """
    if target not in TARGETS:
        raise UnknownNameError("export target", target[:60], TARGETS)
    return cast(Backend, import_module(f"rescu_cli.export.backends.{target}"))


def content(artifact: Artifact, filename: str) -> bytes:
    """What a file of the artifact holds: its text, or for a binary format what the text stands for.

    Args:
        artifact: What to write.
        filename: With the ending of the text (``.onnxtxt``) it is the text in any case.

    Raises:
        MissingDependencyError: If that needs a library which is not installed.
    """
    encode = getattr(backend(artifact.target), "encode", None)
    if encode is None or filename.endswith(artifact.suffix):
        return artifact.text.encode()
    encoded: bytes = encode(artifact.text)
    return encoded


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
    if name is None:
        name = free_name(target, activation.name)
    wanted = checked_name(name, target)
    check_parameters(activation, target)
    text = found.emit(activation, wanted)
    return Artifact(target, wanted, text, found.SUFFIX, activation)
