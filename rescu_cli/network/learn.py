"""Training that must have learned something, for experiments whose results rest on it."""

from __future__ import annotations

import torch
from torch import nn

from rescu_cli.errors import UsageError
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.training import Training, cross_entropy, fit, logits


def learn(
    model: nn.Module, examples: Examples, training: Training, seed: int, *, what: str
) -> None:
    """`fit`, refusing what diverged.

    Args:
        model: Trained in place.
        examples: Data.
        training: Recipe.
        seed: Of the order of the examples.
        what: The network, for the error.

    Raises:
        UsageError: If the loss on the training part is not finite, or higher than before.
    """
    before = _loss(model, examples)
    fit(model, examples, training, seed)
    after = _loss(model, examples)
    if not after <= before:  # NaN is not
        raise UsageError(
            f"{what} diverged: training at rate {training.lr:g} took its loss from {before:.3g} to "
            f"{after:.3g}. Nothing can be learned from it; take a lower rate (--lr)."
        )


def _loss(model: nn.Module, examples: Examples) -> float:
    labels = torch.from_numpy(examples.y_train.copy())
    return float(cross_entropy(logits(model, examples.x_train), labels, torch.empty(0)))
