"""Sparse maps onto the simplex, exact by sorting: sparsemax and 1.5-entmax.

    sparsemax(z) = max(z − τ, 0)           Martins and Astudillo, 2016, algorithm 1
    entmax₁.₅(z) = max(z/2 − τ, 0)²        Peters, Niculae and Martins, 2019, algorithm 2

with τ such that a row sums to 1. In both, an entry that lies 1 or more below the largest (of z, or
of z/2) is 0. So whatever lies further down can be lifted to 2 below without changing anything, and
neither the sums of squares nor a mask of −∞ overflow. Half precisions are computed in float32: they
cannot even count the entries of a row. NaN gives NaN.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_FAR = -2.0


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        z, ranked, n = _ranked(z)
        sums = ranked.cumsum(-1)
        size = _size((1 + n * ranked > sums) & (ranked > -1))
        threshold = (sums.gather(-1, size - 1) - 1) / size
        p = (z - threshold).clamp(min=0)
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        support = (p > 0).to(upstream.dtype)
        return support * (upstream - _average(upstream, support))


class _Entmax15(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        z, ranked, n = _ranked(z / 2)
        mean = ranked.cumsum(-1) / n
        spread = (ranked.square().cumsum(-1) / n - mean.square()).clamp(min=0)
        thresholds = mean - (1 / n - spread).clamp(min=0).sqrt()
        size = _size((thresholds <= ranked) & (ranked > -1))
        p = (z - thresholds.gather(-1, size - 1)).clamp(min=0).square()
        ctx.save_for_backward(p)
        return p

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (p,) = ctx.saved_tensors
        # An output and no other tensor, or a second derivative would miss it. Where p is 0 the
        # root's own slope is infinite, and is not taken.
        root = torch.where(p > 0, torch.where(p > 0, p, 1).sqrt(), 0)
        return root * (upstream - _average(upstream, root))


def sparsemax(z: Tensor) -> Tensor:
    """The point of the simplex that is nearest to z, over the last axis.

    Backward: s ⊙ (g − the mean of g over the support), with s the support's indicator.

    Args:
        z: Float, shape (…, n), n ≥ 1, each row with a finite largest entry; −∞ gives 0.

    Returns:
        The same shape and dtype; rows sum to 1 up to rounding.

    Example:
        >>> sparsemax(torch.tensor([1.0, 0.5, -1.0])).tolist()
        [0.75, 0.25, 0.0]
    """
    return _in_full(_Sparsemax, z)


def entmax15(z: Tensor) -> Tensor:
    """α-entmax with α = 1.5 over the last axis: between softmax (1) and sparsemax (2).

    Backward: r ⊙ (g − Σ r g/Σ r) with r = √p.

    Args:
        z: As for `sparsemax`.

    Returns:
        The same shape and dtype; rows sum to 1 up to rounding.

    Example:
        >>> entmax15(torch.tensor([2.0, 0.0, -2.0])).tolist()
        [1.0, 0.0, 0.0]
    """
    return _in_full(_Entmax15, z)


def _in_full(function: type[torch.autograd.Function], z: Tensor) -> Tensor:
    exact = z.to(torch.promote_types(z.dtype, torch.float32))
    return cast(Tensor, function.apply(exact)).to(z.dtype)  # type: ignore[no-untyped-call]


def _size(inside: Tensor) -> Tensor:
    """How many entries are not 0; 1 of a row with NaN, which compares with nothing."""
    return inside.sum(-1, keepdim=True).clamp(min=1)


def _ranked(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z less its largest, from `_FAR` up; the same falling; and 1, 2, …, n."""
    z = (z - z.amax(-1, keepdim=True)).clamp(min=_FAR)
    n = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype, device=z.device)
    return z, z.sort(-1, descending=True).values, n


def _average(values: Tensor, weights: Tensor) -> Tensor:
    return (weights * values).sum(-1, keepdim=True) / weights.sum(-1, keepdim=True)
