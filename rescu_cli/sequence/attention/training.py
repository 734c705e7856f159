"""Training of the small encoder–decoders, what they have learnt, and how long a step takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cos, isfinite, pi
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rescu_cli.errors import UsageError
from rescu_cli.sequence.attention.kinds import Kind
from rescu_cli.sequence.attention.layer import Shape
from rescu_cli.sequence.attention.masks import of_keys
from rescu_cli.sequence.attention.measures import (
    Alignment,
    Measures,
    alignment,
    mean_map,
    measure,
)
from rescu_cli.sequence.attention.toy import Pairs, generate
from rescu_cli.sequence.attention.transformer import EncoderDecoder, build

N_TRAIN, N_TEST = 4096, 512
TRAIN_SEED, TEST_SEED = 1_000_003, 1_000_033
"""Of the examples, which are the same for all models."""
ROUNDS = 15
MOST_WEIGHTS = 2**16  # heads * seq^2: all test sequences are judged at once


@dataclass(frozen=True)
class Recipe:
    """How the encoder–decoders are built and trained.

    Args:
        task: Of `toy.TASKS`.
        shape: Width and heads.
        seq: Longest sequence.
        norm: Of `layer.NORMS`, for activations.
        steps: Updates, at least 1.
        lr: First learning rate of Adam; it falls to 0 along half a cosine.
        batch_size: Pairs of sequences per step.

    Raises:
        UsageError: If a number is out of range.
    """

    task: str
    shape: Shape = field(default_factory=Shape)
    seq: int = 12
    norm: str = "gated"
    steps: int = 600
    lr: float = 5e-3
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.steps < 1 or not (isfinite(self.lr) and self.lr > 0):
            raise UsageError(
                f"Training of {self.steps} steps at rate {self.lr:g} asked; both must be positive, "
                "and the rate finite."
            )
        if not 1 <= self.batch_size <= N_TRAIN:
            raise UsageError(
                f"Batches of {self.batch_size} pairs asked; there are {N_TRAIN} to train on, so "
                f"from 1 to {N_TRAIN}."
            )
        if self.shape.heads * self.seq**2 > MOST_WEIGHTS:
            raise UsageError(
                f"{self.shape.heads} heads on sequences of length {self.seq} have "
                f"{self.shape.heads * self.seq**2:,} weights per sequence; at most "
                f"{MOST_WEIGHTS:,} are taken."
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "task": self.task, "width": self.shape.width, "heads": self.shape.heads,
            "seq": self.seq, "norm": self.norm, "steps": self.steps, "lr": self.lr,
            "batch_size": self.batch_size, "n_train": N_TRAIN, "n_test": N_TEST,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Lesson:
    """The examples: those to learn from and those that judge."""

    train: Pairs
    test: Pairs

    @classmethod
    def of(cls, task: str, seq: int) -> Lesson:
        return cls(generate(task, N_TRAIN, seq, TRAIN_SEED), generate(task, N_TEST, seq, TEST_SEED))

    @property
    def known_share(self) -> float:
        """Share of the sources that judge which are also among those to learn from.

        Of short sequences there are not enough different ones to keep them apart.
        """
        known = {tuple(row) for row in self.train.source.tolist()}
        return sum(tuple(row) in known for row in self.test.source.tolist()) / len(self.test)


@dataclass(frozen=True, eq=False)
class Learnt:
    """A trained model on the test sequences, the true target tokens fed.

    Args:
        accuracy: Share of the target's tokens that are right.
        exact: Share of the sequences that are right throughout. A sequence is right so if and only
            if it is when the model's own tokens are fed (ties aside): up to the first error they
            are the true ones.
        alignment: Of the cross-attention.
        measures: Of the cross-attention's weights.
        probabilities: Of the target's tokens, float64, shape (n tokens, SYMBOLS).
        example: Mean map of the heads on the first sequence, (target's length, source's length).
    """

    accuracy: float
    exact: float
    alignment: Alignment
    measures: Measures
    probabilities: NDArray[np.float64]
    example: NDArray[np.float64]


def train(recipe: Recipe, lesson: Lesson, kind: Kind, seed: int) -> Learnt | None:
    """One model; None if its numbers did not stay finite.

    Args:
        recipe: What to do.
        lesson: Of the recipe's task.
        kind: Of attention.
        seed: Of the first weights and of the order of the examples, both the same for all kinds.
    """
    model = build(recipe.shape, recipe.seq, kind, recipe.norm, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, fused=True)
    generator, order = np.random.default_rng(seed), torch.empty(0, dtype=torch.int64)
    for step in range(recipe.steps):
        if len(order) < recipe.batch_size:
            order = torch.from_numpy(generator.permutation(len(lesson.train)))
        rows, order = order[: recipe.batch_size], order[recipe.batch_size :]
        optimizer.param_groups[0]["lr"] = recipe.lr * 0.5 * (1 + cos(pi * step / recipe.steps))
        if not _step(model, optimizer, lesson.train.rows(rows)):
            return None
    return _judge(model, lesson.test)


def step_seconds(
    recipe: Recipe, lesson: Lesson, kinds: Sequence[Kind], rounds: int = ROUNDS
) -> tuple[list[float], list[float]]:
    """How long one update takes, in turns, so that other work on the machine falls on all alike.

    Returns:
        For each kind the median of its seconds, and the median over rounds of the first kind's
        seconds over its own: its speed relative to the first.
    """
    batch = lesson.train.rows(slice(recipe.batch_size))
    runners = []
    for kind in kinds:
        model = build(recipe.shape, recipe.seq, kind, recipe.norm, 0)
        runners.append((model, torch.optim.Adam(model.parameters(), lr=0.0, fused=True)))
    for runner in runners:
        _step(*runner, batch)
    table: list[list[float]] = []
    for number in range(rounds):
        row = [0.0] * len(runners)
        for turn in range(len(runners)):
            place = (turn + number) % len(runners)
            start = time.perf_counter()
            _step(*runners[place], batch)
            row[place] = time.perf_counter() - start
        table.append(row)
    columns = list(zip(*table, strict=True))
    return (
        [median(column) for column in columns],
        [median(a / b for a, b in zip(columns[0], column, strict=True)) for column in columns],
    )


def _step(model: EncoderDecoder, optimizer: torch.optim.Optimizer, batch: Pairs) -> bool:
    """One update; whether the loss was finite."""
    optimizer.zero_grad(set_to_none=True)
    logits, _ = model(batch)
    loss = nn.functional.cross_entropy(logits[batch.wanted], batch.symbols[batch.wanted])
    torch.autograd.backward(loss)
    optimizer.step()
    return bool(loss.isfinite())


def _judge(model: EncoderDecoder, test: Pairs) -> Learnt | None:
    with torch.no_grad():
        logits, weights = model(test)
    if not (bool(logits.isfinite().all()) and bool(weights.isfinite().all())):
        return None
    right = (logits.argmax(-1) == test.symbols) | ~test.wanted
    # Queries that only pad look at something too; what they do is no part of the task.
    mask = of_keys(test.there) & test.wanted[:, None, :, None]
    return Learnt(
        accuracy=float(right[test.wanted].double().mean()),
        exact=float(right.all(1).double().mean()),
        alignment=alignment(weights, mask, test.truth, test.wanted),
        measures=measure(weights.masked_fill(~mask, 0), mask, model.cross.kind.name),
        probabilities=_probabilities(logits[test.wanted]),
        example=_first(mean_map(weights, mask)[0], test),
    )


def _probabilities(logits: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = logits.double().softmax(-1).numpy()
    return found


def _first(drawn: Tensor, test: Pairs) -> NDArray[np.float64]:
    kept: NDArray[np.float64] = drawn[test.wanted[0]][:, test.there[0]].numpy()
    return kept
