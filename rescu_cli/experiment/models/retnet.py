"""A retentive character model (RetNet, Sun et al. 2023) whose gate is the activation.

It is no chain of stages: each model is one `LanguageModel`, trained with autograd, model by model.
The rest is as for every other model: draws of the seed alone, no bit from its company.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli.errors import UsageError
from rescu_cli.experiment.draws import data_order, generator_for, seen_rows
from rescu_cli.experiment.models.network import Plan
from rescu_cli.experiment.threads import one_thread_per_kernel, run_together
from rescu_cli.sequence.language.model import FFN_FACTOR, LanguageModel
from rescu_cli.sequence.language.training import Training

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.models.stages import ElementwiseCode
    from rescu_cli.experiment.train import Member, Recipe, Trained

N_HEADS = 4
JUDGED = 512  # windows at once
MODELS_PER_THREAD = 2  # threads share the interpreter; one model more would only wait


@dataclass(frozen=True)
class RetNetPlan(Plan):
    """The size of a model; it has no stages.

    Args:
        width: Of the stream.
        n_layers: Blocks.
        window: Characters of an example.
    """

    width: int = 0
    n_layers: int = 0
    window: int = 0

    def shapes(self, norm: str = "none") -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters, W_G included and norms left out."""
        w = self.width
        block = {
            "qkv": (w, 3 * w), "gating": (w, w), "out": (w, w),
            "up": (w, FFN_FACTOR * w), "down": (FFN_FACTOR * w, w),
            "up_bias": (FFN_FACTOR * w,), "down_bias": (w,),
        }  # fmt: skip
        return {
            "embedding": (self.n_outputs, w),
            **{f"{name}{i}": s for i in range(self.n_layers) for name, s in block.items()},
            "readout": (w, self.n_outputs),
            "readout_bias": (self.n_outputs,),
        }

    @property
    def n_computed(self) -> int:
        """Numbers per example that are kept for the backward pass, scores included."""
        per_character = (12 + 2 * FFN_FACTOR) * self.width + 2 * N_HEADS * self.window
        return self.window * (self.n_layers * per_character + 2 * self.n_outputs)


def plan(dataset: Dataset, hidden: Sequence[int]) -> RetNetPlan:
    """One block per hidden width, which must be equal.

    Raises:
        UsageError: If the data are no windows of text, or the widths do not divide into heads.
    """
    n = dataset.n_classes
    text = set(dataset.cardinalities) == {n} and len(dataset.cardinalities) == dataset.n_features
    if not text or dataset.task != "classification":
        raise UsageError(
            f"Model 'retnet' reads windows of text, which {dataset.name!r} is not; use "
            "'--data grammar' or '--data text:FILE'."
        )
    width = hidden[0]
    if set(hidden) != {width} or width < 1 or width % (2 * N_HEADS):
        raise UsageError(
            f"Hidden widths {','.join(map(str, hidden))} asked; the blocks of 'retnet' have one "
            f"width, a multiple of {2 * N_HEADS}: {N_HEADS} heads of an even number each."
        )
    return RetNetPlan(
        layers=(), n_read=width, n_outputs=n, width=width, n_layers=len(hidden),
        window=dataset.n_features,
    )  # fmt: skip


def train_ungated(
    codes: Sequence[ElementwiseCode], members: Sequence[Member], dataset: Dataset, recipe: Recipe,
    progress: Callable[[int], None] | None = None, validation: Dataset | None = None,
    keep: object = None,
) -> list[Trained]:  # fmt: skip
    """`train` without a gate: Y W_O in place of (f(X W_G) ⊙ Y) W_O."""
    return train(codes, members, dataset, recipe, progress, validation, keep, gated=False)


