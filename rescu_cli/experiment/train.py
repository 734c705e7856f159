"""Trains all models of a batch at once: stacked weights, batched products, one Adam over all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import ceil, cos, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.adam import adam

from rescu_cli.experiment.draws import data_order, generator_for
from rescu_cli.experiment.models import load_model
from rescu_cli.experiment.models.stages import Group, Outputs
from rescu_cli.experiment.threads import one_thread_per_kernel, run_together

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.models.mlp import StackedMLP
    from rescu_cli.experiment.models.stages import ElementwiseCode

MODELS_PER_THREAD = 12  # with fewer, threads mostly wait for each other's interpreter lock
EXAMPLES_AT_ONCE = 256  # when a trained network is judged
BETAS, EPS = (0.9, 0.999), 1e-8  # Kingma and Ba's, and the framework's, defaults


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the same for every cell of an experiment.

    Args:
        model: Name in the table of models.
        hidden: Hidden widths.
        norm: ``none`` or ``layer``.
        vary: What differs between seeds: ``init``, ``order`` or both.
        epochs: Passes over the training part.
        lr: Adam's first learning rate; it falls to 0 along half a cosine.
        batch_size: Examples per step; the last batch of an epoch may be smaller.
        dtype: ``float32`` or ``float64``.
        device: A torch device.
    """

    model: str
    hidden: tuple[int, ...]
    norm: str
    vary: tuple[str, ...]
    epochs: int
    lr: float
    batch_size: int
    dtype: str
    device: str


@dataclass(frozen=True)
class Trained:
    """One trained model as judged on the test part.

    Args:
        probabilities: Float32, shape (n_test, n_classes); NaN where training diverged.
        accuracy: Share of test examples whose most probable class is the label.
        loss: Mean cross-entropy on the test part; infinite or NaN if training diverged.
        train_loss: The same on the training part.
        diverged: Whether a loss or a probability is not finite.
        seconds: Wall time of the batch, divided by its number of models.
    """

    probabilities: NDArray[np.float32]
    accuracy: float
    loss: float
    train_loss: float
    diverged: bool
    seconds: float


@dataclass(frozen=True)
class Member:
    """One model of a stack.

    Args:
        code: Number of its activation in the list of codes.
        gain: Its initialisation gain; None for the framework's default initialisation.
        seed: Its seed, not negative.
    """

    code: int
    gain: float | None
    seed: int


def train(
    codes: Sequence[ElementwiseCode],
    members: Sequence[Member],
    dataset: Dataset,
    recipe: Recipe,
    progress: Callable[[int], None] | None = None,
) -> list[Trained]:
    """Trains models together, in one stack for each thread that PyTorch may use and that pays.

    A model's result depends on its own activation and seed, bit for bit, and not on its company
    nor on the number of threads: the draws are per seed, the products per model, the rest
    elementwise, and each kernel runs in one thread. (Splitting small kernels over threads is also
    no faster, and many times slower on a machine that is busy otherwise.)

    Args:
        codes: Generated code of each activation: what is measured is what is exported.
        members: The models.
        dataset: Data.
        recipe: Everything else.
        progress: Called in this thread with the number of epochs that all models have done.

    Returns:
        One `Trained` per member.
    """
    started = time.perf_counter()
    # Neighbours share an activation; dealing them out in turn balances dear and cheap ones.
    order = sorted(range(len(members)), key=lambda i: members[i].code)
    found: dict[int, Trained] = {}
    with one_thread_per_kernel() as n_threads:
        useful = ceil(len(members) / MODELS_PER_THREAD)
        n_stacks = min(n_threads, useful) if recipe.device == "cpu" else 1
        shares = [order[start::n_stacks] for start in range(n_stacks)]

        def task(share: Sequence[int], tick: Callable[[int], None]) -> list[Trained]:
            return _train_stack(codes, [members[i] for i in share], dataset, recipe, tick)

        for share, results in zip(shares, run_together(task, shares, progress), strict=True):
            found.update(zip(share, results, strict=True))
    seconds = (time.perf_counter() - started) / len(members)
    return [replace(found[i], seconds=seconds) for i in range(len(members))]


