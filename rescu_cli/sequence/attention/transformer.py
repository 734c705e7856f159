"""A small encoder–decoder in which every attention is of one kind; all else is the same for all."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rescu_cli.sequence.attention.kinds import Kind
from rescu_cli.sequence.attention.layer import MultiHeadAttention, Shape
from rescu_cli.sequence.attention.masks import causal, of_keys
from rescu_cli.sequence.attention.toy import N_TOKENS, SYMBOLS, Pairs


class EncoderDecoder(nn.Module):
    """One encoder layer, one decoder layer, normalisation before each part, learned positions.

    Args:
        shape: Width and heads of all attentions.
        seq: Places.
        kind: What weighs, in all three attentions.
        norm: Of `layer.NORMS`, after all three.
    """

    def __init__(self, shape: Shape, seq: int, kind: Kind, norm: str = "gated") -> None:
        super().__init__()
        width = shape.width
        self.tokens = nn.Embedding(N_TOKENS, width)
        self.source_places, self.target_places = nn.Embedding(seq, width), nn.Embedding(seq, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(7))
        self.encoder, self.decoder, self.cross = (
            MultiHeadAttention(shape, kind, norm) for _ in range(3)
        )
        self.encoder_dense, self.decoder_dense = _dense(width), _dense(width)
        self.head = nn.Linear(width, SYMBOLS)

    def forward(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Logits (batch, seq, SYMBOLS), the target fed, and the weights of the cross-attention.

        The weights have the shape (batch, heads, target's places, source's places).
        """
        n = pairs.source.shape[1]
        places = torch.arange(n)
        sources = of_keys(pairs.there)
        before = causal(n) & of_keys(pairs.wanted)

        x = self.tokens(pairs.source) + self.source_places(places)
        inner = self.norms[0](x)
        x = x + self.encoder(inner, inner, sources)[0]
        x = x + self.encoder_dense(self.norms[1](x))
        memory = self.norms[2](x)

        y = self.tokens(pairs.before) + self.target_places(places)
        inner = self.norms[3](y)
        y = y + self.decoder(inner, inner, before)[0]
        found, weights = self.cross(self.norms[4](y), memory, sources)
        y = y + found
        y = y + self.decoder_dense(self.norms[5](y))
        return self.head(self.norms[6](y)), weights


def build(shape: Shape, seq: int, kind: Kind, norm: str, seed: int) -> EncoderDecoder:
    """A model whose first weights depend on the seed and not on the kind of attention."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EncoderDecoder(shape, seq, kind, norm)


def _dense(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
