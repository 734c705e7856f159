"""`Artifact`: generated text for one target, with what it was generated from."""

from __future__ import annotations

from dataclasses import dataclass

from rescu_cli.core.activation import Activation


@dataclass(frozen=True)
class Artifact:
    """Text for one target.

    Args:
        target: Row of the table of targets, e.g. ``torch``.
        name: Name of the main function in the text.
        text: The whole file.
        suffix: Usual ending of such a file, with the dot.
        activation: What it computes; free parameters are arguments of the text.
    """

    target: str
    name: str
    text: str
    suffix: str
    activation: Activation

    @property
    def digest(self) -> str:
        """Digest of the activation, as in the banner and in certificates."""
        return self.activation.digest

    @property
    def filename(self) -> str:
        """A file name for the text."""
        return f"{self.name}{self.suffix}"
