"""Multilayer perceptrons of equal shape, trained as one stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from rescu_cli.experiment.models.parameters import ParameterStack
from rescu_cli.experiment.models.stages import (
    Dense,
    Group,
    LayerNorm,
    Nonlinearity,
    Readout,
    Stage,
)


class StackedMLP:
    """K perceptrons with cross-entropy loss; neighbours share an activation.

    Args:
        sizes: Features, hidden widths, classes; at least one hidden layer.
        groups: The activations and how many models each has; K is their sum.
        norm: ``none`` or ``layer`` (between the product and the activation).
        dtype: Floating type.
        device: Where the parameters live.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        groups: Sequence[Group],
        *,
        norm: str,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.n_models = sum(group.n_models for group in groups)
        self.sizes = tuple(sizes)
        last = len(sizes) - 2
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
            shapes[f"weight{layer}"] = (n_out, n_in) if layer == last else (n_in, n_out)
            shapes[f"bias{layer}"] = (n_out, 1) if layer == last else (1, n_out)
            if norm == "layer" and layer != last:
                shapes[f"scale{layer}"] = shapes[f"shift{layer}"] = (1, n_out)
        self.stack = ParameterStack(shapes, self.n_models, dtype, device)
        self._stages: list[Stage] = []
        for layer in range(last):
            self._stages.append(Dense(self.stack, str(layer), first=layer == 0))
            if norm == "layer":
                self._stages.append(LayerNorm(self.stack, str(layer)))
                self.stack.value(f"scale{layer}").fill_(1.0)
            self._stages.append(Nonlinearity(groups))
        self._stages.append(Readout(self.stack, str(last)))

    def initialise(self, gains: Mapping[int, float | None], generator: np.random.Generator) -> None:
        """Sets the parameters of the models that share a seed, from the same draws.

        With a gain: hidden weights N(0, (gain/√fan_in)²), output weights N(0, 1/fan_in), biases 0.
        With None, the framework's default for a linear layer: weights and biases uniform in
        ±1/√fan_in.

        Args:
            gains: Position of the model in the stack, and its gain.
            generator: Freshly seeded; what it draws depends on ``sizes`` alone.
        """
        last = len(self.sizes) - 2
        for layer, (n_in, n_out) in enumerate(pairwise(self.sizes)):
            weight, bias = self.stack.value(f"weight{layer}"), self.stack.value(f"bias{layer}")
            # Both kinds are drawn at every call, so that neither moves the next layer's draws.
            draws = torch.from_numpy(generator.standard_normal((n_in, n_out)))
            uniform = torch.from_numpy(generator.uniform(-1.0, 1.0, (n_in + 1, n_out)))
            for model, gain in gains.items():
                if gain is None:
                    found, offset = uniform[1:] / sqrt(n_in), uniform[0] / sqrt(n_in)
                else:
                    scale = (1.0 if layer == last else gain) / sqrt(n_in)
                    found, offset = draws * scale, torch.zeros(n_out)
                weight[model] = found.T if layer == last else found
                bias[model] = offset.view(bias.shape[1:])

    def logits(self, x: Tensor) -> Tensor:
        """Logits (K, C, B) for features x, (K, B, features), or (B, features) for all alike."""
        h = x if x.ndim == 3 else x.expand(self.n_models, *x.shape)
        for stage in self._stages:
            h = stage.forward(h)
        return h

    def backpropagate(self, x: Tensor, targets: Tensor) -> None:
        """Writes the gradient of the mean cross-entropy over the batch into ``stack.gradients``.

        Args:
            x: Features (K, B, features).
            targets: One-hot classes (K, C, B).
        """
        d = torch.softmax(self.logits(x), 1).sub_(targets).div_(x.shape[1])
        for stage in reversed(self._stages):
            d = stage.backward(d)
