"""What is measured of attention weights: zeros, sums of rows, how heads differ, alignment.

The map of a row is its weights by size, divided by their sum: |a|/Σ|a|. A null row has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rescu_cli.errors import UsageError

SMALLER = "smaller logits, or another activation, are needed"


@dataclass(frozen=True)
class Measures:
    """Of the weights of many rows, a row being one query of one head.

    Args:
        sparsity: Share of the weights that are exactly 0, where a query may look.
        null_rate: Share of the rows whose weights are all 0.
        head_diversity: Jensen–Shannon divergence of the heads' maps over its greatest value ln h,
            h being the heads that are not null: 0 if all look at the same, 1 if no two look at a
            common key. The mean over queries with h ≥ 2; None if there is none.
        row_sum_least: Smallest sum of a row.
        row_sum_mean: Mean.
        row_sum_most: Largest.
        n_rows: Rows, those of queries that may look at nothing not counted.
        n_queries_compared: Queries that `head_diversity` is a mean of.
        n_queries: All queries that may look at something.
    """

    sparsity: float
    null_rate: float
    head_diversity: float | None
    row_sum_least: float
    row_sum_mean: float
    row_sum_most: float
    n_rows: int
    n_queries_compared: int
    n_queries: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "sparsity": self.sparsity,
            "null_rate": self.null_rate,
            "head_diversity": self.head_diversity,
            "row_sums": {
                "least": self.row_sum_least, "mean": self.row_sum_mean, "most": self.row_sum_most,
            },
            "n_rows": self.n_rows,
            "n_queries": self.n_queries,
            "n_queries_compared": self.n_queries_compared,
        }  # fmt: skip


def measure(weights: Tensor, mask: Tensor, name: str = "these") -> Measures:
    """Everything at once.

    Args:
        weights: Shape (batch, heads, queries, keys).
        mask: Bool, broadcasts to them.
        name: What errors speak of.

    Raises:
        UsageError: If no query may look at anything, or a weight is not finite.
    """
    mask = mask.expand(weights.shape)
    asking = mask.any(-1)
    if not bool(asking.any()):
        raise UsageError("The mask lets no query look at anything; there is nothing to measure.")
    if not bool(weights.isfinite().all()):
        raise UsageError(f"Attention weights of {name} are not all finite; {SMALLER}.")
    zero = weights == 0
    null = asking & (zero | ~mask).all(-1)
    sums = weights.sum(-1)[asking]
    if not bool(sums.isfinite().all()):
        raise UsageError(f"Sums of rows of {name} are too large for a float; {SMALLER}.")
    diversity, n_compared = _diversity(maps(weights, mask), asking & ~null)
    return Measures(
        sparsity=int((zero & mask).sum()) / int(mask.sum()),
        null_rate=int(null.sum()) / int(asking.sum()),
        head_diversity=diversity,
        row_sum_least=float(sums.min()),
        row_sum_mean=float(sums.mean()),
        row_sum_most=float(sums.max()),
        n_rows=int(asking.sum()),
        n_queries_compared=n_compared,
        n_queries=int(asking.any(1).sum()),
    )


def maps(weights: Tensor, mask: Tensor) -> Tensor:
    """|a|/Σ|a| of each row, float64; 0 in null rows and where masked."""
    size = weights.double().abs().masked_fill(~mask.expand(weights.shape), 0)
    # By the largest first: a sum of the smallest numbers that there are may not be divided by.
    largest = size.amax(-1, keepdim=True)
    size = size / torch.where(largest > 0, largest, 1)
    total = size.sum(-1, keepdim=True)
    return size / torch.where(total > 0, total, 1)


def mean_map(weights: Tensor, mask: Tensor) -> Tensor:
    """Mean of the maps over the heads that are not null, (batch, queries, keys); else 0."""
    each = maps(weights, mask)
    live = (each.sum(-1) > 0).sum(1)
    return each.sum(1) / live.clamp(min=1)[..., None]


@dataclass(frozen=True)
class Alignment:
    """How well the mean map of the heads finds the key that is known to be right.

    Args:
        error: Share of the queries whose largest entry is another; the first of equals counts, and
            a query on which all heads are null is an error.
        mass_off: Mean share of the map that lies on other keys; 1 where all heads are null.
    """

    error: float
    mass_off: float


def alignment(weights: Tensor, mask: Tensor, truth: Tensor, there: Tensor) -> Alignment:
    """Attention against a known alignment.

    Args:
        weights: Shape (batch, heads, queries, keys).
        mask: Bool, broadcasts to them.
        truth: Which key is right, integers, shape (batch, queries).
        there: Bool, shape (batch, queries): false where the query only pads.
    """
    mean = mean_map(weights, mask)[there]
    right = truth[there]
    on_it = mean.gather(-1, right[:, None])[:, 0]
    found = (mean.argmax(-1) == right) & (on_it > 0)
    return Alignment(1 - float(found.double().mean()), 1 - float(on_it.mean()))


def _diversity(each: Tensor, live: Tensor) -> tuple[float | None, int]:
    """Entropy of the mean less mean entropy, over live heads, divided by ln of their number."""
    n = live.sum(1)
    compared = n > 1
    if not bool(compared.any()):
        return None, 0
    mean = each.sum(1) / n.clamp(min=1)[..., None]
    within = _entropy(each).sum(1) / n.clamp(min=1)
    spread = (_entropy(mean) - within)[compared].clamp(min=0) / n[compared].double().log()
    return float(spread.mean()), int(compared.sum())


def _entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(-1)
