"""Stages of a stacked network, each with its forward pass and its hand-written backward pass.

Tensors are (K, B, features) for K models and a batch of B examples; each model has its own batch.
A stage remembers what its backward pass needs from the last forward pass. Autograd is not used:
the graph is a fixed chain, and building it anew for each step costs more than the small products.
``tests/experiment`` compares every gradient with autograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rescu_cli.experiment.models.parameters import ALIGNMENT, ParameterStack

LAYER_NORM_EPS = 1e-5  # the framework's defaults, so that exported networks agree
BATCH_NORM_EPS = 1e-5
BATCH_NORM_MOMENTUM = 0.1


TILE = 2**16  # elements; with its temporaries a piece stays in a core's second-level cache


class ElementwiseCode(Protocol):
    """Generated code of one activation: x ↦ f(x) and x ↦ f′(x), any shape, same dtype."""

    def value(self, x: Tensor, /) -> Tensor: ...
    def gradient(self, x: Tensor, /) -> Tensor: ...


@runtime_checkable
class PairCode(ElementwiseCode, Protocol):
    """Code that has the gradient almost for free beside the value, x ↦ (f(x), f′(x))."""

    def pair(self, x: Tensor, /) -> tuple[Tensor, Tensor]: ...


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
    tile = TILE if h.device.type == "cpu" else max(1, end - start)  # a GPU wants large kernels
    for first in range(start, end, tile):
        last = min(first + tile, end)
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
        d = d.view(*self._h.shape[:2], -1)
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
        # Behind a convolution the rows are places of examples; here they are examples again.
        self._h = h = h.reshape(len(h), -1, self.weight.shape[2])
        return torch.baddbmm(self.bias, self.weight, h.transpose(1, 2))

    def backward(self, d: Tensor) -> Tensor:
        torch.bmm(d, self._h, out=self.d_weight)
        torch.sum(d, 2, keepdim=True, out=self.d_bias)
        out = self._slopes.like(d, *self._h.shape)
        return torch.bmm(d.transpose(1, 2), self.weight, out=out)


@dataclass(frozen=True)
class Window:
    """Where a convolution looks.

    Args:
        height: Rows of its input; 1 for a signal.
        width: Columns, or the length of a signal.
        channels: Of its input.
        kernel: (rows, columns) that it sees at once.
        stride: By which it moves, in both directions.
        padding: Zeros around the input, (rows, columns).
    """

    height: int
    width: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    @property
    def n_rows(self) -> int:
        """Rows of places."""
        return (self.height + 2 * self.padding[0] - self.kernel[0]) // self.stride[0] + 1

    @property
    def n_columns(self) -> int:
        """Columns of places."""
        return (self.width + 2 * self.padding[1] - self.kernel[1]) // self.stride[1] + 1


class Patches:
    """Images (K, B, height·width·channels), channels last, to what a convolution sees where.

    The result is (K, B·places, rows·columns·channels of the kernel); a dense layer behind it is the
    convolution, and leaves images with channels last again.

    Args:
        window: Where it looks.
        first: Whether the input is the data, so that no gradient is wanted for it.
    """

    def __init__(self, window: Window, *, first: bool = False) -> None:
        self._window, self._first = window, first
        self._outputs, self._padded, self._slopes = Outputs(), Outputs(), Outputs()

    def forward(self, h: Tensor) -> Tensor:
        w = self._window
        (rows, columns), (top, left) = w.kernel, w.padding
        images = h.reshape(len(h), -1, w.height, w.width, w.channels)
        n_models, n_examples = images.shape[:2]
        room = (n_models, n_examples, w.height + 2 * top, w.width + 2 * left, w.channels)
        padded = self._padded.like(h, *room)
        padded[:, :, top : top + w.height, left : left + w.width] = images
        seen = padded.unfold(2, rows, w.stride[0]).unfold(3, columns, w.stride[1])
        seen = seen.permute(0, 1, 2, 3, 5, 6, 4)
        self._shape = seen.shape
        places = n_examples * w.n_rows * w.n_columns
        out = self._outputs.like(h, n_models, places, rows * columns * w.channels)
        out.view(self._shape).copy_(seen)
        return out

    def backward(self, d: Tensor) -> Tensor:
        if self._first:
            return d
        w = self._window
        d = d.view(self._shape)
        (rows, columns), (top, left), (down, right) = w.kernel, w.padding, w.stride
        room = (*d.shape[:2], w.height + 2 * top, w.width + 2 * left, w.channels)
        total = self._slopes.like(d, *room).zero_()
        for i in range(rows):
            for j in range(columns):
                ends = i + down * w.n_rows, j + right * w.n_columns
                total[:, :, i : ends[0] : down, j : ends[1] : right] += d[:, :, :, :, i, j]
        inner = total[:, :, top : top + w.height, left : left + w.width]
        return inner.reshape(*d.shape[:2], -1).contiguous()


class Embedding:
    """Categories to their rows of a table; numeric columns follow as they are.

    (K, B, fields + numeric) becomes (K, B, fields·dimension + numeric).

    Args:
        stack: Holds ``embedding``, (K, Σ cardinalities, dimension).
        cardinalities: Of the fields, which are the first columns.
    """

    def __init__(self, stack: ParameterStack, cardinalities: Sequence[int]) -> None:
        self._table, self._d_table = stack.value("embedding"), stack.gradient("embedding")
        starts = [sum(cardinalities[:i]) for i in range(len(cardinalities))]
        device = self._table.device
        n_models, n_rows, self._dimension = self._table.shape
        self._n_fields = len(cardinalities)
        first_row = torch.arange(n_models, device=device) * n_rows
        self._starts = first_row[:, None, None] + torch.tensor(starts, device=device)
        self._outputs = Outputs()

    def forward(self, h: Tensor) -> Tensor:
        fields = self._n_fields
        self._rows = (h[:, :, :fields].long() + self._starts).view(-1)
        found = self._table.view(-1, self._dimension).index_select(0, self._rows)
        width = fields * self._dimension
        out = self._outputs.like(h, *h.shape[:2], width + h.shape[2] - fields)
        out[:, :, :width] = found.view(*h.shape[:2], width)
        out[:, :, width:] = h[:, :, fields:]
        return out

    def backward(self, d: Tensor) -> Tensor:
        width = self._n_fields * self._dimension
        rows = d[:, :, :width].reshape(-1, self._dimension)
        flat = self._d_table.view(-1, self._dimension)
        summed = torch.ops.aten.embedding_dense_backward(rows, self._rows, len(flat), -1, False)
        flat.copy_(summed)
        return d


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
        self._groups, self._outputs = tuple(groups), Outputs()
        self._forwards = tuple(_forward(group.code) for group in groups)
        self._slopes: dict[int, Tensor] = {}  # by first element, where they came with the value

    def forward(self, h: Tensor) -> Tensor:
        self._h = h
        self._slopes.clear()
        out = self._outputs.like(h, *h.shape)
        flat = out.view(-1)
        for number, start, end in self._ranges(h):
            compute = self._forwards[number]
            for place, piece in tiles(h, start, end):
                value, slope = compute(piece)
                flat[place] = value[: place.stop - place.start]
                if slope is not None:
                    self._slopes[place.start] = slope
        return out

    def backward(self, d: Tensor) -> Tensor:
        flat = d.view(-1)
        for number, start, end in self._ranges(d):
            code = self._groups[number].code
            for place, piece in tiles(self._h, start, end):
                slope = self._slopes.get(place.start)
                slope = code.gradient(piece) if slope is None else slope
                flat[place].mul_(slope[: place.stop - place.start])
        return d

    def _ranges(self, h: Tensor) -> Iterator[tuple[int, int, int]]:
        start = 0
        for number, group in enumerate(self._groups):
            end = start + h.numel() // len(h) * group.n_models
            yield number, start, end
            start = end


def _forward(code: ElementwiseCode) -> Callable[[Tensor], tuple[Tensor, Tensor | None]]:
    return code.pair if isinstance(code, PairCode) else lambda x: (code.value(x), None)


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
        d = d.view(self._h.shape)
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


class BatchNorm:
    """h ↦ γ·(h - mean)/√(variance + eps) + b over the rows of a batch, γ and b (K, 1, features).

    When a trained network is judged, mean and variance are those of the batches before: a running
    mean with momentum 0.1, the framework's default (its running variance is the unbiased one).

    Args:
        stack: Holds ``scale<label>`` (γ) and ``shift<label>`` (b).
        label: Number of the layer.
    """

    def __init__(self, stack: ParameterStack, label: str) -> None:
        self.scale, self.shift = stack.value(f"scale{label}"), stack.value(f"shift{label}")
        self.d_scale = stack.gradient(f"scale{label}")
        self.d_shift = stack.gradient(f"shift{label}")
        self.mean, self.variance = torch.zeros_like(self.scale), torch.ones_like(self.scale)
        self.training = True
        self._outputs, self._normal = Outputs(), Outputs()

    def forward(self, h: Tensor) -> Tensor:
        mean, variance = self.mean, self.variance
        if self.training:
            variance, mean = torch.var_mean(h, 1, correction=0, keepdim=True)
            n = h.shape[1]
            self.mean.lerp_(mean, BATCH_NORM_MOMENTUM)
            self.variance.lerp_(variance * (n / max(1, n - 1)), BATCH_NORM_MOMENTUM)
        self._inverse = (variance + BATCH_NORM_EPS).rsqrt_()
        self._n = torch.sub(h, mean, out=self._normal.like(h, *h.shape)).mul_(self._inverse)
        out = self._outputs.like(h, *h.shape)
        return torch.mul(self._n, self.scale, out=out).add_(self.shift)

    def backward(self, d: Tensor) -> Tensor:
        d = d.view(self._n.shape)
        torch.sum(d * self._n, 1, keepdim=True, out=self.d_scale)
        torch.sum(d, 1, keepdim=True, out=self.d_shift)
        n = d.shape[1]
        centred = d - self.d_shift / n - self._n * (self.d_scale / n)
        return centred.mul_(self.scale * self._inverse)


class Dropout:
    """h ↦ h·mask/(1 - rate) with a new mask of 0 and 1 at each step; h when it is judged.

    Args:
        rate: Share that is dropped, 0 < rate < 1.
        masks: (rows, features) ↦ uniform numbers (K, rows, features).
    """

    def __init__(self, rate: float, masks: Callable[[int, int], Tensor]) -> None:
        self._rate, self._masks = rate, masks
        self.training = True

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return h
        kept = self._masks(h.shape[1], h.shape[2]) >= self._rate
        self._mask = kept.to(h.dtype).div_(1 - self._rate)
        return h.mul_(self._mask)

    def backward(self, d: Tensor) -> Tensor:
        return d.view(self._mask.shape).mul_(self._mask)
