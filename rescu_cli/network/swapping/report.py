"""What an exchange of activations did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Replaced:
    """One activation that was exchanged.

    Args:
        name: Qualified name of the module, or of the module whose forward makes the call.
        kind: module, call or attribute.
        old: What was there.
        new: What is there now.
    """

    name: str
    kind: str
    old: str
    new: str


@dataclass(frozen=True)
class Kept:
    """Something that stays as it is.

    Args:
        name: Qualified name of the module.
        old: What is there.
        reason: Why it stays.
        asked: Whether it is, or may be, what was to be exchanged.
    """

    name: str
    old: str
    reason: str
    asked: bool


@dataclass(frozen=True)
class Swap:
    """The result of `swap`.

    Args:
        model: The model, the same object unless it was itself an activation.
        to: What was put in.
        source: What was to be taken out.
        replaced: What was exchanged.
        kept: What was not, and why.
    """

    model: nn.Module = field(repr=False)
    to: str
    source: tuple[str, ...]
    replaced: tuple[Replaced, ...]
    kept: tuple[Kept, ...]

    @property
    def missed(self) -> tuple[Kept, ...]:
        """What was asked for, or may have been, and stays."""
        return tuple(k for k in self.kept if k.asked)

    def to_dict(self) -> dict[str, Any]:
        return {
            "to": self.to,
            "from": list(self.source),
            "replaced": [vars(r).copy() for r in self.replaced],
            "kept": [vars(k).copy() for k in self.kept],
        }
