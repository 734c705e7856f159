"""Multi-scale decay of retention: γ per head, and its powers, none of which can overflow."""

from __future__ import annotations

import torch
from torch import Tensor

from rescu_cli.errors import UsageError

MOST_HEADS = 45  # beyond, 1 − 2^(−5−h) rounds to 1 in double precision


def decays(n_heads: int) -> Tensor:
    """γ_h = 1 − 2^(−5−h) for h = 0 … H − 1, float64 (H,); Sun et al. 2023, equation 8.

    Raises:
        UsageError: For no head, or more than `MOST_HEADS`.
    """
    if not 1 <= n_heads <= MOST_HEADS:
        raise UsageError(f"{n_heads} heads asked; possible are 1 … {MOST_HEADS}.")
    return 1 - 2.0 ** (-5 - torch.arange(n_heads, dtype=torch.float64))


def powers(γ: Tensor, exponents: Tensor) -> Tensor:
    """γ^e for whole e ≥ 0, float64 (H, *shape of e); 0 where e < 0.

    The exponent is masked before the power is taken. The quotient γ^n/γ^m that papers write for
    γ^(n − m) overflows: γ^(−n) of the first head passes the largest double at n = 22,357.
    """
    shape = (len(γ), *[1] * exponents.ndim)
    allowed = exponents >= 0
    raised = γ.log().view(shape) * torch.where(allowed, exponents, 0).to(torch.float64)
    return torch.where(allowed, raised.exp(), 0.0)


def decay_matrix(γ: Tensor, end: int, start: int = 0) -> Tensor:
    """D with D_nm = γ^(n − m) for n ≥ m and 0 above the diagonal, for rows ``start`` … ``end`` − 1.

    Returns:
        Float64 (H, end − start, end): the rows are one vector of powers, moved by one each.
    """
    vector = powers(γ, torch.arange(end - 1, start - end, -1, device=γ.device))
    return vector.unfold(1, end, 1).flip(1)
