"""Which weights of a network are left, and putting the others to exactly 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rescu_cli.errors import UsageError

PRUNED = (nn.Linear, nn.Conv1d, nn.Conv2d)
"""Layers whose weights are pruned; biases stay."""


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that can be pruned, by name, in the order of the model."""
    names = [f"{n}.weight" for n, m in model.named_modules() if isinstance(m, PRUNED)]
    return {name: model.get_parameter(name) for name in names}


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter and buffer."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


@dataclass(frozen=True, eq=False)
class Masks:
    """One flag per weight: whether it is left.

    Args:
        kept: By name of the weight, bool, its shape.

    Raises:
        UsageError: If something is no mask.
    """

    kept: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        if not self.kept or any(m.dtype != torch.bool for m in self.kept.values()):
            raise UsageError("Masks are bool tensors, one at least, by the names of weights.")

    @classmethod
    def full(cls, model: nn.Module) -> Masks:
        """Every weight is left."""
        weights = weights_of(model)
        if not weights:
            raise UsageError("The model has no weights that could be pruned (dense, convolution).")
        return cls({n: torch.ones_like(w, dtype=torch.bool) for n, w in weights.items()})

    @property
    def n_kept(self) -> int:
        return sum(int(m.sum()) for m in self.kept.values())

    @property
    def n_weights(self) -> int:
        return sum(m.numel() for m in self.kept.values())

    @property
    def density(self) -> float:
        """Share of the weights that is left."""
        return self.n_kept / self.n_weights

    @property
    def emptied(self) -> tuple[str, ...]:
        """Layers without a weight: nothing passes them."""
        return tuple(n.removesuffix(".weight") for n, m in self.kept.items() if not bool(m.any()))

    def apply(self, model: nn.Module) -> None:
        """Put the weights that are not left to 0, in place: exactly +0, whatever they were."""
        with torch.no_grad():
            for name, weight in weights_of(model).items():
                weight.masked_fill_(~self.kept[name], 0.0)

    def without(self, places: Mapping[str, Tensor]) -> Masks:
        """Fewer weights.

        Args:
            places: By name, the flat positions to drop; all of them still left.

        Raises:
            UsageError: If one is gone already.
        """
        kept = {}
        for name, mask in self.kept.items():
            flat = mask.clone().flatten()
            gone = places.get(name)
            if gone is not None and len(gone):
                if not bool(flat[gone].all()):
                    raise UsageError(f"A weight of {name} is to be pruned that is gone already.")
                flat[gone] = False
            kept[name] = flat.view_as(mask)
        return Masks(kept)
