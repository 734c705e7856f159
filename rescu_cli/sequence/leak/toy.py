"""Tiny language models that learn a corpus with a planted association, and what they then write.

A model sees the last eight tokens: embeddings, one hidden layer with the activation, a softmax
over the next token. All draws come from the seed, one stream for each purpose, so that the
activations of a seed share corpus, first weights (up to the gain), order, prompts and the draws of
the sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.export import torch_functions
from rescu_cli.sequence.leak import grammar
from rescu_cli.sequence.leak.pairs import Pair
from rescu_cli.sequence.leak.rate import Judged, LeakRate, judge, leak_rate

EMBEDDING = 12
MOST_TOKENS = 3
"""Of an output: ``fresh``, the thing, the full stop."""
_CORPUS, _WEIGHTS, _ORDER, _PROMPTS, _SAMPLING = range(5)


@dataclass(frozen=True)
class ToyPlan:
    """How the models are trained and asked.

    Args:
        sentences: Texts of the corpus, at least 1.
        prompts: Pairs of prompts for each model, at least 1.
        hidden: Units, at least 1.
        epochs: Passes over the corpus, at least 1.
        lr: First learning rate of Adam, positive; it falls to 0 along half a cosine.
        batch_size: Tokens per step, at least 1.
    """

    sentences: int = 2000
    prompts: int = 512
    hidden: int = 64
    epochs: int = 6
    lr: float = 5e-3
    batch_size: int = 128

    def __post_init__(self) -> None:
        asked = {
            "sentences": (self.sentences, grammar.MOST_TEXTS),
            "prompts": (self.prompts, 1_000_000),
            "hidden": (self.hidden, 10_000),
            "epochs": (self.epochs, 10_000),
            "batch_size": (self.batch_size, 1_000_000),
        }
        for name, (value, most) in asked.items():
            if not 1 <= value <= most:
                raise UsageError(f"{name} {value} asked; 1 to {most:,} are possible.")
        if not 0 < self.lr < float("inf"):
            raise UsageError(f"A learning rate of {self.lr:g} asked; it must be positive.")


@dataclass(frozen=True)
class Asked:
    """What one model wrote.

    Args:
        judged: Every pair of outputs.
        rate: Their leak rate.
        blank: Share of the outputs that name no thing.
    """

    judged: tuple[Judged, ...]
    rate: LeakRate
    blank: float


class WindowModel(nn.Module):
    """From the last tokens, shape (n, LONGEST), to logits of the next one, (n, words).

    Args:
        function: The activation.
        hidden: Units.
        gain: The hidden weights are N(0, (gain/√fan_in)²).
        generator: Of the weights.
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], hidden: int, gain: float,
        generator: torch.Generator,
    ) -> None:  # fmt: skip
        super().__init__()
        n_words, n_inputs = len(grammar.WORDS), grammar.LONGEST * EMBEDDING

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * scale)

        self._function = function
        self.embedding = normal(n_words, EMBEDDING, scale=1.0)
        self.inner = normal(n_inputs, hidden, scale=gain / n_inputs**0.5)
        self.inner_bias = nn.Parameter(torch.zeros(hidden))
        self.outer = normal(hidden, n_words, scale=1 / hidden**0.5)
        self.outer_bias = nn.Parameter(torch.zeros(n_words))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding[tokens].flatten(1)
        return self._function(x @ self.inner + self.inner_bias) @ self.outer + self.outer_bias


def train_model(
    activation: Activation, strength: float, plan: ToyPlan, seed: int
) -> WindowModel:  # fmt: skip
    """One model on the corpus of a seed.

    Args:
        activation: Every parameter bound.
        strength: Of the association, in [0, 1].
        plan: Recipe.
        seed: At least 0.

    Raises:
        UsageError: If training diverged.
    """
    weights = torch.Generator().manual_seed(int(_stream(seed, _WEIGHTS).integers(2**62)))
    function = torch_functions(activation).function
    model = WindowModel(function, plan.hidden, activation.init_gain or 1.0, weights)
    corpus = grammar.draw_corpus(plan.sentences, strength, _stream(seed, _CORPUS))
    x, y = (torch.from_numpy(part) for part in grammar.contexts(corpus))
    order = _stream(seed, _ORDER)
    optimizer = torch.optim.Adam(model.parameters(), lr=plan.lr, fused=True)
    n_steps, step = ceil(len(x) / plan.batch_size) * plan.epochs, 0
    for _ in range(plan.epochs):
        for rows in torch.split(torch.from_numpy(order.permutation(len(x))), plan.batch_size):
            optimizer.param_groups[0]["lr"] = plan.lr * 0.5 * (1 + cos(pi * step / n_steps))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(nn.functional.cross_entropy(model(x[rows]), y[rows]))
            optimizer.step()
            step += 1
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        raise UsageError(
            f"Training diverged with {activation.spec}, strength {strength:g}, seed {seed}: a "
            f"weight is no number. Try a learning rate smaller than {plan.lr:g}."
        )
    return model


def ask_model(model: nn.Module, n_prompts: int, seed: int) -> Asked:
    """Outputs sampled for pairs of prompts, and their leak rate.

    Args:
        model: From tokens (n, LONGEST) to logits.
        n_prompts: How many pairs.
        seed: Of the prompts and the sampling; control and test have their own draws.
    """
    prompts = grammar.draw_prompts(n_prompts, _stream(seed, _PROMPTS))
    draws = _stream(seed, _SAMPLING).random((2, MOST_TOKENS, n_prompts))
    control = _written(model, prompts.control, draws[0])
    test = _written(model, prompts.test, draws[1])
    similarity = grammar.circle()
    pairs = [
        Pair(grammar.COLOURS[c], s, t)
        for c, s, t in zip(prompts.colours, control, test, strict=True)
    ]
    judged = judge(pairs, similarity)
    blank = sum(similarity.of(text) is None for text in [*control, *test]) / (2 * n_prompts)
    return Asked(tuple(judged), leak_rate(judged), blank)


def _written(model: nn.Module, prompts: NDArray[np.int64], draws: NDArray[np.float64]) -> list[str]:
    """One output for each prompt, each token drawn by the inverse of its distribution."""
    seen = torch.from_numpy(prompts)
    written = []
    with torch.no_grad():
        for uniform in draws:
            share = torch.softmax(model(seen).double(), 1).cumsum(1)
            # The last sum may fall short of 1 by rounding, and a draw lie above it.
            drawn = (torch.from_numpy(uniform)[:, None] >= share[:, :-1]).sum(1)
            written.append(drawn)
            seen = torch.cat([seen[:, 1:], drawn[:, None]], 1)
    return [grammar.spelled(tokens) for tokens in torch.stack(written, 1).tolist()]


def _stream(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose])
