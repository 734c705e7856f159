"""The loss of a network that is moved along directions of its parameters.

A direction is drawn N(0, 1) and then filter-normalised (Li et al. 2018, "Visualizing the Loss
Landscape of Neural Nets", section 4): the part of d that belongs to one unit gets the norm of that
unit's weights in θ; biases and the parameters of norms get 0. Without this, a net whose activation
is scaled otherwise would look flatter or steeper although it is the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli.experiment.models.network import Build, Plan, StackedNetwork
from rescu_cli.experiment.models.stages import Group
from rescu_cli.experiment.threads import one_thread_per_kernel, run_together
from rescu_cli.experiment.train import Part, judged

if TYPE_CHECKING:
    from rescu_cli.experiment.models.stages import ElementwiseCode

Floats = NDArray[np.float64]
Parameters = Mapping[str, Tensor]

_AT_ONCE = 64
"""Perturbed copies in one stack: a full one at every call, so that its buffers are reused."""
_DIRECTIONS = 101
"""First word of the seed of what is drawn here, apart from those of `draws.PURPOSES`."""


def random_directions(plan: Plan, norm: str, seed: int) -> tuple[Parameters, Parameters]:
    """Two directions N(0, 1) in the shapes of the parameters, a function of plan and seed alone."""
    generator = np.random.default_rng([_DIRECTIONS, seed])
    shapes = plan.shapes(norm)
    first, second = (
        {name: torch.from_numpy(generator.standard_normal(shape)) for name, shape in shapes.items()}
        for _ in range(2)
    )
    return first, second


def filter_normalised(plan: Plan, direction: Parameters, weights: Parameters) -> Parameters:
    """The direction with each unit's part as long as that unit's weights; 0 for all else.

    A unit is a column of a hidden layer's weights (of a convolution: a filter), a row of the output
    layer's, a row of an embedding.

    Args:
        plan: Shape of the network.
        direction: Tensors by name.
        weights: Those of the trained network, same shapes.
    """
    over = unit_axes(plan)
    return {
        name: _as_long(part, weights[name], over[name]) if name in over else torch.zeros_like(part)
        for name, part in direction.items()
    }


def unit_axes(plan: Plan) -> dict[str, int]:
    """The axis over which one unit's weights lie, for each parameter that is normalised."""
    axes = {f"weight{number}": 0 for number in range(len(plan.layers))}
    return {
        **axes,
        f"weight{len(plan.layers)}": 1,
        **({"embedding": 1} if plan.cardinalities else {}),
    }


def _as_long(part: Tensor, weights: Tensor, axis: int) -> Tensor:
    wanted, has = (torch.linalg.vector_norm(t, dim=axis, keepdim=True) for t in (weights, part))
    return part * (wanted / has)


def perturbed_losses(
    plan: Plan,
    norm: str,
    code: ElementwiseCode,
    weights: Parameters,
    directions: tuple[Parameters, Parameters],
    points: Floats,
    part: Part,
) -> Floats:
    """Loss at θ + a·d₁ + b·d₂ for many (a, b), as stacks of perturbed copies.

    Args:
        plan: Shape of the network.
        norm: ``none`` or ``layer``.
        code: Of the activation.
        weights: θ, float64 tensors by name.
        directions: d₁ and d₂, likewise.
        points: (a, b), shape (n, 2).
        part: Examples and targets, float64.

    Returns:
        Float64, shape (n,).
    """
    with one_thread_per_kernel() as n_threads:
        shares = np.array_split(points, n_threads)

        def task(share: Floats, _: Callable[[int], None]) -> Floats:
            with torch.inference_mode():
                build = Build(norm, 0.0, torch.float64)
                network = StackedNetwork(plan, [Group(code, _AT_ONCE)], build)
                network.train(False)
                found = [
                    _stack_losses(
                        network, weights, directions, share[start : start + _AT_ONCE], part
                    )
                    for start in range(0, len(share), _AT_ONCE)
                ]
            return np.concatenate([*found, np.empty(0)])

        return np.concatenate(run_together(task, shares, None))


def _stack_losses(
    network: StackedNetwork, weights: Parameters, directions: tuple[Parameters, Parameters],
    points: Floats, part: Part,
) -> Floats:  # fmt: skip
    """At most as many points as the stack holds; what is over repeats the centre."""
    places = torch.zeros(network.n_models, 2, dtype=torch.float64)
    places[: len(points)] = torch.from_numpy(points)
    for name, value in weights.items():
        a, b = (places[:, i].view(-1, *(1,) * value.ndim) for i in (0, 1))
        network.stack.value(name).copy_(value + a * directions[0][name] + b * directions[1][name])
    losses, _ = judged(network, part)
    return losses[: len(points)]
