"""A ReLU that can be left out, unit by unit."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from rescu_cli.errors import InternalError
from rescu_cli.network.linearize.quadratic import Quadratic

REPLACEMENTS = ("identity", "poly2")
UNITS = ("element", "channel")


class Gate(nn.Module):
    """ReLU(x) where it is kept, R(x) elsewhere; R is the identity or a parabola.

    While a method searches, ``weigh`` gives a weight m for every cell, and the output is
    m·ReLU(x) + (1 − m)·R(x). Otherwise the choice is made by ``torch.where``, which passes one side
    on as it is: with all kept the output is that of ReLU, bit for bit.

    Attributes:
        keep: Boolean; a cell is a unit, or a channel with all its places.
        size: Shape of one example's activations.
        cost: ReLUs of one cell.
        weigh: What gives the weights during a search, else None.
    """

    keep: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("keep", torch.ones((), dtype=torch.bool))
        self.size: tuple[int, ...] = ()
        self.cost = 1
        self.replacement: nn.Module = nn.Identity()
        self.weigh: nn.Module | None = None

    def prepare(self, size: tuple[int, ...], by: str, replace: str) -> None:
        """Learn the shape; every cell is kept.

        Args:
            size: Of one example's activations, channels first.
            by: In `UNITS`.
            replace: In `REPLACEMENTS`.
        """
        channels = (size[0], *(1 for _ in size[1:]))
        cells = size if by == "element" else channels
        self.size, self.cost = size, prod(size) // prod(cells)
        self.keep = torch.ones(cells, dtype=torch.bool)
        self.replacement = Quadratic(channels) if replace == "poly2" else nn.Identity()

    @property
    def n_relus(self) -> int:
        """ReLUs that there could be."""
        return prod(self.size)

    @property
    def n_kept(self) -> int:
        """ReLUs that there are."""
        return int(self.keep.sum()) * self.cost

    def set(self, keep: Tensor) -> None:
        """Choose the cells; ends a search.

        Raises:
            InternalError: If the shape is another one.
        """
        if keep.shape != self.keep.shape:
            raise InternalError(
                f"A mask of shape {tuple(keep.shape)} for {tuple(self.keep.shape)}."
            )
        self.keep.copy_(keep)
        self.weigh = None

    def forward(self, x: Tensor) -> Tensor:
        if self.weigh is None:
            # A parabola that escapes where its value is not used would make the gradient NaN there.
            inner = x if isinstance(self.replacement, nn.Identity) else x.masked_fill(self.keep, 0)
            return torch.where(self.keep, torch.relu(x), self.replacement(inner))
        m = self.weigh()
        return m * torch.relu(x) + (1 - m) * self.replacement(x)
