"""Attention without training: Gaussian queries, keys and values, and sparsity against SmeLU's β.

For q, k ~ N(0, I_d) a logit q·k/√d is, given q, normal with the variance |q|²/d: of mean 0 and
variance 1, but with heavier tails than N(0, 1) for small d. P(z ≤ −β) is Φ(−β) for N(0, 1) and the
mean of Φ(−β√d/|q|) for dot products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, isfinite, lgamma, log, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rescu_cli import catalogue
from rescu_cli.errors import UsageError
from rescu_cli.sequence.attention.kinds import Kind, normal_cdf, of_activation
from rescu_cli.sequence.attention.layer import Shape, attend, joined, normalisation
from rescu_cli.sequence.attention.masks import causal
from rescu_cli.sequence.attention.measures import SMALLER, Measures, measure

MOST_LOGITS = 2**25  # a float64 each, up to a dozen copies at a time: below 3 GB
MOST_BETA = 1e100
_NOTHING = 1e6


@dataclass(frozen=True)
class Draw:
    """What is drawn.

    Args:
        shape: Width and heads.
        seq: Queries, and keys, of each sequence.
        batch: Sequences.
        causal: Whether queries look at keys before them and their own only.
        seed: Of the numbers.

    Raises:
        UsageError: If a size is not positive, there is too much, or the seed is negative.
    """

    shape: Shape
    seq: int = 32
    batch: int = 16
    causal: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seq < 1 or self.batch < 1:
            raise UsageError(
                f"{self.batch} sequences of length {self.seq} asked; both are at least 1."
            )
        if self.seed < 0:
            raise UsageError(f"Seed {self.seed} asked; a seed is a whole number, 0 or more.")
        n_logits = self.batch * self.shape.heads * self.seq**2
        if max(n_logits, self.batch * self.seq * self.shape.width) > MOST_LOGITS:
            raise UsageError(
                f"{self.batch} sequences of length {self.seq} with {self.shape.heads} heads of "
                f"width {self.shape.per_head} have {n_logits:,} logits; at most {MOST_LOGITS:,} "
                "fit. Take shorter sequences or fewer."
            )

    @property
    def mask(self) -> Tensor:
        """Bool, shape (seq, seq)."""
        if self.causal:
            return causal(self.seq)
        return torch.ones(self.seq, self.seq, dtype=torch.bool)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v, float64, each (batch, heads, seq, width per head)."""
        generator = np.random.default_rng(self.seed)
        size = (3, self.batch, self.shape.heads, self.seq, self.shape.per_head)
        q, k, v = torch.from_numpy(generator.standard_normal(size))
        return q, k, v


@dataclass(frozen=True)
class Sample:
    """One kind of attention on what is drawn.

    Args:
        kind: Which.
        measures: Of its weights.
        rms_before: Root mean square of the output, heads joined.
        rms: The same after the normalisation.
    """

    kind: Kind
    measures: Measures
    rms_before: float
    rms: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "activation": self.kind.name,
            "surrogate": self.kind.surrogate,
            "elementwise": self.kind.elementwise,
            **self.measures.to_dict(),
            "expected_sparsity": self.kind.expected_sparsity,
            "output_rms_before_norm": self.rms_before,
            "output_rms": self.rms,
        }


def sample(draw: Draw, kind: Kind, norm: str) -> Sample:
    """Measures one kind of attention."""
    q, k, v = draw.tensors()
    with torch.no_grad():
        found, weights = attend(q, k, v, kind, draw.mask)
        output = joined(found)
        after = normalisation(kind, draw.shape.width, norm).double()(output)
    sizes = _rms(output), _rms(after)
    measures = measure(weights, draw.mask, kind.name)
    if not all(isfinite(size) for size in sizes):
        raise UsageError(f"Outputs with {kind.name} are too large for a float; {SMALLER}.")
    return Sample(kind, measures, *sizes)


def heads_of(draw: Draw, kind: Kind, n: int) -> np.ndarray[Any, Any]:
    """The weights of the first sequence's first n heads, (n, seq, seq); NaN where masked."""
    q, k, v = (t[:1, :n] for t in draw.tensors())
    with torch.no_grad():
        _, weights = attend(q, k, v, kind, draw.mask)
    return weights[0].masked_fill(~draw.mask, torch.nan).numpy()


