"""Taylor scores: what the loss would gain by leaving one ReLU out, to second order.

The criterion of ReLUPruner (AAAI 2026): with the gate g of a unit, h = g·ReLU(z) + (1 − g)·R(z),
going from g = 1 to g = 0 changes the loss by about

    ΔL ≈ −∂L/∂g + ½·E[(∂L/∂h)²·(ReLU(z) − R(z))²],    ∂L/∂g = E[∂L/∂h·(ReLU(z) − R(z))]

The square of the gradient stands for the second derivative (Gauss–Newton). Its expectation is taken
over the labels that the network itself believes in, not over those of the data, which it fits so
well that their gradients vanish.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from rescu_cli.network.linearize.distil import distillation, search
from rescu_cli.network.linearize.gates import Gate
from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import Task

MOST_EXAMPLES = 4096
ROUNDS = 10
RATE = 1e-3


def choose(student: Student, task: Task) -> int:
    """Leave out the cells with the lowest scores, in `ROUNDS` of equal ratio with training between.

    The expansion holds for one gate at the weights as they are. Where most gates go, the first ones
    to go change what the others are worth, so that the scores are taken anew.
    """
    x = torch.from_numpy(task.examples.x_train[:MOST_EXAMPLES].copy())
    y = torch.from_numpy(task.examples.y_train[:MOST_EXAMPLES].copy())
    weights = list(student.model.parameters())
    distilled = distillation(task.teacher)
    n_batches = ceil(len(task.examples.y_train) / task.recipe.full.batch_size)
    steps = max(1, task.recipe.search * n_batches // ROUNDS)
    for number in range(1, ROUNDS + 1):
        share = (max(task.budget, 1) / student.n_relus) ** (number / ROUNDS)
        left = task.budget if number == ROUNDS else ceil(student.n_relus * share)
        student.keep_best(scores(student, x, y), left)
        search(
            student.model, task.examples, [(weights, RATE)], distilled, task.seed + number,
            epochs=task.recipe.search, batch_size=task.recipe.full.batch_size,
            after_step=lambda step: step >= steps,
        )  # fmt: skip
    return task.recipe.search


def scores(student: Student, x: Tensor, y: Tensor) -> list[Tensor]:
    """ΔL of every cell, one tensor per gate in the shape of its mask; a channel's is the sum.

    Args:
        student: With binary masks; a cell that is left out already gets the score of leaving it out
            from where it is, that is 0.
        x: Features, (examples, n_features).
        y: Labels, (examples,).
    """
    student.model.eval()
    seen: list[tuple[Gate, Tensor, Tensor]] = []
    value = x
    for layer in student.model:
        before, value = value, layer(value)
        if isinstance(layer, Gate):
            seen.append((layer, before.detach(), value))
    outs = [out for _, _, out in seen]
    logs = torch.log_softmax(value, 1)
    beliefs = logs.detach().exp()
    first = torch.autograd.grad(
        torch.nn.functional.nll_loss(logs, y, reduction="sum"), outs, retain_graph=True
    )
    squares = [torch.zeros_like(out) for out in outs]
    for label in range(logs.shape[1]):
        # The gradient's square times p is the square of the gradient of √p·ln p, p held fixed.
        gradients = torch.autograd.grad(
            (beliefs[:, label].sqrt() * logs[:, label]).sum(), outs, retain_graph=True
        )
        for square, gradient in zip(squares, gradients, strict=True):
            square += gradient**2
    found = []
    for (gate, z, _), gradient, square in zip(seen, first, squares, strict=True):
        with torch.no_grad():
            change = torch.where(gate.keep, torch.relu(z) - gate.replacement(z), 0.0)
            score = (0.5 * square * change**2 - gradient * change).mean(0)
            total = score.sum_to_size(gate.keep.shape)
            found.append(torch.where(gate.keep, total, -torch.inf))
    return found
