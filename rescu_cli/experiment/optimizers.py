"""The table of optimizers; each updates all stacked models in one call."""

from __future__ import annotations

from math import cos, pi
from typing import Protocol

import torch
from torch.optim.adam import adam

from rescu_cli.experiment.models.parameters import ParameterStack

BETAS, EPS = (0.9, 0.999), 1e-8  # Kingma and Ba's, and the framework's, defaults
ADAGRAD_EPS = 1e-10  # the framework's default


class Optimizer(Protocol):
    """Updates of all parameters from their gradients."""

    def prepare(self, lr: float, number: int) -> None:
        """What the next step, of this number from 0, has to know: outside of a captured graph."""

    def step(self) -> None:
        """One update."""


class Adam:
    """Adam (Kingma and Ba, 2015); its rate falls from ``lr`` to 0 along half a cosine.

    Args:
        stack: The parameters.
        n_steps: Of the whole training.
    """

    def __init__(self, stack: ParameterStack, n_steps: int) -> None:
        self._stack, self._n_steps = stack, n_steps
        self._first, self._second = torch.zeros_like(stack.values), torch.zeros_like(stack.values)
        device = stack.values.device
        self._count = torch.zeros((), device=device)
        # A kernel on a GPU reads the rate in single precision, one on a CPU in double.
        single = torch.float32 if device.type == "cuda" else torch.float64
        self._rate = torch.zeros((), dtype=single, device=device)

    def prepare(self, lr: float, number: int) -> None:
        self._rate.fill_(lr * 0.5 * (1.0 + cos(pi * number / self._n_steps)))

    def step(self) -> None:
        adam(
            [self._stack.values],
            [self._stack.gradients],
            [self._first],
            [self._second],
            [],
            [self._count],
            fused=True,
            capturable=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self._rate,
            weight_decay=0.0,
            eps=EPS,
            maximize=False,
        )


class AdaGrad:
    """AdaGrad (Duchi, Hazan and Singer, 2011) at a constant rate: p −= lr·g/(√Σg² + ε).

    Args:
        stack: The parameters.
        n_steps: Of the whole training; not needed.
    """

    def __init__(self, stack: ParameterStack, n_steps: int) -> None:
        self._stack = stack
        self._total = torch.zeros_like(stack.values)
        self._root = torch.empty_like(stack.values)
        self._lr = 0.0

    def prepare(self, lr: float, number: int) -> None:
        self._lr = lr  # the same at every step, so that a graph may keep it

    def step(self) -> None:
        gradients = self._stack.gradients
        self._total.addcmul_(gradients, gradients)
        torch.sqrt(self._total, out=self._root).add_(ADAGRAD_EPS)
        self._stack.values.addcdiv_(gradients, self._root, value=-self._lr)


OPTIMIZERS: dict[str, type[Adam] | type[AdaGrad]] = {"adam": Adam, "adagrad": AdaGrad}
