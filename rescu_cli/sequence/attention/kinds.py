"""Kinds of attention: what turns logits into weights, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import erfc, fsum, sqrt

import torch
from torch import Tensor

from rescu_cli.core.activation import Activation
from rescu_cli.core.surrogate import label
from rescu_cli.errors import UnknownNameError
from rescu_cli.export import torch_functions
from rescu_cli.sequence.attention.simplex import entmax15, sparsemax

Weigh = Callable[[Tensor, Tensor], Tensor]
"""(logits (…, n), mask) ↦ weights (…, n): 0 where masked, and in rows without any key."""


@dataclass(frozen=True)
class Kind:
    """One way to weigh keys.

    Args:
        name: In tables and JSON; of an activation its canonical text.
        weigh: Logits and mask to weights.
        digest: Equal for the same function only; of a baseline its name.
        surrogate: What is to be said of its backward pass; None of an ordinary one.
        expected_sparsity: Share of weights that are exactly 0 for logits that are N(0, 1); None
            where rows are weighed as wholes.
        elementwise: Whether each weight depends on its own logit alone, so that rows need not sum
            to 1 and the output is normalised instead.
    """

    name: str
    weigh: Weigh
    digest: str = ""
    surrogate: str | None = None
    expected_sparsity: float | None = None
    elementwise: bool = False


def of_activation(activation: Activation) -> Kind:
    """Attention with an activation in the place of softmax; free parameters take their defaults.

    Raises:
        UnsupportedError: If the activation cannot be exported.
    """
    activation = activation.with_defaults()
    own = {"relu": torch.relu}.get(activation.name)
    function = torch_functions(activation).function if own is None else own

    def weigh(logits: Tensor, mask: Tensor) -> Tensor:
        # Masked after, not before: no activation need be 0, or even defined, at -inf.
        return function(logits).masked_fill(~mask, 0)

    return Kind(
        activation.spec, weigh, activation.digest, label(activation), zero_share(activation), True
    )


def zero_share(activation: Activation) -> float:
    """P(f(z) = 0) for z ~ N(0, 1): the mass of the pieces on which f vanishes.

    Example:
        >>> from rescu_cli import catalogue
        >>> zero_share(catalogue.get("relu")), zero_share(catalogue.resolve("softplus:k=1"))
        (0.5, 0.0)
    """
    empty = [piece for piece in activation.pieces if piece.value == 0]
    return fsum(normal_cdf(float(p.upper)) - normal_cdf(float(p.lower)) for p in empty)


def normal_cdf(x: float) -> float:
    """Φ(x) of the standard normal distribution."""
    return 0.5 * erfc(-x / sqrt(2))  # not 1 + erf, which loses the far left


def _on_simplex(project: Callable[[Tensor], Tensor]) -> Weigh:
    def weigh(logits: Tensor, mask: Tensor) -> Tensor:
        # A row without a key would be 0/0, and its gradient too: it is weighed as zeros, then cut.
        some = mask.any(-1, keepdim=True)
        masked = logits.masked_fill(~mask, -torch.inf).masked_fill(~some, 0)
        return project(masked).masked_fill(~mask, 0)

    return weigh


def _softmax(z: Tensor) -> Tensor:
    return z.softmax(-1)


BASELINES: dict[str, Kind] = {
    name: Kind(name, _on_simplex(project), name)
    for name, project in (
        ("softmax", _softmax), ("sparsemax", sparsemax), ("entmax15", entmax15),
    )
}  # fmt: skip


def baseline(name: str) -> Kind:
    """A row of `BASELINES`.

    Raises:
        UnknownNameError: If there is none of this name.
    """
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES)
    return BASELINES[name]
