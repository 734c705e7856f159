"""Θ: queries and keys are rotated by their position, so that scores see distances only."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000.0  # of the angles, as in rotary embeddings (Su et al. 2021) and xPos


def rotate(x: Tensor, start: int = 0) -> Tensor:
    """Rotate each pair of neighbouring features of position n by the angles n·10000^(−2i/d).

    ⟨rotate(q, n), rotate(k, m)⟩ is a function of q, k and n − m.

    Args:
        x: (…, T, d), d even, any floating dtype.
        start: Position of the first row.

    Returns:
        The same shape and dtype. Angles are computed in double precision: n itself is no number
        of bfloat16 beyond 256.
    """
    n, d = x.shape[-2:]
    place = torch.arange(start, start + n, dtype=torch.float64, device=x.device)
    rates = BASE ** (-torch.arange(0, d, 2, dtype=torch.float64, device=x.device) / d)
    angle = place[:, None] * rates
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), -1)
    return turned.flatten(-2)
