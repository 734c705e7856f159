"""One student from beginning to end: full network, search, fine-tuning, accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from typing import Any

import torch
from torch import nn

from rescu_cli.errors import UnknownNameError
from rescu_cli.network.learn import learn
from rescu_cli.network.linearize.distil import distillation
from rescu_cli.network.linearize.student import Student, build_student, require_budget
from rescu_cli.network.linearize.table import METHODS
from rescu_cli.network.linearize.task import Recipe, Task
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import build_toy
from rescu_cli.network.toy.training import accuracy, fit


@dataclass(frozen=True)
class Outcome:
    """One student.

    Args:
        method: How its ReLUs were chosen.
        budget: How many it might have.
        seed: Of weights, order and draws.
        kept: How many it has.
        by_layer: Where.
        accuracy: On the test part.
        finite: Whether all its logits there are finite; parabolas can escape, and training can
            diverge.
    """

    method: str
    budget: int
    seed: int
    kept: int
    by_layer: dict[str, int]
    accuracy: float
    finite: bool

    def to_dict(self) -> dict[str, Any]:
        return vars(self).copy()


def train_full(
    examples: Examples, model: str, recipe: Recipe, seed: int, hidden: Sequence[int] | None = None
) -> nn.Sequential:
    """The full network with all its ReLUs, frozen.

    Raises:
        UnknownNameError: If there is no such model.
        UsageError: If the data do not suit it, or training diverges.
    """
    full = build_toy(model, examples, nn.ReLU, seed, hidden=hidden)
    learn(full, examples, recipe.full, seed, what=f"The full network of seed {seed}")
    return full.requires_grad_(False)


def linearize(
    examples: Examples,
    full: nn.Sequential,
    model: str,
    method: str,
    budget: int,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    hidden: Sequence[int] | None = None,
    by: str = "element",
    replace: str = "identity",
) -> tuple[Student, Outcome]:
    """Leave out all but ``budget`` ReLUs of a trained network and let it learn anew.

    Args:
        examples: Data.
        full: From `train_full`, with the same model, seed and hidden widths.
        model: Of the table of toy models.
        method: Of the table of methods.
        budget: ReLUs.
        recipe: `Recipe()` if None.
        seed: Of draws and order.
        hidden: Widths, or channels.
        by: element or channel.
        replace: identity or poly2.

    Raises:
        UnknownNameError: If a name is not in its table.
        UsageError: If the budget is negative or above the count.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, list(METHODS))
    recipe = Recipe() if recipe is None else recipe
    student = build_student(model, examples, seed, hidden=hidden, by=by, replace=replace)
    require_budget(budget, student.n_relus)
    student.take(full)
    x = torch.from_numpy(examples.x_train.copy())
    student.fit_replacements(x)

    def train_teacher(others: Examples) -> nn.Module:
        return train_full(others, model, recipe, seed, hidden)

    task = Task(examples, full, budget, recipe, seed, train_teacher)
    trained = METHODS[method].choose(student, task)
    student.fit_replacements(x)  # the search has moved what they receive
    _tune(student, task, recipe.tune + recipe.search - trained)
    return student, _judged(student, method, task)


def _tune(student: Student, task: Task, epochs: int) -> None:
    training = with_fields(task.recipe.full, epochs=epochs)
    fit(student.model, task.examples, training, task.seed, loss=distillation(task.teacher))


def _judged(student: Student, method: str, task: Task) -> Outcome:
    data = task.examples
    with torch.no_grad():
        finite = bool(student.model(torch.from_numpy(data.x_test.copy())).isfinite().all())
    return Outcome(
        method, task.budget, task.seed, student.n_kept, student.by_layer,
        accuracy(student.model, data.x_test, data.y_test), finite,
    )  # fmt: skip
