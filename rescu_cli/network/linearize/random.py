"""The floor: ReLUs kept by lot."""

from __future__ import annotations

import numpy as np
import torch

from rescu_cli.network.linearize.student import Student
from rescu_cli.network.linearize.task import Task


def choose(student: Student, task: Task) -> int:
    """Every set of ``budget`` units is equally likely; with channels, every order of them."""
    draws = np.random.default_rng([task.seed, 1])
    scores = [torch.from_numpy(draws.random(g.keep.shape)) * g.cost for g in student.gates.values()]
    student.keep_best(scores, task.budget)
    return 0
