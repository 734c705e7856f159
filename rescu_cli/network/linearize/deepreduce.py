"""DeepReDuce: whole stages first, then every other layer, then a part of one.

N. K. Jha, Z. Ghodsi, S. Garg, B. Reagen, "DeepReDuce: ReLU Reduction for Fast Private Inference",
ICML 2021. The criticality of a stage is the accuracy that its ReLUs alone give back, discounted by
a small power of their number:

    C = (accuracy with the stage's ReLUs only − accuracy without any) / N^0.07

Culling drops the ReLUs of the least critical stages; thinning drops those of every other layer of
the stages that are left. The paper then shrinks channels; here the budget is met exactly by an
evenly spaced part of the units of the layer that is next in line.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rescu_cli.network.linearize.distil import distillation
from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import HeldOut, Task
from rescu_cli.network.toy.training import Training, accuracy, fit

DISCOUNT = 0.07


def choose(student: Student, task: Task) -> int:
    """Measure criticality on held-out training examples, then drop layers in that order."""
    found = criticality(student, task)
    student.take(task.teacher)
    scores = _scores(student, line(student.stages, found))
    student.keep_best(scores, task.budget)
    return 0


def criticality(student: Student, task: Task) -> list[float]:
    """C of every stage, from short trainings on four fifths of the training part.

    They are judged on the other fifth, which nothing here has seen: the full network that they
    begin with and learn from is trained on the four fifths as well, and thrown away. The task's own
    teacher has fitted that fifth too, so that accuracy there would be measured on training data.
    """
    data = HeldOut(task.examples, task.seed)
    recipe = task.recipe
    training = Training(max(1, recipe.search // 2), recipe.full.lr / 2, recipe.full.batch_size)
    teacher = task.train_teacher(data)
    student.take(teacher)
    student.fit_replacements(torch.from_numpy(data.x_train.copy()))

    def trained(names: Sequence[str]) -> float:
        student.take(teacher)
        for name, gate in student.gates.items():
            gate.set(torch.full_like(gate.keep, name in names))
        fit(student.model, data, training, task.seed, loss=distillation(teacher))
        return accuracy(student.model, data.x_test, data.y_test)

    none = trained(())
    gained = [trained(stage) - none for stage in student.stages]
    sizes = [sum(student.gates[n].n_relus for n in stage) for stage in student.stages]
    return [gain / size**DISCOUNT for gain, size in zip(gained, sizes, strict=True)]


def line(stages: Sequence[Sequence[str]], criticality: Sequence[float]) -> list[str]:
    """Layers in the order in which they keep their ReLUs, the last dropped first.

    Culling before thinning: first every other layer (the first, third, …) of the most critical
    stage, then the rest of that stage, then the next stage. Of equally critical stages the later
    one, which has fewer ReLUs, goes first.

    Example:
        >>> line([["a", "b", "c"], ["d", "e"]], [0.1, 0.3])
        ['d', 'e', 'a', 'c', 'b']
    """
    order = sorted(range(len(stages)), key=lambda i: (-criticality[i], -i))
    return [name for i in order for name in (*stages[i][::2], *stages[i][1::2])]


def _scores(student: Student, names: Sequence[str]) -> list[Tensor]:
    """Numbers that fall along the line, and inside a layer from one unit to the farthest next."""
    return [
        (len(names) - names.index(name) + _spread(gate.keep.numel()).reshape(gate.keep.shape))
        * gate.cost
        for name, gate in student.gates.items()
    ]


def _spread(n: int) -> Tensor:
    """n different numbers in [0, 1); the largest k of them lie evenly among all places, for any k.

    Places are taken in the order of the multiples of the golden ratio modulo 1, whose gaps have at
    most three lengths (the three-distance theorem, Sós 1958); a place that is taken already gives
    way to the next free one.
    """
    golden = 0.6180339887498949
    places = (torch.arange(n, dtype=torch.float64) * golden) % 1
    turn = (places * n).long().clamp(max=n - 1)
    rank = torch.full((n,), -1.0, dtype=torch.float64)
    for taken, place in enumerate(turn.tolist()):
        while rank[place] >= 0:
            place = (place + 1) % n
        rank[place] = taken
    return 1 - (rank + 1) / (n + 1)
