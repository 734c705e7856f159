"""What a method is given: the data, the full network, the budget, the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rescu_cli.errors import UsageError
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.training import Training


@dataclass(frozen=True)
class Recipe:
    """How full networks, searches and students are trained; the same for all methods.

    Args:
        full: Of the full network.
        search: Epochs that a method may use to find its masks, at least 1. Those in which it
            trains no student are added to the student's fine-tuning: all train equally long.
        tune: Epochs of the student with its masks fixed, at least 1.
    """

    full: Training = field(default_factory=lambda: Training(epochs=40, lr=2e-3))
    search: int = 20
    tune: int = 20

    def __post_init__(self) -> None:
        if self.search < 1 or self.tune < 1:
            raise UsageError(
                f"{self.search} epochs of search and {self.tune} of fine-tuning asked; both must "
                "be at least 1."
            )


@dataclass(frozen=True)
class Task:
    """One student to be made.

    Args:
        examples: Data.
        teacher: The full network, trained.
        budget: ReLUs, at most as many as the network has.
        recipe: See `Recipe`.
        seed: Of all draws.
        train_teacher: Trains another full network of the same kind on other examples. A method that
            judges on held-out examples needs one: ``teacher`` has seen them all.
    """

    examples: Examples
    teacher: nn.Module
    budget: int
    recipe: Recipe
    seed: int
    train_teacher: Callable[[Examples], nn.Module]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The training part alone, a fifth of it in the place of the test part.

    Args:
        whole: Data whose test part stays unseen.
        seed: Of the division.
    """

    whole: Examples
    seed: int = 0

    def _rows(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        order = np.random.default_rng(self.seed).permutation(len(self.whole.y_train))
        cut = len(order) // 5
        return np.sort(order[cut:]), np.sort(order[:cut])

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def x_train(self) -> NDArray[np.float32]:
        return self.whole.x_train[self._rows()[0]]

    @property
    def y_train(self) -> NDArray[Any]:
        return self.whole.y_train[self._rows()[0]]

    @property
    def x_test(self) -> NDArray[np.float32]:
        return self.whole.x_train[self._rows()[1]]

    @property
    def y_test(self) -> NDArray[Any]:
        return self.whole.y_train[self._rows()[1]]

    @property
    def n_classes(self) -> int:
        return self.whole.n_classes

    @property
    def n_features(self) -> int:
        return self.whole.n_features

    @property
    def task(self) -> str:
        return self.whole.task

    @property
    def cardinalities(self) -> tuple[int, ...]:
        return self.whole.cardinalities

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole.shape
