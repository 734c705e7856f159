"""Learning from the full network: the loss, and a loop for searches that may stop early."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn

from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.training import Loss

TEMPERATURE = 4.0


def distillation(teacher: nn.Module, temperature: float = TEMPERATURE) -> Loss:
    """CE + KD, as a loss of (logits, labels, features).

    CE is the mean of −ln p of the labels; KD = T²·KL(softmax(t/T) ‖ softmax(s/T)) with the logits t
    of the teacher and s of the student (Hinton et al. 2015). T² keeps its gradient's size.

    Args:
        teacher: Frozen; asked about each batch.
        temperature: T > 0.
    """

    def loss(logits: Tensor, labels: Tensor, features: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = torch.log_softmax(teacher(features) / temperature, 1)
        given = torch.log_softmax(logits / temperature, 1)
        divergence = nn.functional.kl_div(given, wanted, reduction="batchmean", log_target=True)
        return nn.functional.cross_entropy(logits, labels) + temperature**2 * divergence

    return loss


def search(
    model: nn.Module, examples: Examples, groups: Iterable[tuple[Iterable[nn.Parameter], float]],
    loss: Loss, seed: int, *, epochs: int, batch_size: int, after_step: Callable[[int], bool],
) -> int:  # fmt: skip
    """Adam at constant rates until it is told to stop.

    Args:
        model: Trained in place.
        examples: Data.
        groups: Parameters with their learning rates.
        loss: What is minimised.
        seed: Of the order of the examples.
        epochs: At most so many.
        batch_size: Examples per step.
        after_step: Called with the number of steps done; True ends the search.

    Returns:
        Epochs begun.
    """
    x = torch.from_numpy(examples.x_train.copy())
    y = torch.from_numpy(examples.y_train.copy())
    generator = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(
        [{"params": list(parameters), "lr": rate} for parameters, rate in groups], fused=True
    )
    model.train()
    step = 0
    for epoch in range(epochs):
        order = torch.from_numpy(generator.permutation(len(x)))
        for rows in torch.split(order, batch_size):
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss(model(x[rows]), y[rows], x[rows]))
            optimizer.step()
            step += 1
            if after_step(step):
                return epoch + 1
    return epochs