def _rms(x: Tensor) -> float:
    largest = float(x.abs().max())
    # Divided first: the square of a number that is there may not be.
    return largest and largest * float((x / largest).square().mean().sqrt())


@dataclass(frozen=True)
class Point:
    """Sparsity at one β.

    Args:
        beta: Of SmeLU; 0 is ReLU.
        expected: Φ(−β), for logits that are N(0, 1).
        gaussian: Share of zeros among as many such logits as were drawn.
        expected_dot: P(q·k/√d ≤ −β).
        dot: Share of zeros where a query may look.
    """

    beta: float
    expected: float
    gaussian: float
    expected_dot: float
    dot: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "beta": self.beta, "expected_gaussian": self.expected, "gaussian": self.gaussian,
            "expected_dot_products": self.expected_dot, "dot_products": self.dot,
        }  # fmt: skip


def sparsity_curve(draw: Draw, betas: Sequence[float]) -> list[Point]:
    """The share of exact zeros under SmeLU, against what it must be.

    Args:
        draw: What is drawn; Gaussian logits by the next seed.
        betas: Each finite and 0 or more, none twice.

    Raises:
        UsageError: If a β is not of that kind.
    """
    if not betas or len(set(betas)) != len(betas):
        raise UsageError("The curve needs values of beta, one at least and none twice.")
    for beta in betas:
        if beta != 0 and not 1e-6 <= beta <= MOST_BETA:
            raise UsageError(
                f"A beta of {beta:g} asked; it is 0 (ReLU), or from 1e-6 to {MOST_BETA:g}."
            )
    q, k, _ = draw.tensors()
    mask = draw.mask.expand(*q.shape[:2], -1, -1)
    dots = (q @ k.transpose(-1, -2) / draw.shape.per_head**0.5)[mask]
    free = torch.from_numpy(np.random.default_rng(draw.seed + 1).standard_normal(dots.shape))
    every = torch.ones((), dtype=torch.bool)
    points = []
    for beta in sorted(betas):
        kind = of_activation(catalogue.get("smelu").bind({"beta": beta}))
        seen = [float((kind.weigh(logits, every) == 0).double().mean()) for logits in (free, dots)]
        points.append(
            Point(beta, normal_cdf(-beta), seen[0], share_below(beta, draw.shape.per_head), seen[1])
        )
    return points


def share_below(beta: float, d: int) -> float:
    """P(q·k/√d ≤ −β) for q, k ~ N(0, I_d): the mean of Φ(−β√d/r) over r = |q|, by quadrature.

    The density of r is r^(d−1) e^(−r²/2)/(2^(d/2−1) Γ(d/2)). Relative error below 1e-7, and
    0 where it is below the smallest float.

    Example:
        >>> round(share_below(0, 8), 12)
        0.5
        >>> share_below(2, 8) > normal_cdf(-2)
        True
    """
    from scipy.integrate import quad
    from scipy.special import log_ndtr

    if beta * sqrt(d) > _NOTHING:  # about e^(−β√d): no float
        return 0.0

    def log_integrand(r: float) -> float:
        return (d - 1) * log(r) - r * r / 2 + float(log_ndtr(-beta * sqrt(d) / r))

    # Near the largest value: without the factor Φ at √d, far out at the root of β√d.
    middle = max(sqrt(d), sqrt(beta * sqrt(d)))
    highest = log_integrand(middle)

    def integrand(r: float) -> float:
        return exp(log_integrand(r) - highest) if r > 0 else 0.0

    # The peak is about 1 wide wherever it is; 40 of that on both sides leave nothing out.
    ends = [max(0.0, middle - 40), max(0.0, middle - 4), middle, middle + 4, middle + 40]
    mass = sum(quad(integrand, a, b, epsabs=0, epsrel=1e-11, limit=200)[0]
               for a, b in pairwise(ends) if a < b)  # fmt: skip
    total = log(mass) + highest - (d / 2 - 1) * log(2) - lgamma(d / 2)
    return exp(total)
