"""One flat buffer for the parameters of all stacked models, with a view per parameter.

The optimizer then updates every model in one call, and each view (n_models, rows, columns) is
contiguous, which is what the batched matrix product needs to take its fast path.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

# Elements; views and the total are padded to it, so that every parameter lies in the vectorised
# part of an elementwise kernel, whatever the number of models. The scalar code for a kernel's tail
# may round differently, and a model's bits must not depend on its company.
ALIGNMENT = 64


class ParameterStack:
    """Values and gradients of named parameters for ``n_models`` models.

    Args:
        shapes: Shape of each parameter for one model.
        n_models: Number of stacked models.
        dtype: Floating type.
        device: Where the buffers live.

    Attributes:
        values: Flat buffer, zeros at first.
        gradients: Flat buffer of the same length.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        n_models: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        end = 0
        for name, shape in shapes.items():
            self._places[name] = (end, (n_models, *shape))
            end += -(-n_models * prod(shape) // ALIGNMENT) * ALIGNMENT
        self.values = torch.zeros(end, dtype=dtype, device=device)
        self.gradients = torch.zeros_like(self.values)

    def value(self, name: str) -> Tensor:
        """View of one parameter, shape (n_models, *shape)."""
        return self._view(self.values, name)

    def gradient(self, name: str) -> Tensor:
        """View of its gradient, same shape."""
        return self._view(self.gradients, name)

    def _view(self, buffer: Tensor, name: str) -> Tensor:
        start, shape = self._places[name]
        return buffer[start : start + prod(shape)].view(shape)
