"""One training step of a stack: gather the batch, forward, backward, update.

On a GPU a step is hundreds of kernels of a few microseconds, each of which takes longer to launch
than to run. So the first steps run as they are, and then one is captured as a CUDA graph, which
launches them all at once. A graph repeats the same kernels on the same addresses: whatever changes
between steps has to be read from a tensor that stays where it is. The rows of the batch, the
learning rate, the count of steps, the losses and the state of the generators are such tensors; what
a step leaves in Python is not seen by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

if TYPE_CHECKING:
    from rescu_cli.experiment.models.network import StackedNetwork
    from rescu_cli.experiment.optimizers import Optimizer

Run = Callable[[], None]
Capture = Callable[[Run], Run]
"""Takes a step and gives what repeats it, without having run it."""

WARM_UP = 3  # steps of each size of a batch that run as they are; libraries set themselves up there


class Steps:
    """The steps of a training.

    Args:
        network: The stack.
        optimizer: Of its parameters.
        features: Of the training examples, (n, F).
        targets: Of the same, (n, C).
        capture: For `cuda_graph`; None runs every step as it is.

    Attributes:
        loss: Summed losses of each model, float64, (K,), since `restart`.
    """

    def __init__(
        self,
        network: StackedNetwork,
        optimizer: Optimizer,
        features: Tensor,
        targets: Tensor,
        capture: Capture | None = None,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._features, self._targets, self._capture = features, targets, capture
        self._by_size: dict[int, _Step] = {}
        self.loss = torch.zeros(network.n_models, dtype=torch.float64, device=features.device)

    def restart(self) -> None:
        """A new epoch begins: losses are summed from zero."""
        self.loss.zero_()

    def __call__(self, rows: Tensor) -> None:
        """Trains each model on its rows of the data, int64, (K, B)."""
        size = rows.shape[1]
        if size not in self._by_size:
            self._by_size[size] = _Step(rows, self._features.shape[1], self._features.dtype)
        one = self._by_size[size]
        one.rows.copy_(rows)
        if one.again is not None:
            one.again()
        elif self._capture is not None and one.n_done >= WARM_UP:
            one.again = self._capture(lambda: self._run(one))
            one.again()
        else:
            self._run(one)
        one.n_done += 1

    def _run(self, one: _Step) -> None:
        chosen = one.rows.view(-1)
        torch.index_select(self._features, 0, chosen, out=one.x.view(len(chosen), -1))
        wanted = self._targets.index_select(0, chosen).view(*one.rows.shape, -1).transpose(1, 2)
        self.loss.add_(self._network.backpropagate(one.x, wanted))
        self._optimizer.step()


class _Step:
    """The tensors of the steps of one size that stay where they are, and the captured step."""

    def __init__(self, rows: Tensor, n_features: int, dtype: torch.dtype) -> None:
        self.rows = torch.empty_like(rows, memory_format=torch.contiguous_format)
        self.x = torch.empty(*rows.shape, n_features, dtype=dtype, device=rows.device)
        self.n_done = 0
        self.again: Run | None = None


def cuda_graph(generators: Sequence[Generator]) -> Capture:
    """Captures steps as CUDA graphs.

    Args:
        generators: Random generators on the device that a step draws from: each repetition goes on
            where the last one ended.
    """

    def capture(run: Run) -> Run:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph):
            run()
        return graph.replay

    return capture
