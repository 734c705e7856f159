"""Stages of a stacked network, each with its forward pass and its hand-written backward pass.

Tensors are (K, B, features) for K models and a batch of B examples; each model has its own batch.
A stage remembers what its backward pass needs from the last forward pass. Autograd is not used:
the graph is a fixed chain, and building it anew for each step costs more than the small products.
``tests/experiment`` compares every gradient with autograd.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import torch
from torch import Tensor

from rescu_cli.experiment.models.parameters import ALIGNMENT, ParameterStack

LAYER_NORM_EPS = 1e-5  # the framework's default, so that exported networks agree


TILE = 2**16  # elements; with its temporaries a piece stays in a core's second-level cache


class ElementwiseCode(Protocol):
    """Generated code of one activation: x ↦ f(x) and x ↦ f′(x), any shape, same dtype."""

    def value(self, x: Tensor, /) -> Tensor: ...
    def gradient(self, x: Tensor, /) -> Tensor: ...


class Stage(Protocol):
    """A differentiable map between batches of K models."""

    def forward(self, h: Tensor) -> Tensor: ...
    def backward(self, d: Tensor) -> Tensor: ...


class Outputs:
    """Output tensors that are reused from step to step, each followed by a little slack.

    Reused, because an allocator gives tensors of this size back to the system and takes them
    anew, page by page, which costs more than computing what is in them. With slack, because a
    kernel works in vectors and finishes the last few elements with scalar code, which may round
    exp or tanh differently: an activation is therefore evaluated over whole vectors only, so that
    a model's bits do not depend on where in the stack it lies.
    """

    def __init__(self) -> None:
        self._tensors: dict[tuple[int, ...], Tensor] = {}

    def like(self, model: Tensor, *shape: int) -> Tensor:
        """A tensor of this shape with dtype and device of ``model``; contents are left over."""
        if shape not in self._tensors:
            buffer = torch.zeros(prod(shape) + ALIGNMENT, dtype=model.dtype, device=model.device)
            self._tensors[shape] = buffer[: prod(shape)].view(shape)
        return self._tensors[shape]


def tiles(h: Tensor, start: int, end: int) -> Iterator[tuple[slice, Tensor]]:
    """Cuts elements of an `Outputs` tensor into pieces that stay in the cache.

    Args:
        h: The tensor.
        start: First element.
        end: Behind the last element.

    Yields:
        The place of a piece, and a flat view of it that runs on to whole vectors. What follows the
        piece is the next one or slack, whose results are to be dropped.
    """
    for first in range(start, end, TILE):
        last = min(first + TILE, end)
        length = -(-(last - first) // ALIGNMENT) * ALIGNMENT
        yield slice(first, last), h.as_strided((length,), (1,), h.storage_offset() + first)


class Dense:
    """h ↦ h·W + b, with W (K, in, out) and b (K, 1, out).

    Args:
        stack: Holds ``weight<label>`` and ``bias<label>``.
        label: Number of the layer.
        first: Whether the input is the data, so that no gradient is wanted for it.
    """

    def __init__(self, stack: ParameterStack, label: str, *, first: bool = False) -> None:
        self.weight, self.bias = stack.value(f"weight{label}"), stack.value(f"bias{label}")
        self.d_weight, self.d_bias = (
            stack.gradient(f"weight{label}"),
            stack.gradient(f"bias{label}"),
        )
        self._first, self._outputs, self._slopes = first, Outputs(), Outputs()

    def forward(self, h: Tensor) -> Tensor:
        self._h = h
        out = self._outputs.like(h, *h.shape[:2], self.weight.shape[2])
        return torch.baddbmm(self.bias, h, self.weight, out=out)

    def backward(self, d: Tensor) -> Tensor:
        torch.bmm(self._h.transpose(1, 2), d, out=self.d_weight)
        torch.sum(d, 1, keepdim=True, out=self.d_bias)
        if self._first:
            return d
        out = self._slopes.like(d, *self._h.shape)
        return torch.bmm(d, self.weight.transpose(1, 2), out=out)


class Readout:
    """h ↦ W·hᵀ + b, the logits with the classes in the middle: (K, C, B).

    W is (K, C, in) and b (K, C, 1). A softmax over the middle axis is vectorised along the batch;
    over a last axis of ten classes it is about ten times slower.
    """

    def __init__(self, stack: ParameterStack, label: str) -> None:
        self.weight, self.bias = stack.value(f"weight{label}"), stack.value(f"bias{label}")
        self.d_weight, self.d_bias = (
            stack.gradient(f"weight{label}"),
            stack.gradient(f"bias{label}"),
        )
        self._slopes = Outputs()

    def forward(self, h: Tensor) -> Tensor:
        self._h = h
        return torch.baddbmm(self.bias, self.weight, h.transpose(1, 2))

    def backward(self, d: Tensor) -> Tensor:
        torch.bmm(d, self._h, out=self.d_weight)
        torch.sum(d, 2, keepdim=True, out=self.d_bias)
        out = self._slopes.like(d, *self._h.shape)
        return torch.bmm(d.transpose(1, 2), self.weight, out=out)


@dataclass(frozen=True)
class Group:
    """Neighbouring models of a stack that share an activation.

    Args:
        code: The activation's generated code.
        n_models: How many there are, at least 1.
    """

    code: ElementwiseCode
    n_models: int


class Nonlinearity:
    """h ↦ f(h), another f for each group of models.

    Its input must come from a stage that writes into `Outputs`.

    Args:
        groups: They cover the stack.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups, self._outputs, self._slopes = tuple(groups), Outputs(), Outputs()

    def forward(self, h: Tensor) -> Tensor:
        self._h = h
        out = self._outputs.like(h, *h.shape)
        flat = out.view(-1)
        for code, start, end in self._ranges(h):
            for place, piece in tiles(h, start, end):
                flat[place] = code.value(piece)[: place.stop - place.start]
        return out

    def backward(self, d: Tensor) -> Tensor:
        flat = d.view(-1)
        for code, start, end in self._ranges(d):
            for place, piece in tiles(self._h, start, end):
                flat[place].mul_(code.gradient(piece)[: place.stop - place.start])
        return d

    def _ranges(self, h: Tensor) -> Iterator[tuple[ElementwiseCode, int, int]]:
        start = 0
        for group in self._groups:
            end = start + h.numel() // len(h) * group.n_models
            yield group.code, start, end
            start = end


