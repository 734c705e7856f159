"""Training of one toy model: Adam along half a cosine, as `compare` trains its stacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rescu_cli.errors import UsageError
from rescu_cli.network.toy.examples import Examples

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, labels, features) ↦ a scalar."""

EXAMPLES_AT_ONCE = 1024  # when a network is judged


@dataclass(frozen=True)
class Training:
    """How a toy model is trained.

    Args:
        epochs: Passes over the training part, at least 1.
        lr: First learning rate, positive; it falls to 0 along half a cosine.
        batch_size: Examples per step, at least 1; the last batch of an epoch may be smaller.
    """

    epochs: int = 30
    lr: float = 1e-3
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not 0 < self.lr < float("inf"):
            raise UsageError(
                f"Training of {self.epochs} epochs at rate {self.lr:g} in batches of "
                f"{self.batch_size} asked; all three must be positive."
            )


def cross_entropy(logits: Tensor, labels: Tensor, features: Tensor) -> Tensor:
    """Mean of −ln p of the labels."""
    return nn.functional.cross_entropy(logits, labels)


def fit(
    model: nn.Module,
    examples: Examples,
    training: Training,
    seed: int,
    *,
    loss: Loss = cross_entropy,
    parameters: Iterable[nn.Parameter] | None = None,
    after_step: Callable[[], None] | None = None,
    after_epoch: Callable[[int], None] | None = None,
) -> None:
    """Trains a model in place.

    Args:
        model: From features (batch, n_features) to logits (batch, n_classes).
        examples: Data.
        training: Recipe.
        seed: Of the order of the examples.
        loss: What is minimised.
        parameters: Which parameters; all of the model if None.
        after_step: Called after every update, e.g. to put pruned weights back to 0.
        after_epoch: Called with the number of epochs done.
    """
    dtype = next(model.parameters()).dtype
    x = torch.from_numpy(examples.x_train.copy()).to(dtype)
    y = torch.from_numpy(examples.y_train.copy())
    generator = np.random.default_rng(seed)
    chosen = list(model.parameters() if parameters is None else parameters)
    optimizer = torch.optim.Adam(chosen, lr=training.lr, fused=True)
    n_steps, step = ceil(len(x) / training.batch_size) * training.epochs, 0
    model.train()
    for epoch in range(training.epochs):
        order = torch.from_numpy(generator.permutation(len(x)))
        for rows in torch.split(order, training.batch_size):
            optimizer.param_groups[0]["lr"] = training.lr * 0.5 * (1 + cos(pi * step / n_steps))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss(model(x[rows]), y[rows], x[rows]))
            optimizer.step()
            step += 1
            if after_step is not None:
                after_step()
        if after_epoch is not None:
            after_epoch(epoch + 1)
    model.eval()


def logits(model: nn.Module, x: NDArray[np.float32]) -> Tensor:
    """Outputs for features (n, n_features), in evaluation mode and without a graph."""
    dtype = next(model.parameters()).dtype
    was = model.training
    model.eval()
    with torch.no_grad():
        parts = torch.split(torch.from_numpy(x.copy()).to(dtype), EXAMPLES_AT_ONCE)
        found = torch.cat([model(part) for part in parts])
    model.train(was)
    return found


def accuracy(model: nn.Module, x: NDArray[np.float32], y: NDArray[np.int64]) -> float:
    """Share of examples whose largest logit is the label's."""
    return float((logits(model, x).argmax(1).numpy() == y).mean())
