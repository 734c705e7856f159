"""Which weights go next: the smallest, or negative ones that moved least.

Both look at all layers at once. Ties go by the order of layers and positions, so that the same
weights give the same masks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rescu_cli.network.prune.masks import Masks

Weights = Mapping[str, Tensor]
Places = dict[str, Tensor]
"""By name of a weight, flat positions."""


def smallest(weights: Weights, masks: Masks, count: int) -> Places:
    """The ``count`` weights that are left with the smallest |w|."""
    return _lowest({n: weights[n].abs() for n in masks.kept}, dict(masks.kept), count)


def least_moved_negative(weights: Weights, start: Weights, masks: Masks, count: int) -> Places:
    """Of the negative weights that are left, up to ``count`` with the smallest |w − w_start|.

    Activating-while-pruning (Liu et al., TMLR 2023): a negative weight pushes a pre-activation
    down where its input is positive, as it is behind a ReLU; without it fewer units are off.

    Args:
        weights: After training.
        start: Before it.
        masks: What is left.
        count: How many; where there are fewer, all of them.
    """
    moved = {n: (weights[n] - start[n]).abs() for n in masks.kept}
    negative = {n: masks.kept[n] & (weights[n] < 0) for n in masks.kept}
    return _lowest(moved, negative, count)


def size(places: Places) -> int:
    """How many places."""
    return sum(len(p) for p in places.values())


def _lowest(scores: Weights, allowed: Weights, count: int) -> Places:
    """The lowest scores among the allowed."""
    names = list(allowed)
    which = {n: allowed[n].flatten().nonzero().flatten() for n in names}
    pool = torch.cat([scores[n].detach().flatten()[which[n]] for n in names])
    chosen = torch.sort(pool, stable=True).indices[: max(count, 0)]
    taken = torch.zeros(len(pool), dtype=torch.bool)
    taken[chosen] = True
    parts = torch.split(taken, [len(which[n]) for n in names])
    return {n: which[n][part] for n, part in zip(names, parts, strict=True)}
