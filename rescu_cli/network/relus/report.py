"""What a count of ReLUs says."""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    name: str
    stage: str
    shape: tuple[int, ...]
    relus: int
    macs: int

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "shape": list(self.shape)}


@dataclass(frozen=True)
class ReluCount:
    """The ReLUs of a network.

    Args:
        model: What was asked for.
        input: Shape of one example.
        layers: Modules that have ReLUs or MACs, in the order in which they ran.
        stem: Names of the layers whose ReLUs are the stem's; may be empty.
        others: Other operations that private inference cannot do linearly, with their numbers:
            max-pooling, and activations that are not ReLU.
        n_parameters: Of the network.

    Raises:
        UsageError: If the stem names a layer without ReLUs.
    """

    model: str
    input: tuple[int, ...]
    layers: tuple[LayerCount, ...]
    stem: tuple[str, ...]
    others: dict[str, int]
    n_parameters: int

    def __post_init__(self) -> None:
        known = [layer.name for layer in self.layers if layer.relus]
        unknown = [name for name in self.stem if name not in known]
        if unknown:
            raise UsageError(
                f"The stem {', '.join(unknown)} has no ReLU in this network; layers with ReLUs: "
                f"{', '.join(known) or 'none'}."
            )

    @property
    def total(self) -> int:
        """All ReLUs."""
        return sum(layer.relus for layer in self.layers)

    @property
    def total_without_stem(self) -> int:
        """Without those of the stem; what some papers count."""
        return sum(layer.relus for layer in self.layers if layer.name not in self.stem)

    @property
    def by_stage(self) -> dict[str, int]:
        """ReLUs per stage, the stem's under ``stem``; stages without any are left out."""
        found: dict[str, int] = {}
        for layer in self.layers:
            if layer.relus:
                stage = "stem" if layer.name in self.stem else layer.stage
                found[stage] = found.get(stage, 0) + layer.relus
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
