"""What a count of ReLUs says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from rescu_cli.errors import UsageError


@dataclass(frozen=True)
class LayerCount:
    """One module that was run.

    Args:
        name: Its qualified name; ``(model)`` for the network's own forward.
        stage: The first part of the name; the modules directly below the network are its stages.
        shape: Of the last ReLU's output, without the batch; of the output if there is no ReLU.
        relus: Numbers that went through a ReLU in its own forward, for one example.
        macs: Multiplications followed by an addition, of convolutions and matrix products, for one
            example. Biases, norms and pooling are not counted.
        stem_relus: Those of the ReLUs that are the stem's. A module may be called for the stem and
            again elsewhere, and the network's own forward is one module whatever it does.
    """

    name: str
    stage: str
    shape: tuple[int, ...]
    relus: int
    macs: int
    stem_relus: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "shape": list(self.shape)}


@dataclass(frozen=True)
class ReluCount:
    """The ReLUs of a network.

    Args:
        model: What was asked for.
        input: Shape of one example.
        layers: Modules that have ReLUs or MACs, in the order in which they ran.
        others: Other operations that private inference cannot do linearly, with their numbers:
            max-pooling, activations that are not ReLU, and what is not recognised.
        n_parameters: Of the network.
    """

    model: str
    input: tuple[int, ...]
    layers: tuple[LayerCount, ...]
    others: dict[str, int]
    n_parameters: int

    @property
    def stem(self) -> tuple[str, ...]:
        """Names of the layers that have ReLUs of the stem; may be empty."""
        return tuple(layer.name for layer in self.layers if layer.stem_relus)

    @property
    def total(self) -> int:
        """All ReLUs."""
        return sum(layer.relus for layer in self.layers)

    @property
    def total_without_stem(self) -> int:
        """Without those of the stem; what some papers count."""
        return sum(layer.relus - layer.stem_relus for layer in self.layers)

    @property
    def by_stage(self) -> dict[str, int]:
        """ReLUs per stage, the stem's under ``stem``; stages without any are left out."""
        found: dict[str, int] = {}
        for layer in self.layers:
            for stage, relus in (
                ("stem", layer.stem_relus),
                (layer.stage, layer.relus - layer.stem_relus),
            ):
                if relus:
                    found[stage] = found.get(stage, 0) + relus
        return found

    @property
    def macs(self) -> int:
        """All multiply–accumulates."""
        return sum(layer.macs for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "input": list(self.input),
            "total": self.total,
            "total_without_stem": self.total_without_stem,
            "stem": list(self.stem),
            "by_stage": self.by_stage,
            "macs": self.macs,
            "flops": 2 * self.macs,
            "others": dict(self.others),
            "n_parameters": self.n_parameters,
            "layers": [layer.to_dict() for layer in self.layers],
        }


def require_stem(asked: Sequence[str], known: Sequence[str]) -> None:
    """Refuse a stem of layers without ReLUs.

    Args:
        asked: Names of layers.
        known: Those with ReLUs.

    Raises:
        UsageError: If one is not known; names some that are.
    """
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            shown = near or known[:4]
            more = len(known) - len(shown)
            raise UsageError(
                f"The stem {name!r} has no ReLU in this network; layers with ReLUs: "
                f"{', '.join(shown)}{f' and {more} more' if more else ''}."
            )
