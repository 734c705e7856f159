"""Training a tiny language model on windows of text; every bit follows from the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, cos, isfinite, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.sequence.language.model import Gate, LanguageModel

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adagrad": torch.optim.Adagrad,
}


def windows_of(tokens: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """A text cut into windows that do not overlap, (n, length); a ragged rest is dropped.

    Raises:
        UsageError: If the text is shorter than one window.
    """
    if length < 2 or len(tokens) < length:
        raise UsageError(
            f"A text of {len(tokens)} tokens asked to be cut into windows of {length}; a window "
            "has two tokens at least and the text one window."
        )
    n = len(tokens) // length
    return np.ascontiguousarray(tokens[: n * length]).reshape(n, length)


class Training:
    """One model in training, epoch by epoch.

    Adam's rate falls to 0 along half a cosine; AdaGrad's stays.

    Args:
        model: Changed in place.
        windows: Int64 (n, T + 1); each position but the last predicts the next token.
        n_epochs: Of the whole training.
        lr: First learning rate.
        batch_size: Windows per step.
        optimizer: ``adam`` or ``adagrad``.
    """

    def __init__(
        self,
        model: LanguageModel,
        windows: Tensor,
        *,
        n_epochs: int,
        lr: float,
        batch_size: int,
        optimizer: str = "adam",
    ) -> None:
        self.model = model
        self._windows, self._lr, self._batch_size = windows, lr, batch_size
        self._n_epochs, self._cosine = n_epochs, optimizer == "adam"
        self._optimizer = OPTIMIZERS[optimizer](model.parameters(), lr=lr)
        self._number = 0

    def epoch(self, order: NDArray[np.int64]) -> float:
        """Train once over the windows in this order; the mean loss per position, in nats."""
        total = 0.0
        n_steps = ceil(len(order) / self._batch_size) * self._n_epochs
        for rows in self._batches(torch.from_numpy(order)):
            if self._cosine:
                for group in self._optimizer.param_groups:
                    group["lr"] = self._lr * 0.5 * (1 + cos(pi * self._number / n_steps))
            self._number += 1
            self._optimizer.zero_grad(set_to_none=True)
            loss = next_token_loss(self.model, self._windows[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            total += float(loss.detach()) * len(rows)
        return total / len(order)

    def _batches(self, order: Tensor) -> Iterator[Tensor]:
        yield from torch.split(order, self._batch_size)


def next_token_loss(model: LanguageModel, windows: Tensor) -> Tensor:
    """Mean cross-entropy over all positions of windows (B, T + 1)."""
    logits = model(windows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def train_language_model(
    windows: NDArray[np.int64],
    gate: Gate | None,
    *,
    n_tokens: int,
    seed: int,
    width: int = 32,
    n_layers: int = 2,
    n_heads: int = 2,
    ffn: Gate = functional.gelu,
    gain: float | None = None,
    n_epochs: int = 10,
    lr: float = 3e-3,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> LanguageModel:
    """A trained model: the same seed gives the same bits.

    Args:
        windows: Int64 (n, T + 1), tokens 0 … ``n_tokens`` − 1 (`windows_of` cuts a text).
        gate: See `LanguageModel`.
        n_tokens: Characters of the alphabet.
        seed: Of the first weights and the order of the windows. Models of one seed share both.
        width: Of the stream.
        n_layers: Blocks.
        n_heads: Of each retention.
        ffn: Activation of the dense layers.
        gain: Of the gate's initialisation; None for the framework's default.
        n_epochs: Passes over the windows.
        lr: First learning rate, falling to 0 along half a cosine.
        batch_size: Windows per step.
        progress: Called with the number of epochs done.

    Raises:
        UsageError: If there is no window, or the loss is not finite after an epoch.
    """
    if windows.ndim != 2 or len(windows) == 0 or windows.shape[1] < 2:
        raise UsageError(
            f"Windows of shape {windows.shape} given; there must be one at least, with two tokens."
        )
    model = LanguageModel(
        n_tokens, gate, width=width, n_layers=n_layers, n_heads=n_heads, ffn=ffn, gain=gain,
        generator=np.random.default_rng([1, seed]),
    )  # fmt: skip
    training = Training(
        model, torch.tensor(windows), n_epochs=n_epochs, lr=lr, batch_size=batch_size
    )
    order = np.random.default_rng([2, seed])
    for number in range(n_epochs):
        loss = training.epoch(order.permutation(len(windows)))
        if not isfinite(loss):
            raise UsageError(
                f"Training of seed {seed} diverged in epoch {number + 1}: loss {loss}. Try a "
                "smaller learning rate."
            )
        if progress is not None:
            progress(number + 1)
    return model.eval()
