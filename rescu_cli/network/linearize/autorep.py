"""AutoReP: an indicator per cell, learned through its step by a straight-through slope.

H. Peng et al., "AutoReP: Automatic ReLU Replacement for Fast Private Network Inference", ICCV 2023.
Every cell has a number a and a state m ∈ {0, 1} with hysteresis: m falls to 0 when a < −t and comes
back when a > t, so that noise around 0 does not flip it. Forward m·ReLU(x) + (1 − m)·R(x); backward
∂m/∂a := softplus′(a) = 1/(1 + e^−a). Minimised is CE + KD + λ·max(0, density − budget/count), with
the density the share of ReLUs that are kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rescu_cli.network.linearize.distil import distillation, search
from rescu_cli.network.linearize.gates import Gate
from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import Task

HYSTERESIS = 0.003
START = 0.05
RATE, INDICATOR_RATE = 1e-3, 1e-3
FIRST_LAMBDA, GROWTH, LOOK = 1.0, 1.1, 10


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, state: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return state

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (a,) = ctx.saved_tensors
        return gradients[0] * torch.sigmoid(a), None


class Indicator(nn.Module):
    """m, one per cell, from a with hysteresis.

    Attributes:
        a: What is learned.
        state: m as of the last call, float.
    """

    state: Tensor

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.full(gate.keep.shape, START))
        self.register_buffer("state", torch.ones(gate.keep.shape))

    def forward(self) -> Tensor:
        with torch.no_grad():
            on = torch.where(self.state > 0, self.a >= -HYSTERESIS, self.a > HYSTERESIS)
            self.state = on.to(self.a.dtype)
        return _Step.apply(self.a, self.state)  # type: ignore[no-untyped-call]


def choose(student: Student, task: Task) -> int:
    """Train weights and indicators, then keep the cells with the largest a."""
    gates = list(student.gates.values())
    weights = list(student.model.parameters())
    attached = [Indicator(gate) for gate in gates]
    for gate, indicator in zip(gates, attached, strict=True):
        gate.weigh = indicator
    distilled = distillation(task.teacher)
    n_relus, strength = student.n_relus, FIRST_LAMBDA

    def kept() -> Tensor:
        return torch.stack([a().sum() * g.cost for a, g in zip(attached, gates, strict=True)]).sum()

    def loss(logits: Tensor, labels: Tensor, features: Tensor) -> Tensor:
        excess = torch.relu(kept() - task.budget) / n_relus
        return distilled(logits, labels, features) + strength * excess

    def look(step: int) -> bool:
        nonlocal strength
        if step % LOOK == 0 and float(kept().detach()) > task.budget:
            strength *= GROWTH
        return False

    epochs = search(
        student.model, task.examples,
        [(weights, RATE), ([a.a for a in attached], INDICATOR_RATE)],
        loss, task.seed, epochs=task.recipe.search, batch_size=task.recipe.full.batch_size,
        after_step=look,
    )  # fmt: skip
    student.keep_best([a.a * g.cost for a, g in zip(attached, gates, strict=True)], task.budget)
    return epochs