class LayerNorm:
    """h ↦ γ·(h - mean)/√(variance + eps) + b over the features, γ and b (K, 1, features).

    Args:
        stack: Holds ``scale<label>`` (γ) and ``shift<label>`` (b).
        label: Number of the layer.
    """

    def __init__(self, stack: ParameterStack, label: str) -> None:
        self.scale, self.shift = stack.value(f"scale{label}"), stack.value(f"shift{label}")
        self.d_scale = stack.gradient(f"scale{label}")
        self.d_shift = stack.gradient(f"shift{label}")
        self._outputs = Outputs()

    def forward(self, h: Tensor) -> Tensor:
        width = list(h.shape[-1:])
        self._h = h
        self._n, self._mean, self._inverse = torch.native_layer_norm(
            h, width, None, None, LAYER_NORM_EPS
        )
        out = self._outputs.like(h, *h.shape)
        return torch.mul(self._n, self.scale, out=out).add_(self.shift)

    def backward(self, d: Tensor) -> Tensor:
        torch.sum(d * self._n, 1, keepdim=True, out=self.d_scale)
        torch.sum(d, 1, keepdim=True, out=self.d_shift)
        wanted: Tensor = torch.ops.aten.native_layer_norm_backward(
            d.mul_(self.scale),
            self._h,
            list(d.shape[-1:]),
            self._mean,
            self._inverse,
            None,
            None,
            [True, False, False],
        )[0]
        return wanted
