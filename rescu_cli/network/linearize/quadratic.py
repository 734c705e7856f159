"""The parabola nearest to ReLU for normally distributed inputs, one per channel (DaPa).

H. Peng et al., "AutoReP: Automatic ReLU Replacement for Fast Private Network Inference", ICCV 2023,
approximates ReLU by its Hermite expansion about the distribution of its input. For x ~ N(u, v²),
a = u/v, φ and Φ the standard normal density and distribution:

    P(x) = c₀ + c₁·He₁(s) + c₂/2·He₂(s),    s = (x − u)/v,
    c₀ = u·Φ(a) + v·φ(a),   c₁ = v·Φ(a),   c₂ = v·φ(a)

Hermite polynomials are orthogonal under the normal density, so that this is the least-squares
parabola exactly. The paper's public code rescales it and takes the variance for v; not followed.
"""

from __future__ import annotations

from math import pi, sqrt

import torch
from torch import Tensor, nn

from rescu_cli.errors import UsageError

NARROWEST = 1e-6
"""Deviation below which a channel counts as constant: there the parabola is the tangent at u."""


def coefficients(mean: Tensor, deviation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """p₀, p₁, p₂ of P(x) = p₀ + p₁x + p₂x².

    Args:
        mean: u, any shape, finite.
        deviation: v ≥ 0, the same shape; where it is below `NARROWEST`, P is the limit v → 0 with
            p₂ = 0 (half the identity at u = 0).

    Raises:
        UsageError: If a number is not finite or a deviation negative.

    Example:
        >>> [round(float(p), 5) for p in coefficients(torch.zeros(()), torch.ones(()))]
        [0.19947, 0.5, 0.19947]
    """
    if not (mean.isfinite().all() and deviation.isfinite().all() and bool((deviation >= 0).all())):
        raise UsageError("A parabola needs finite means and deviations of at least 0.")
    u, v = mean.double(), deviation.double()
    narrow = v < NARROWEST
    safe = torch.where(narrow, torch.ones_like(v), v)
    a = u / safe
    density = torch.exp(-0.5 * a**2) / sqrt(2 * pi)
    below = 0.5 * torch.erfc(-a / sqrt(2))
    c0, c1, c2 = u * below + safe * density, safe * below, safe * density
    p2 = c2 / (2 * safe**2)
    p1 = c1 / safe - 2 * p2 * u
    p0 = c0 - c2 / 2 - c1 / safe * u + p2 * u**2
    side = 0.5 * (1 + torch.sign(u))
    zero = torch.zeros_like(u)
    found = (torch.where(narrow, zero, p0), torch.where(narrow, side, p1),
             torch.where(narrow, zero, p2))  # fmt: skip
    return tuple(p.to(mean.dtype) for p in found)  # type: ignore[return-value]


class Quadratic(nn.Module):
    """x ↦ p₀ + p₁x + p₂x², with coefficients per channel.

    Args:
        channels: Shape that fits one example's activations, such as (C, 1, 1).
    """

    p0: Tensor
    p1: Tensor
    p2: Tensor

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        for name in ("p0", "p1", "p2"):
            self.register_buffer(name, torch.zeros(channels))

    def fit(self, x: Tensor) -> None:
        """Take the coefficients from inputs seen, shape (examples, C, …)."""
        rest = [i for i in range(x.ndim) if i != 1]
        v, u = torch.std_mean(x, dim=rest, correction=0)
        for name, value in zip(("p0", "p1", "p2"), coefficients(u, v), strict=True):
            buffer = getattr(self, name)
            buffer.copy_(value.reshape(buffer.shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.p0 + x * (self.p1 + self.p2 * x)
