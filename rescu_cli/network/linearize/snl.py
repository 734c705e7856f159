"""SNL, selective network linearisation: learned coefficients, pushed to 0 by their 1-norm.

M. Cho, A. Joshi, B. Reagen, S. Garg, C. Hegde, "Selective Network Linearization for Efficient
Private Inference", ICML 2022. Every cell computes c·ReLU(x) + (1 − c)·x with c = 1 at first;
minimised is CE + KD + λ‖c‖₁. λ grows by a tenth whenever the count of c > 0.01 has not fallen since
the last look; at the budget c is rounded, and the rest is fine-tuned.

The paper begins with λ = 1e-5 and looks once an epoch for thousands of epochs. A toy has hundreds
of ReLUs, not hundreds of thousands, and a few dozen epochs: here λ begins at 1e-3, the looks are
`LOOK` steps apart, and c has its own learning rate, high enough that it can fall from 1 to 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rescu_cli.network.linearize.distil import distillation, search
from rescu_cli.network.linearize.gates import Gate
from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import Task

FIRST_LAMBDA, GROWTH = 1e-3, 1.1
ALIVE = 0.01
LOOK = 5
RATE, COEFFICIENT_RATE = 1e-3, 1e-2


class Coefficients(nn.Module):
    """c, one per cell."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.ones(gate.keep.shape))

    def forward(self) -> Tensor:
        return self.c


def choose(student: Student, task: Task) -> int:
    """Train weights and coefficients, then keep the cells with the largest coefficients."""
    gates = list(student.gates.values())
    weights = list(student.model.parameters())
    attached = [Coefficients(gate) for gate in gates]
    for gate, coefficients in zip(gates, attached, strict=True):
        gate.weigh = coefficients
    distilled = distillation(task.teacher)
    strength, fewest = FIRST_LAMBDA, student.n_relus

    def loss(logits: Tensor, labels: Tensor, features: Tensor) -> Tensor:
        norm = torch.stack([
            a.c.abs().sum() * g.cost for a, g in zip(attached, gates, strict=True)
        ]).sum()  # fmt: skip
        return distilled(logits, labels, features) + strength * norm

    def alive() -> int:
        return sum(int((a.c > ALIVE).sum()) * g.cost for a, g in zip(attached, gates, strict=True))

    def look(step: int) -> bool:
        nonlocal strength, fewest
        if step % LOOK:
            return False
        count = alive()
        if count >= fewest:
            strength *= GROWTH
        fewest = min(fewest, count)
        return count <= task.budget

    epochs = search(
        student.model, task.examples,
        [(weights, RATE), ([a.c for a in attached], COEFFICIENT_RATE)],
        loss, task.seed, epochs=task.recipe.search, batch_size=task.recipe.full.batch_size,
        after_step=look,
    )  # fmt: skip
    student.keep_best([a.c * g.cost for a, g in zip(attached, gates, strict=True)], task.budget)
    return epochs
