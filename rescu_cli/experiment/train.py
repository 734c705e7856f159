"""Trains all models of a batch at once: stacked weights, batched products, one optimizer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli.experiment.draws import data_order, generator_for, seen_rows
from rescu_cli.experiment.models import load_plan, load_trainer
from rescu_cli.experiment.models.network import Build, StackedNetwork
from rescu_cli.experiment.models.stages import Group
from rescu_cli.experiment.optimizers import OPTIMIZERS
from rescu_cli.experiment.plan import EXAMPLES_JUDGED
from rescu_cli.experiment.step import Capture, Steps, cuda_graph
from rescu_cli.experiment.threads import one_thread_per_kernel, run_together

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.models.stages import ElementwiseCode

# With less to do, threads mostly wait for each other's interpreter lock: models of a thread, and
# numbers that one call of an activation's code works on.
MODELS_PER_THREAD, NUMBERS_PER_CALL = 12, 2**13


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the same for every member of a batch.

    Args:
        model: Name in the table of models.
        hidden: Hidden widths.
        norm: ``none``, ``layer`` or ``batch``.
        dropout: Share of hidden units dropped in training.
        vary: What differs between seeds: ``init``, ``order``, ``dropout``, ``split``.
        epochs: Passes over the training part.
        optimizer: ``adam``, whose rate falls to 0 along half a cosine, or ``adagrad``, whose rate
            stays.
        lr: First learning rate.
        batch_size: Examples per step; the last batch of an epoch may be smaller.
        stop_at: Test predictions are those of the first epoch whose validation loss is no greater,
            or of the last one.
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
    dropout: float = 0.0
    optimizer: str = "adam"
    stop_at: float | None = None


@dataclass(frozen=True)
class Trained:
    """One trained model as judged on the test part.

    Args:
        predictions: Float32, shape (n_test, n_outputs): probabilities, or the values of a
            regression; NaN where training diverged.
        loss: Mean cross-entropy on the test part, of a regression half the mean squared error;
            infinite or NaN if training diverged.
        train_loss: The same on the training examples that the model saw.
        curve: Mean loss of the steps of each epoch.
        validation: Loss on the validation part after each epoch; empty without one.
        epoch: After which the model was judged, from 1.
        diverged: Whether a loss or a prediction is not finite.
        seconds: Wall time of the batch, divided by its number of models.
    """

    predictions: NDArray[np.float32]
    loss: float
    train_loss: float
    curve: tuple[float, ...]
    validation: tuple[float, ...]
    epoch: int
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
    validation: Dataset | None = None,
    keep: Callable[[Sequence[int], StackedNetwork], None] | None = None,
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
        validation: Its test part is the validation part.
        keep: Called at the end of each stack, in its thread, with the places of its models among
            ``members`` and the trained network, which is judged and not trained any more.

    Returns:
        One `Trained` per member.
    """
    trainer = load_trainer(recipe.model)
    if trainer is not None:
        return trainer(codes, members, dataset, recipe, progress, validation, keep)
    started = time.perf_counter()
    # Neighbours share an activation; dealing them out in turn balances dear and cheap ones.
    order = sorted(range(len(members)), key=lambda i: members[i].code)
    found: dict[int, Trained] = {}
    with one_thread_per_kernel() as n_threads:
        n_stacks = min(n_threads, _useful_stacks(members, dataset, recipe))
        shares = [order[start::n_stacks] for start in range(n_stacks)]

        def task(share: Sequence[int], tick: Callable[[int], None]) -> list[Trained]:
            mine = [members[i] for i in share]
            done = None if keep is None else partial(keep, share)
            return _train_stack(codes, mine, dataset, validation, recipe, tick, done)

        for share, results in zip(shares, run_together(task, shares, progress), strict=True):
            found.update(zip(share, results, strict=True))
    seconds = (time.perf_counter() - started) / len(members)
    return [replace(found[i], seconds=seconds) for i in range(len(members))]


