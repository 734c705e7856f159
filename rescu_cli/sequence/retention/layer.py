"""One multi-scale retention with norm and gate, drawn at random: what the forms are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import sqrt

import torch
from torch import Tensor

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.sequence.retention.decay import MOST_HEADS
from rescu_cli.sequence.retention.forms import SCORES, Heads
from rescu_cli.sequence.retention.rotation import rotate

DTYPES = ("float64", "float32", "bfloat16")
MOST_POSITIONS = 2**15  # the parallel form takes minutes there: quadratic in the length
MOST_WIDTH = 4096


@dataclass(frozen=True)
class LayerRequest:
    """Sizes of a layer and of the sequence that it reads.

    Args:
        n_positions: T.
        chunk: Rows of a chunk; the last one may be shorter.
        n_heads: H, with decays 1 − 2^(−5−h).
        width: Of the stream; H times an even number.
        scores: ``normalised`` divides rows by the paper's factors, ``plain`` does not.
        seed: Of the weights and the sequence.

    Raises:
        UsageError: If they do not fit together.
    """

    n_positions: int = 48
    chunk: int = 6
    n_heads: int = 4
    width: int = 32
    scores: str = "normalised"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scores not in SCORES:
            raise UnknownNameError("kind of scores", self.scores, SCORES)
        if not 1 <= self.n_positions <= MOST_POSITIONS:
            raise UsageError(f"A sequence of {self.n_positions} positions asked; possible are "
                             f"1 … {MOST_POSITIONS}.")  # fmt: skip
        if self.chunk < 1:
            raise UsageError(f"Chunks of {self.chunk} positions asked; one has 1 at least.")
        if self.chunk > self.n_positions:
            raise UsageError(
                f"The sequence has {self.n_positions} positions, fewer than a chunk of "
                f"{self.chunk}; use '--chunk {self.n_positions}' or less."
            )
        if not 1 <= self.n_heads <= MOST_HEADS:
            raise UsageError(f"{self.n_heads} heads asked; possible are 1 … {MOST_HEADS}.")
        if not 1 <= self.width <= MOST_WIDTH or self.width % (2 * self.n_heads):
            raise UsageError(
                f"Width {self.width} does not divide into {self.n_heads} heads of an even number "
                f"of features each; a multiple of {2 * self.n_heads} does, up to {MOST_WIDTH}."
            )
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"Seed {self.seed} asked; it must be a whole number 0 … 2^63 - 1.")

    @property
    def head_width(self) -> int:
        """d."""
        return self.width // self.n_heads


@dataclass(frozen=True, eq=False)
class Layer:
    """MSR(X) = (gate(X W_G) ⊙ GroupNorm(Retention(X))) W_O for one sequence X.

    X is standard normal, weights are N(0, 1/width); everything is drawn in double precision and
    rounded once. The group norm has neither scale nor shift.

    Args:
        request: Sizes and seed.
        gate: Function of X W_G; None for no gate.
        dtype: In which everything is computed.
    """

    request: LayerRequest
    gate: Callable[[Tensor], Tensor] | None
    dtype: torch.dtype = torch.float64
    _tensors: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.request.seed)
        n, width = self.request.n_positions, self.request.width
        names = {"x": n, "q": width, "k": width, "v": width, "gate": width, "out": width}
        drawn = {
            name: torch.randn((rows, width), generator=generator, dtype=torch.float64)
            * (1.0 if name == "x" else 1 / sqrt(width))
            for name, rows in names.items()
        }
        object.__setattr__(self, "_tensors", {k: v.to(self.dtype) for k, v in drawn.items()})

    def heads(self) -> Heads:
        """Queries and keys, rotated, keys divided by √d, and values; (1, H, T, d) each."""
        x, request = self._tensors["x"], self.request
        q, k, v = (
            (x @ self._tensors[name]).view(len(x), request.n_heads, -1).transpose(0, 1)[None]
            for name in "qkv"
        )
        k = rotate(k) / sqrt(request.head_width)
        return Heads(rotate(q), k, v, request.chunk, request.scores == "normalised")

    def finish(self, kept: Tensor, eps: float) -> Tensor:
        """What is behind the retention, of heads (1, H, T, d): the output (T, width)."""
        rows = kept[0].transpose(0, 1)
        y = group_norm(rows, eps).flatten(-2)
        if self.gate is not None:
            y = self.gate(self._tensors["x"] @ self._tensors["gate"]) * y
        return y @ self._tensors["out"]


def group_norm(rows: Tensor, eps: float) -> Tensor:
    """(o − mean)/√(variance + ε) over the last axis, of each head by itself.

    At ε = 0 a row of equal numbers has no norm and becomes NaN.
    """
    centred = rows - rows.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt()
