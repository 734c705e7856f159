"""A stacked network: K models of one shape as a chain of stages, with one loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from rescu_cli.experiment.models.parameters import ParameterStack
from rescu_cli.experiment.models.stages import (
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Group,
    LayerNorm,
    Nonlinearity,
    Patches,
    Readout,
    Stage,
    Window,
)


@dataclass(frozen=True)
class Layer:
    """One hidden layer: a product, perhaps of patches, a norm, the activation, dropout.

    Args:
        n_in: Numbers that a unit sees.
        n_out: Units, or channels of a convolution.
        window: Of a convolution; None for a dense layer.
    """

    n_in: int
    n_out: int
    window: Window | None = None

    @property
    def units(self) -> int:
        """Numbers that an example has behind the layer."""
        places = 1 if self.window is None else self.window.n_rows * self.window.n_columns
        return self.n_out * places


@dataclass(frozen=True)
class Plan:
    """The shape of a network.

    Args:
        layers: Hidden layers, at least one.
        n_read: Numbers that the output layer sees.
        n_outputs: Classes, or 1 for a regression.
        cardinalities: Of the categorical columns, which come first; each has an embedding.
        embedding: Numbers per category.
        order: Places of the features as the first layer wants them; None for as they are.
    """

    layers: tuple[Layer, ...]
    n_read: int
    n_outputs: int
    cardinalities: tuple[int, ...] = ()
    embedding: int = 0
    order: tuple[int, ...] | None = None

    def shapes(self, norm: str = "none") -> dict[str, tuple[int, ...]]:
        """Shape of each parameter of one model."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.cardinalities:
            shapes["embedding"] = (sum(self.cardinalities), self.embedding)
        for number, layer in enumerate(self.layers):
            shapes[f"weight{number}"] = (layer.n_in, layer.n_out)
            shapes[f"bias{number}"] = (1, layer.n_out)
            if norm != "none":
                shapes[f"scale{number}"] = shapes[f"shift{number}"] = (1, layer.n_out)
        last = len(self.layers)
        shapes[f"weight{last}"] = (self.n_outputs, self.n_read)
        shapes[f"bias{last}"] = (self.n_outputs, 1)
        return shapes

    @property
    def n_computed(self) -> int:
        """Numbers that the layers of one model compute of one example, patches included."""
        return self.n_read + sum(
            places * (layer.n_out + (layer.n_in if layer.window else 0))
            for layer in self.layers
            for places in [layer.window.n_rows * layer.window.n_columns if layer.window else 1]
        )

    @property
    def n_parameters(self) -> int:
        """Of one model, norms left out."""
        return sum(int(np.prod(shape)) for shape in self.shapes().values())


@dataclass(frozen=True)
class Build:
    """How the layers of a plan are built.

    Args:
        norm: ``none``, ``layer`` or ``batch`` (between the product and the activation).
        dropout: Share of units that are dropped after each activation, 0 … 1.
        dtype: Floating type.
        device: Where the parameters live.
    """

    norm: str = "none"
    dropout: float = 0.0
    dtype: torch.dtype = torch.float32
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


class StackedNetwork:
    """K networks with cross-entropy or squared loss; neighbours share an activation.

    Args:
        plan: Their shape.
        groups: The activations and how many models each has; K is their sum.
        build: How layers are built.
        masks: Draws the dropout masks: (rows, features) ↦ a uniform number for each, of each model
            (K, rows, features). Needed if there is dropout.
    """

    def __init__(
        self,
        plan: Plan,
        groups: Sequence[Group],
        build: Build | None = None,
        masks: Callable[[int, int], Tensor] | None = None,
    ) -> None:
        build = build or Build()
        self.plan = plan
        self.n_models = sum(group.n_models for group in groups)
        self.stack = ParameterStack(
            plan.shapes(build.norm), self.n_models, build.dtype, build.device
        )
        self._modes: list[BatchNorm | Dropout] = []
        self._stages: list[Stage] = []
        if plan.cardinalities:
            self._stages.append(Embedding(self.stack, plan.cardinalities))
        for number, layer in enumerate(plan.layers):
            first = number == 0 and not plan.cardinalities
            if layer.window is not None:
                self._stages.append(Patches(layer.window, first=first))
            self._stages.append(Dense(self.stack, str(number), first=first))
            if build.norm != "none":
                kind = LayerNorm if build.norm == "layer" else BatchNorm
                stage = kind(self.stack, str(number))
                self.stack.value(f"scale{number}").fill_(1.0)
                self._keep(stage)
            self._stages.append(Nonlinearity(groups))
            if build.dropout > 0 and masks is not None:
                self._keep(Dropout(build.dropout, masks))
        self._stages.append(Readout(self.stack, str(len(plan.layers))))

    def _keep(self, stage: LayerNorm | BatchNorm | Dropout) -> None:
        self._stages.append(stage)
        if not isinstance(stage, LayerNorm):
            self._modes.append(stage)

    def train(self, training: bool = True) -> None:
        """Whether norms take the batch's moments and units are dropped, or neither."""
        for stage in self._modes:
            stage.training = training

    def initialise(self, gains: Mapping[int, float | None], generator: np.random.Generator) -> None:
        """Sets the parameters of the models that share a seed, from the same draws.

        With a gain: hidden weights N(0, (gain/√fan_in)²), output weights N(0, 1/fan_in), biases 0.
        With None, the framework's default for a linear layer: weights and biases uniform in
        ±1/√fan_in. Embeddings are N(0, 1/dimension) either way.

        Args:
            gains: Position of the model in the stack, and its gain.
            generator: Freshly seeded; what it draws depends on the plan alone.
        """
        layers = [(layer.n_in, layer.n_out) for layer in self.plan.layers]
        layers.append((self.plan.n_read, self.plan.n_outputs))
        last = len(layers) - 1
        for layer, (n_in, n_out) in enumerate(layers):
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
        if self.plan.cardinalities:
            table = self.stack.value("embedding")
            drawn = torch.from_numpy(generator.standard_normal(table.shape[1:]))
            for model in gains:
                table[model] = drawn / sqrt(self.plan.embedding)

    def outputs(self, x: Tensor) -> Tensor:
        """Logits, or the values of a regression, (K, C, B) for features (K, B, F) or (B, F)."""
        h = x if x.ndim == 3 else x.expand(self.n_models, *x.shape)
        for stage in self._stages:
            h = stage.forward(h)
        return h

    def backpropagate(self, x: Tensor, targets: Tensor) -> Tensor:
        """Writes the gradient of the mean loss over the batch into ``stack.gradients``.

        The loss is the cross-entropy −Σ_c t_c·ln p_c; of a single output, half the squared error.

        Args:
            x: Features (K, B, F).
            targets: One-hot classes (K, C, B), or values (K, 1, B).

        Returns:
            Each model's summed loss over the batch, (K,), before this step.
        """
        out = self.outputs(x)
        if self.plan.n_outputs == 1:
            d = out.sub_(targets)
            loss = d.square().sum((1, 2)).mul_(0.5)
        else:
            d = torch.softmax(out, 1)
            likely = (d * targets).sum(1).clamp_min_(torch.finfo(d.dtype).tiny)
            loss = likely.log_().sum(1).neg_()
            d.sub_(targets)
        d.div_(x.shape[1])
        for stage in reversed(self._stages):
            d = stage.backward(d)
        return loss
