"""Affine steps as explicit matrices, for those who need the numbers and not only their effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rescu_cli.errors import UsageError
from rescu_cli.network.regions.polygons import Floats
from rescu_cli.network.regions.program import Affine, Program, Values

LARGEST = 2**24  # numbers of a matrix: 128 MB


@dataclass(frozen=True, eq=False)
class AffineMap:
    """out = Σ matrices[name]·in_name + constant, on flat tensors.

    Args:
        matrices: Float64, shape (n_out, n_in), by the name of the input.
        constant: Float64, shape (n_out,).
        shape: Of one result, whose numbers are the n_out.
    """

    matrices: Mapping[str, Floats]
    constant: Floats
    shape: tuple[int, ...]


def affine_map(program: Program, step: Affine, shapes: Mapping[str, tuple[int, ...]]) -> AffineMap:
    """What a step does, read off its values at 0 and at the unit vectors.

    For layers that only multiply and add, as all that `read_program` knows, these are the very
    weights; a batch normalisation is folded to float64.

    Args:
        program: The network.
        step: One of its affine steps.
        shapes: Of one example, of the tensors before it.

    Raises:
        UsageError: If the matrix would be larger than `LARGEST` numbers.
    """
    base = step.run(_values(program, shapes, {}, 3))
    shape, constant = tuple(base.shape[1:]), base.reshape(3, -1)[2]
    matrices = {}
    for name in step.inputs:
        if name not in shapes:
            continue
        n_in = int(np.prod(shapes[name]))
        if n_in * constant.numel() > LARGEST:
            raise UsageError(
                f"The step {step.name} is a matrix of {constant.numel()} × {n_in} numbers; at most "
                f"{LARGEST} are kept. Use a smaller network."
            )
        # A unit vector in the first coefficient is one column: the constant is taken off there.
        probe = torch.zeros(n_in, 3, n_in, dtype=torch.float64)
        probe[:, 0] = torch.eye(n_in)
        given = {name: probe.reshape(3 * n_in, *shapes[name])}
        out = step.run(_values(program, shapes, given, 3 * n_in)).reshape(n_in, 3, -1)
        matrices[name] = out[:, 0].T.contiguous().numpy()
    return AffineMap(matrices, constant.numpy(), shape)


def _values(
    program: Program, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor], batch: int
) -> Values:
    """Zeros for every tensor that is not given, and the sizes that are read off them."""
    values: Values = {
        name: torch.zeros(batch, *shape, dtype=torch.float64) for name, shape in shapes.items()
    }
    values.update(given)
    for step in program.steps:
        if not isinstance(step, Affine) or not (step.shape or step.name in program.constants):
            continue
        if all(name in values for name in step.inputs):
            values[step.name] = step.run(values)
    return values
