"""A tiny character language model of the retentive kind (RetNet, Sun et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.sequence.retention.decay import decay_matrix, decays
from rescu_cli.sequence.retention.rotation import rotate

Gate = Callable[[Tensor], Tensor]
GROUP_EPS = 1e-5  # the framework's default, for both norms
FFN_FACTOR = 2  # as in the paper


@dataclass(frozen=True)
class Sizes:
    """The shape of a model.

    Args:
        n_tokens: Characters of the alphabet, at least 2.
        width: Of the stream, a multiple of 2·``n_heads``.
        n_layers: Blocks.
        n_heads: Of each retention.
    """

    n_tokens: int
    width: int = 32
    n_layers: int = 2
    n_heads: int = 2

    def __post_init__(self) -> None:
        if self.n_tokens < 2 or self.n_layers < 1 or self.n_heads < 1:
            raise UsageError(
                f"A language model needs two tokens, a layer and a head at least; found "
                f"{self.n_tokens}, {self.n_layers} and {self.n_heads}."
            )
        if self.width < 1 or self.width % (2 * self.n_heads):
            raise UsageError(
                f"Width {self.width} does not divide into {self.n_heads} heads of an even number "
                f"of features each; a multiple of {2 * self.n_heads} does."
            )


@dataclass(frozen=True)
class Memory:
    """What a model keeps of the tokens it has read; its size does not depend on their number.

    Args:
        states: S of each layer, (B, H, d, d).
        position: Tokens read.
    """

    states: tuple[Tensor, ...]
    position: int


class LanguageModel(nn.Module):
    """Tokens ↦ logits of the next token, at every position.

    Each block is Y = MSR(LN X) + X, then FFN(LN Y) + Y, with
    MSR(X) = (gate(X W_G) ⊙ GroupNorm(Retention(X))) W_O.

    Args:
        n_tokens: Characters of the alphabet.
        gate: Function of X W_G, elementwise; None for no gate at all, MSR(X) = GroupNorm(…) W_O.
            The identity is a gate too: (X W_G) ⊙ ….
        width: Of the stream.
        n_layers: Blocks.
        n_heads: Of each retention, with decays 1 − 2^(−5−h).
        ffn: Activation between the two dense layers of each block.
        gain: Of the initialisation of W_G: N(0, (gain/√width)²), and the other weights
            N(0, 1/fan_in), biases 0. None: uniform in ±1/√fan_in, all.
        generator: Freshly seeded; what it draws depends on the sizes alone, so that models of a
            seed share their draws whatever their gate is.

    Raises:
        UsageError: If heads do not divide the width.
    """

    def __init__(
        self,
        n_tokens: int,
        gate: Gate | None,
        *,
        width: int = 32,
        n_layers: int = 2,
        n_heads: int = 2,
        ffn: Gate = functional.gelu,
        gain: float | None = None,
        generator: np.random.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.sizes = Sizes(n_tokens, width, n_layers, n_heads)
        generator = np.random.default_rng(0) if generator is None else generator
        draw = _Draws(generator, gain, dtype)
        self.embedding = nn.Parameter(draw.embedding(n_tokens, width))
        blocks = [_Block(self.sizes, gate, ffn, draw) for _ in range(n_layers)]
        self.blocks = nn.ModuleList(blocks)
        self._blocks = tuple(blocks)  # with their type, which a ModuleList forgets
        self.norm = _ones_and_zeros(width, dtype)
        self.readout = draw.linear(width, n_tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, n_tokens) for tokens, int64 (B, T), in the parallel form."""
        h = functional.embedding(tokens, self.embedding)
        for block in self._blocks:
            h = block.parallel(h)
        logits: Tensor = self.readout(self.norm(h))
        return logits

    def start(self, n_texts: int = 1) -> Memory:
        """The memory before the first token."""
        d = self.sizes.width // self.sizes.n_heads
        empty = self.embedding.new_zeros((n_texts, self.sizes.n_heads, d, d))
        return Memory((empty,) * self.sizes.n_layers, 0)

    def step(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """Logits (B, n_tokens) after one more token each, int64 (B,), in the recurrent form."""
        h, states = functional.embedding(tokens, self.embedding), []
        for block, state in zip(self._blocks, memory.states, strict=True):
            h, state = block.recurrent(h, state, memory.position)
            states.append(state)
        return self.readout(self.norm(h)), Memory(tuple(states), memory.position + 1)


class _Block(nn.Module):
    def __init__(self, sizes: Sizes, gate: Gate | None, ffn: Gate, draw: _Draws) -> None:
        super().__init__()
        width, dtype = sizes.width, draw.dtype
        self._n_heads, self._gate, self._ffn = sizes.n_heads, gate, ffn
        self.norm1, self.norm2 = _ones_and_zeros(width, dtype), _ones_and_zeros(width, dtype)
        self.qkv = draw.linear(width, 3 * width, bias=False)
        gating = draw.linear(width, width, bias=False, gated=True)  # drawn, whether kept or not
        self.gating = None if gate is None else gating
        self.out = draw.linear(width, width, bias=False)
        self.up = draw.linear(width, FFN_FACTOR * width)
        self.down = draw.linear(FFN_FACTOR * width, width)
        self.register_buffer("decays", decays(sizes.n_heads), persistent=False)
        self._matrices: dict[int, Tensor] = {}

    def parallel(self, h: Tensor) -> Tensor:
        n = h.shape[1]
        x = self.norm1(h)
        q, k, v = (self._heads(part) for part in self.qkv(x).chunk(3, -1))
        if n not in self._matrices:
            γ: Tensor = self.get_buffer("decays")
            self._matrices[n] = decay_matrix(γ, n).to(h.dtype)
        scores = rotate(q) @ rotate(k).transpose(-1, -2) * self._matrices[n]
        kept = (scores @ v * self._scale).transpose(1, 2)
        return self._rest(h, x, kept)

    def recurrent(self, h: Tensor, state: Tensor, position: int) -> tuple[Tensor, Tensor]:
        x = self.norm1(h)
        q, k, v = (self._heads(part[:, None]) for part in self.qkv(x).chunk(3, -1))
        q, k = rotate(q, position), rotate(k, position)
        γ = self.get_buffer("decays").to(h.dtype)[:, None, None]
        state = γ * state + k.transpose(-1, -2) @ v
        kept = (q @ state * self._scale)[:, :, 0]
        return self._rest(h, x, kept), state

    @property
    def _scale(self) -> float:
        return 1 / sqrt(self.out.weight.shape[0] // self._n_heads)

    def _heads(self, x: Tensor) -> Tensor:
        """(B, T, width) → (B, H, T, d)."""
        return x.view(*x.shape[:2], self._n_heads, -1).transpose(1, 2)

    def _rest(self, h: Tensor, x: Tensor, kept: Tensor) -> Tensor:
        """Everything behind the retention, per position: kept is (…, H, d)."""
        y = functional.layer_norm(kept, kept.shape[-1:], eps=GROUP_EPS).flatten(-2)
        if self._gate is not None and self.gating is not None:
            y = self._gate(self.gating(x)) * y
        h = h + self.out(y)
        found: Tensor = h + self.down(self._ffn(self.up(self.norm2(h))))
        return found


class _Draws:
    """Weights from one generator; both kinds are drawn at every call."""

    def __init__(
        self, generator: np.random.Generator, gain: float | None, dtype: torch.dtype
    ) -> None:
        self._generator, self._gain, self.dtype = generator, gain, dtype

    def embedding(self, n: int, width: int) -> Tensor:
        return self._tensor(self._generator.standard_normal((n, width)) / sqrt(width))

    def linear(self, n_in: int, n_out: int, *, bias: bool = True, gated: bool = False) -> nn.Linear:
        normal = self._generator.standard_normal((n_out, n_in))
        uniform = self._generator.uniform(-1.0, 1.0, (n_out, n_in + 1))
        # Skipping the layer's own draws: they would come from the global generator.
        layer: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]
            nn.Linear, n_in, n_out, bias=bias, dtype=self.dtype
        )
        if self._gain is None:
            weight, offset = uniform[:, 1:] / sqrt(n_in), uniform[:, 0] / sqrt(n_in)
        else:
            weight = normal * ((self._gain if gated else 1.0) / sqrt(n_in))
            offset = np.zeros(n_out)
        layer.weight = nn.Parameter(self._tensor(weight))
        if bias:
            layer.bias = nn.Parameter(self._tensor(offset))
        return layer

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.dtype)


def _ones_and_zeros(width: int, dtype: torch.dtype) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=GROUP_EPS, dtype=dtype)
