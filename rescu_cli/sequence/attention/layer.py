"""Scaled dot products, the normalisation of ReLA, and a layer of several heads."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.sequence.attention.kinds import Kind

NORMS = ("gated", "rms", "none")
EPS = 1e-6
WIDEST = 4096


@dataclass(frozen=True)
class Shape:
    """Sizes of an attention with several heads.

    Args:
        width: Of the hidden vector, which the heads share.
        heads: A divisor of the width.

    Raises:
        UsageError: If the heads do not divide the width, or a number is out of range.
    """

    width: int = 32
    heads: int = 4

    def __post_init__(self) -> None:
        if self.width < 1 or self.heads < 1:
            raise UsageError(
                f"{self.heads} heads and a width of {self.width} asked; both are at least 1."
            )
        if self.width > WIDEST:
            raise UsageError(f"A width of {self.width} asked; it is at most {WIDEST}.")
        if self.width % self.heads:
            fitting = [h for h in range(1, self.width + 1) if self.width % h == 0]
            near = sorted(sorted(fitting, key=lambda h: abs(h - self.heads))[:4])
            raise UsageError(
                f"{self.heads} heads asked for a width of {self.width}, which leaves "
                f"{self.width % self.heads} over; the heads share the width equally, so e.g. "
                f"{', '.join(map(str, near))} heads, or a width of "
                f"{self.heads * -(-self.width // self.heads)}."
            )

    @property
    def per_head(self) -> int:
        return self.width // self.heads


def attend(q: Tensor, k: Tensor, v: Tensor, kind: Kind, mask: Tensor) -> tuple[Tensor, Tensor]:
    """weigh(QKᵀ/√d)V of each head.

    Args:
        q: Shape (…, queries, d).
        k: Shape (…, keys, d).
        v: Shape (…, keys, e), finite, also where masked: 0·∞ is no number.
        kind: What weighs.
        mask: Bool, broadcasts to (…, queries, keys); true where a query may look.

    Returns:
        The output (…, queries, e) and the weights (…, queries, keys). A query that may look at
        nothing, or whose weights are all 0, gives 0.
    """
    logits = q @ k.transpose(-1, -2) / sqrt(q.shape[-1])
    weights = kind.weigh(logits, mask.expand(logits.shape))
    return weights @ v, weights


def joined(heads: Tensor) -> Tensor:
    """(batch, heads, n, d) ↦ (batch, n, heads·d)."""
    return heads.transpose(1, 2).flatten(2)


class RootMeanSquare(nn.Module):
    """scale ⊙ o/√(mean(o²) + ε) ⊙ σ(gate ⊙ o) over the whole hidden vector (Zhang et al., 2021).

    Without it the size of an output would follow the number of keys that are looked at. A vector
    of zeros stays one, for ε = 0 too. No square overflows or vanishes: vectors are divided by a
    power of two near their largest entry first, which changes no bit of the others.

    Args:
        width: Of the hidden vector.
        gated: Whether it has the paper's gate.
        eps: ε ≥ 0.
    """

    def __init__(self, width: int, *, gated: bool = True, eps: float = EPS) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(width))
        self.gate = nn.Parameter(torch.ones(width)) if gated else None

    def forward(self, o: Tensor) -> Tensor:
        scaled, unit = _scaled(o, self.eps)
        size = scaled.square().mean(-1, keepdim=True) + self.eps / unit / unit
        # Where nothing is there the root is taken of 1: neither it nor its slope is infinite.
        found = self.scale * scaled * torch.where(size > 0, size, 1).rsqrt()
        return found if self.gate is None else found * torch.sigmoid(self.gate * o)


def _scaled(o: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """o/m and m, a power of two near the larger of the row's largest entry and √ε, or 1."""
    exact = o.detach().to(torch.promote_types(o.dtype, torch.float32))
    largest = exact.abs().amax(-1, keepdim=True).clamp(min=sqrt(eps))
    # 2·mantissa·m is the number: the quotient is m, exactly.
    unit = (largest / (2 * torch.frexp(largest).mantissa)).to(o.dtype)
    unit = torch.where((unit > 0) & unit.isfinite(), unit, 1)
    return o / unit, unit


def normalisation(kind: Kind, width: int, norm: str) -> nn.Module:
    """What follows the heads: of `NORMS` for an activation, nothing where rows sum to 1.

    Raises:
        UnknownNameError: If there is no such normalisation.
    """
    if norm not in NORMS:
        raise UnknownNameError("normalisation", norm, NORMS)
    if norm == "none" or not kind.elementwise:
        return nn.Identity()
    return RootMeanSquare(width, gated=norm == "gated")


class MultiHeadAttention(nn.Module):
    """Projections, heads, normalisation, projection.

    Args:
        shape: Width and heads.
        kind: What weighs.
        norm: Of `NORMS`; for an activation only.
    """

    def __init__(self, shape: Shape, kind: Kind, norm: str = "gated") -> None:
        super().__init__()
        self.shape, self.kind = shape, kind
        self.query, self.key, self.value, self.out = (
            nn.Linear(shape.width, shape.width) for _ in range(4)
        )
        self.norm = normalisation(kind, shape.width, norm)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Output (batch, n, width) and weights (batch, heads, n, keys).

        Args:
            x: Of the queries, shape (batch, n, width).
            memory: Of the keys, shape (batch, keys, width).
            mask: Broadcasts to the weights.
        """
        q, k, v = (
            self._split(project(source))
            for project, source in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        found, weights = attend(q, k, v, self.kind, mask)
        return self.out(self.norm(joined(found))), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.shape.heads, self.shape.per_head).transpose(1, 2)
