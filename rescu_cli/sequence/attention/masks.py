"""Which keys a query may look at: bool tensors, true where it may, that fit logits."""

from __future__ import annotations

import torch
from torch import Tensor

from rescu_cli.errors import UsageError


def causal(n: int) -> Tensor:
    """Query i looks at the keys 0 … i.

    Returns:
        Bool, shape (n, n).

    Example:
        >>> causal(2).tolist()
        [[True, False], [True, True]]
    """
    return torch.ones(n, n, dtype=torch.bool).tril()


def padding(lengths: Tensor, n: int) -> Tensor:
    """In each sequence the first so many places are there; the rest pads.

    Args:
        lengths: Integers, shape (batch,), each from 0 to n.
        n: Places of the padded sequences.

    Returns:
        Bool, shape (batch, n).

    Raises:
        UsageError: If a length does not fit.

    Example:
        >>> padding(torch.tensor([1, 3]), 3).tolist()
        [[True, False, False], [True, True, True]]
    """
    if bool(((lengths < 0) | (lengths > n)).any()):
        raise UsageError(
            f"Lengths from {int(lengths.min())} to {int(lengths.max())} asked of sequences with "
            f"{n} places; each is from 0 to {n}."
        )
    return torch.arange(n, device=lengths.device) < lengths[:, None]


def of_keys(there: Tensor) -> Tensor:
    """The padding of keys, (batch, n), for logits of the shape (batch, heads, queries, n)."""
    return there[:, None, None, :]