def train(
    codes: Sequence[ElementwiseCode], members: Sequence[Member], dataset: Dataset, recipe: Recipe,
    progress: Callable[[int], None] | None = None, validation: Dataset | None = None,
    keep: object = None, *, gated: bool = True,
) -> list[Trained]:  # fmt: skip
    """Trains each model on all positions of the windows, and judges it on the last one.

    A member's gain scales W_G: the input of the gate is normalised, so its weights are
    N(0, (gain/√width)²); see `LanguageModel`.

    Args:
        codes: Generated code of each activation.
        members: The models.
        dataset: Windows of text.
        recipe: Everything else.
        progress: Called with the number of epochs that all models have done.
        validation: Its test part is the validation part.
        keep: Must be None.
        gated: Whether there is a gate.

    Raises:
        UsageError: For a norm, dropout, or ``keep``.
    """
    if recipe.norm != "none" or recipe.dropout or keep is not None:
        raise UsageError(
            f"Model {recipe.model!r} has layer norms of its own, no other norm and no dropout, "
            "and no landscape; leave '--norm' and '--dropout' out."
        )
    started = time.perf_counter()
    shape = plan(dataset, recipe.hidden)
    order = sorted(range(len(members)), key=lambda i: members[i].code)
    with one_thread_per_kernel() as n_threads:
        useful = -(-len(members) // MODELS_PER_THREAD)
        n_shares = min(n_threads, useful) if recipe.device == "cpu" else 1
        shares = [order[start::n_shares] for start in range(n_shares)]

        def task(share: Sequence[int], tick: Callable[[int], None]) -> list[Trained]:
            pupils = [
                _Pupil(codes[members[i].code] if gated else None, members[i], shape, dataset,
                       validation, recipe)
                for i in share
            ]  # fmt: skip
            for number in range(recipe.epochs):
                for pupil in pupils:
                    pupil.epoch(number)
                tick(number + 1)
            return [pupil.result() for pupil in pupils]

        found: dict[int, Trained] = {}
        for share, results in zip(shares, run_together(task, shares, progress), strict=True):
            found.update(zip(share, results, strict=True))
    seconds = (time.perf_counter() - started) / len(members)
    return [replace(found[i], seconds=seconds) for i in range(len(members))]


class _Elementwise(torch.autograd.Function):
    """f with the backward pass of its code, which a surrogate gradient makes its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, code: ElementwiseCode) -> Tensor:
        ctx.save_for_backward(x)
        ctx.code = code
        return code.value(x)

    @staticmethod
    def backward(ctx: Any, *d: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return d[0] * ctx.code.gradient(x), None


class _Pupil:
    """One model, its data, and what was seen of it."""

    def __init__(
        self, code: ElementwiseCode | None, member: Member, shape: RetNetPlan, dataset: Dataset,
        validation: Dataset | None, recipe: Recipe,
    ) -> None:  # fmt: skip
        dtype, device = getattr(torch, recipe.dtype), torch.device(recipe.device)

        def gate(x: Tensor) -> Tensor:
            found: Tensor = _Elementwise.apply(x, code)  # type: ignore[no-untyped-call]
            return found

        self._model = LanguageModel(
            shape.n_outputs, None if code is None else gate, width=shape.width,
            n_layers=shape.n_layers, n_heads=N_HEADS, gain=member.gain,
            generator=generator_for("init", member.seed, recipe.vary), dtype=dtype,
        ).to(device)  # fmt: skip
        self._recipe = recipe
        windows = _windows(dataset.x_train, dataset.y_train, device)
        rows = seen_rows(
            generator_for("split", member.seed, recipe.vary), len(windows), recipe.vary
        )
        orders = data_order(
            generator_for("order", member.seed, recipe.vary), len(rows), recipe.epochs
        )
        self._orders = [rows[order] for order in orders]
        self._windows, self._seen = windows, windows[torch.from_numpy(rows)]
        self._test = _windows(dataset.x_test, dataset.y_test, device)
        self._held = (
            None if validation is None
            else _windows(validation.x_test, validation.y_test, device)
        )  # fmt: skip
        self._training = Training(
            self._model, windows, n_epochs=recipe.epochs, lr=recipe.lr,
            batch_size=recipe.batch_size, optimizer=recipe.optimizer,
        )  # fmt: skip
        self._curve: list[float] = []
        self._validation: list[float] = []
        self._judged: tuple[float, NDArray[np.float32], int] | None = None

    def epoch(self, number: int) -> None:
        """One more, counted from 0."""
        self._curve.append(self._training.epoch(self._orders[number]))
        reached = False
        if self._held is not None:
            loss, _ = _judge(self._model, self._held)
            self._validation.append(loss)
            reached = self._recipe.stop_at is not None and loss <= self._recipe.stop_at
        if self._judged is None and (reached or number + 1 == self._recipe.epochs):
            self._judged = (*_judge(self._model, self._test), number + 1)

    def result(self) -> Trained:
        from rescu_cli.experiment.train import Trained

        if self._judged is None:
            raise UsageError("A model was asked for its result before its last epoch.")
        loss, predictions, epoch = self._judged
        train_loss, _ = _judge(self._model, self._seen)
        sound = isfinite(loss) and isfinite(train_loss) and bool(np.isfinite(predictions).all())
        return Trained(
            predictions=predictions, loss=loss, train_loss=train_loss, curve=tuple(self._curve),
            validation=tuple(self._validation), epoch=epoch, diverged=not sound, seconds=0.0,
        )  # fmt: skip


def _windows(x: NDArray[np.float32], y: NDArray[Any], device: torch.device) -> Tensor:
    """Tokens with the label behind them, int64 (n, T + 1)."""
    return torch.from_numpy(np.column_stack([x.astype(np.int64), y])).to(device)


def _judge(model: LanguageModel, windows: Tensor) -> tuple[float, NDArray[np.float32]]:
    """Mean loss and probabilities (n, C) of the last character of each window."""
    with torch.no_grad():
        portions = [model(part[:, :-1])[:, -1] for part in torch.split(windows, JUDGED)]
        log_p = torch.log_softmax(torch.cat(portions), -1)
        loss = -log_p.gather(1, windows[:, -1:]).to(torch.float64).mean()
        return float(loss), log_p.exp().to(torch.float32).cpu().numpy()