def _train_stack(
    codes: Sequence[ElementwiseCode],
    members: Sequence[Member],
    dataset: Dataset,
    recipe: Recipe,
    tick: Callable[[int], None],
) -> list[Trained]:
    """Trains one stack in the calling thread; members come sorted by their code."""
    dtype, device = getattr(torch, recipe.dtype), torch.device(recipe.device)
    # Inference mode: no graph is recorded, and tensors carry no version counters.
    with torch.inference_mode():
        network = load_model(recipe.model)(
            (dataset.n_features, *recipe.hidden, dataset.n_classes),
            [
                Group(codes[code], len(list(same)))
                for code, same in groupby(members, key=lambda member: member.code)
            ],
            norm=recipe.norm,
            dtype=dtype,
            device=device,
        )
        seeds = [member.seed for member in members]
        for seed in dict.fromkeys(seeds):
            gains = {i: member.gain for i, member in enumerate(members) if member.seed == seed}
            network.initialise(gains, generator_for("init", seed, recipe.vary))
        _fit(network, dataset, seeds, recipe, tick)
        x_train, y_train = _tensors(dataset.x_train, dataset.y_train, dtype, device)
        x_test, y_test = _tensors(dataset.x_test, dataset.y_test, dtype, device)
        train_loss, _ = _judge(network, x_train, y_train)
        loss, probabilities = _judge(network, x_test, y_test)
    right = (probabilities.argmax(2) == dataset.y_test).mean(1)
    sound = np.isfinite(loss) & np.isfinite(train_loss) & np.isfinite(probabilities).all((1, 2))
    return [
        Trained(
            probabilities=probabilities[model],
            accuracy=float(right[model]),
            loss=float(loss[model]),
            train_loss=float(train_loss[model]),
            diverged=not sound[model],
            seconds=0.0,
        )
        for model in range(network.n_models)
    ]


def _fit(
    network: StackedMLP,
    dataset: Dataset,
    seeds: Sequence[int],
    recipe: Recipe,
    tick: Callable[[int], None],
) -> None:
    """Adam along the cosine schedule; model i takes the examples in the order of ``seeds[i]``."""
    stack = network.stack
    n, size = len(dataset.y_train), recipe.batch_size
    n_steps = ceil(n / size) * recipe.epochs
    features, labels = _tensors(
        dataset.x_train, dataset.y_train, stack.values.dtype, stack.values.device
    )
    one_hot = torch.nn.functional.one_hot(labels, dataset.n_classes).to(features.dtype)
    orders = {
        seed: data_order(generator_for("order", seed, recipe.vary), n, recipe.epochs)
        for seed in dict.fromkeys(seeds)
    }
    first, second = torch.zeros_like(stack.values), torch.zeros_like(stack.values)
    count = torch.zeros((), device=stack.values.device)
    step, inputs = 0, Outputs()
    for epoch in range(recipe.epochs):
        rows = torch.from_numpy(np.stack([orders[seed][epoch] for seed in seeds]))
        rows = rows.to(features.device)
        for start in range(0, n, size):
            batch = rows[:, start : start + size]
            chosen = batch.reshape(-1)
            x = inputs.like(features, *batch.shape, features.shape[1])
            torch.index_select(features, 0, chosen, out=x.view(-1, features.shape[1]))
            targets = one_hot.index_select(0, chosen).view(*batch.shape, -1).transpose(1, 2)
            network.backpropagate(x, targets)
            adam(
                [stack.values],
                [stack.gradients],
                [first],
                [second],
                [],
                [count],
                fused=True,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=recipe.lr * 0.5 * (1.0 + cos(pi * step / n_steps)),
                weight_decay=0.0,
                eps=EPS,
                maximize=False,
            )
            step += 1
        tick(epoch + 1)


def _tensors(
    x: NDArray[np.float32], y: NDArray[np.int64], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    # torch.tensor copies: a view of a read-only array would warn, and could be written through.
    return torch.tensor(x, dtype=dtype, device=device), torch.tensor(y, device=device)


def _judge(
    network: StackedMLP, x: Tensor, y: Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Mean cross-entropy (K,) and probabilities (K, n, C) on one part of the data."""
    # In portions: the activations of all models for all examples at once would not fit the cache.
    log_p = torch.cat(
        [torch.log_softmax(network.logits(part), 1) for part in torch.split(x, EXAMPLES_AT_ONCE)], 2
    )
    rows = y.expand(network.n_models, 1, -1)
    loss = -log_p.gather(1, rows).to(torch.float64).mean((1, 2))
    probabilities = log_p.exp().transpose(1, 2).to(torch.float32).contiguous()
    return loss.cpu().numpy(), probabilities.cpu().numpy()