def _useful_stacks(members: Sequence[Member], dataset: Dataset, recipe: Recipe) -> int:
    if recipe.device != "cpu":
        return 1
    widest = max(layer.units for layer in load_plan(recipe.model, dataset, recipe.hidden).layers)
    of_one_code = len(members) / len({member.code for member in members})
    per_call = int(of_one_code * recipe.batch_size * widest)
    return max(1, min(ceil(len(members) / MODELS_PER_THREAD), per_call // NUMBERS_PER_CALL))


def _train_stack(
    codes: Sequence[ElementwiseCode],
    members: Sequence[Member],
    dataset: Dataset,
    validation: Dataset | None,
    recipe: Recipe,
    tick: Callable[[int], None],
    keep: Callable[[StackedNetwork], None] | None = None,
) -> list[Trained]:
    """Trains one stack in the calling thread; members come sorted by their code."""
    dtype, device = getattr(torch, recipe.dtype), torch.device(recipe.device)
    # Inference mode: no graph is recorded, and tensors carry no version counters.
    with torch.inference_mode():
        plan = load_plan(recipe.model, dataset, recipe.hidden)
        seeds = [member.seed for member in members]
        masks = _Masks(seeds, recipe, dtype, device) if recipe.dropout else None
        network = StackedNetwork(
            plan,
            [
                Group(codes[code], len(list(same)))
                for code, same in groupby(members, key=lambda member: member.code)
            ],
            Build(recipe.norm, recipe.dropout, dtype, device),
            masks,
        )
        for seed in dict.fromkeys(seeds):
            gains = {i: member.gain for i, member in enumerate(members) if member.seed == seed}
            network.initialise(gains, generator_for("init", seed, recipe.vary))
        part = partial(Part.of, n_outputs=plan.n_outputs, order=plan.order, kind=(dtype, device))
        training = part(dataset.x_train, dataset.y_train)
        test = part(dataset.x_test, dataset.y_test)
        held = None if validation is None else part(validation.x_test, validation.y_test)
        judge = _Judge(network, test, held, recipe.stop_at)
        capture = cuda_graph(masks.generators if masks else ()) if device.type == "cuda" else None
        curve = _fit(network, training, seeds, recipe, judge, tick, capture)
        network.train(False)
        train_loss, _ = judged(network, training)
        if keep is not None:
            keep(network)
    finite = np.isfinite(judge.loss) & np.isfinite(train_loss)
    sound = finite & np.isfinite(judge.predictions).all((1, 2))
    return [
        Trained(
            predictions=judge.predictions[model],
            loss=float(judge.loss[model]),
            train_loss=float(train_loss[model]),
            curve=tuple(curve[:, model].tolist()),
            validation=tuple(losses[model] for losses in judge.validation),
            epoch=int(judge.epoch[model]),
            diverged=not sound[model],
            seconds=0.0,
        )
        for model in range(network.n_models)
    ]


@dataclass(frozen=True)
class Part:
    """One part of the data as tensors: features, and targets (outputs, n)."""

    x: Tensor
    targets: Tensor

    @classmethod
    def of(
        cls, x: NDArray[np.float32], y: NDArray[Any], *, n_outputs: int,
        order: tuple[int, ...] | None, kind: tuple[torch.dtype, torch.device],
    ) -> Part:  # fmt: skip
        dtype, device = kind
        if order is not None:
            x = x[:, order]
        # torch.tensor copies: a view of a read-only array would warn, and could be written through.
        features = torch.tensor(x, dtype=dtype, device=device)
        labels = torch.tensor(y, device=device)
        if n_outputs == 1:
            return cls(features, labels.to(dtype)[:, None])
        return cls(features, torch.nn.functional.one_hot(labels, n_outputs).to(dtype))


class _Judge:
    """Judges a stack after its epochs: validation losses, and the predictions that count.

    Args:
        network: The stack.
        test: What the predictions are about.
        held: The validation part.
        stop_at: See `Recipe`.
    """

    def __init__(
        self, network: StackedNetwork, test: Part, held: Part | None, stop_at: float | None
    ) -> None:
        self._network, self._test, self._held, self._stop_at = network, test, held, stop_at
        self.validation: list[list[float]] = []
        self._open = np.ones(network.n_models, dtype=bool)
        self.epoch = np.zeros(network.n_models, dtype=np.int64)
        self.loss = np.empty(0)
        self.predictions = np.empty((0, 0, 0), dtype=np.float32)

    def after(self, epoch: int, *, last: bool) -> None:
        """Look at the models; ``epoch`` counts from 1."""
        self._network.train(False)
        reached = np.zeros_like(self._open)
        if self._held is not None:
            losses, _ = judged(self._network, self._held)
            self.validation.append(losses.tolist())
            if self._stop_at is not None:
                reached = losses <= self._stop_at
        due = self._open & (reached | last)
        if due.any():
            loss, predictions = judged(self._network, self._test)
            if not self.epoch.any():
                self.loss, self.predictions = loss.copy(), predictions.copy()
            self.loss[due], self.predictions[due] = loss[due], predictions[due]
            self.epoch[due] = epoch
            self._open &= ~due
        self._network.train(True)


class _Masks:
    """Uniform numbers for the dropout of each model: models of a seed share them.

    Attributes:
        generators: One for each seed, on the device.
    """

    def __init__(
        self, seeds: Sequence[int], recipe: Recipe, dtype: torch.dtype, device: torch.device
    ) -> None:
        different = list(dict.fromkeys(seeds))
        self.generators = [
            torch.Generator(device).manual_seed(
                int(generator_for("dropout", seed, recipe.vary).integers(2**62))
            )
            for seed in different
        ]
        self._draw = partial(torch.rand, dtype=dtype, device=device)
        self._places = torch.tensor([different.index(seed) for seed in seeds], device=device)

    def __call__(self, rows: int, features: int) -> Tensor:
        drawn = [self._draw((rows, features), generator=g) for g in self.generators]
        return torch.stack(drawn).index_select(0, self._places)


def _fit(
    network: StackedNetwork,
    training: Part,
    seeds: Sequence[int],
    recipe: Recipe,
    judge: _Judge,
    tick: Callable[[int], None],
    capture: Capture | None,
) -> NDArray[np.float64]:
    """Trains; model i takes the examples in the order of ``seeds[i]``. Mean loss (epochs, K)."""
    different = list(dict.fromkeys(seeds))
    seen = {
        seed: seen_rows(generator_for("split", seed, recipe.vary), len(training.x), recipe.vary)
        for seed in different
    }
    orders = {
        seed: data_order(generator_for("order", seed, recipe.vary), len(seen[seed]), recipe.epochs)
        for seed in different
    }
    n, size = len(seen[seeds[0]]), recipe.batch_size
    optimizer = OPTIMIZERS[recipe.optimizer](network.stack, ceil(n / size) * recipe.epochs)
    steps = Steps(network, optimizer, training.x, training.targets, capture)
    curve = np.empty((recipe.epochs, network.n_models))
    number = 0
    network.train(True)
    for epoch in range(recipe.epochs):
        rows = torch.from_numpy(np.stack([seen[seed][orders[seed][epoch]] for seed in seeds]))
        rows = rows.to(training.x.device)
        steps.restart()
        for start in range(0, n, size):
            optimizer.prepare(recipe.lr, number)
            steps(rows[:, start : start + size])
            number += 1
        curve[epoch] = steps.loss.cpu().numpy() / n
        judge.after(epoch + 1, last=epoch + 1 == recipe.epochs)
        tick(epoch + 1)
    return curve


def judged(network: StackedNetwork, part: Part) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Mean loss (K,) and predictions (K, n, C) on one part of the data."""
    # In portions: the activations of all models for all examples at once would not fit the cache.
    portions = [network.outputs(x).clone() for x in torch.split(part.x, EXAMPLES_JUDGED)]
    out = torch.cat(portions, 2)
    targets = part.targets.T
    if network.plan.n_outputs == 1:
        loss = (out - targets).square().to(torch.float64).mean((1, 2)) * 0.5
        predictions = out
    else:
        log_p = torch.log_softmax(out, 1)
        loss = -torch.where(targets > 0, log_p, 0.0).sum(1).to(torch.float64).mean(1)
        predictions = log_p.exp()
    flat = predictions.transpose(1, 2).to(torch.float32).contiguous()
    return loss.cpu().numpy(), flat.cpu().numpy()
