"""What the operations of the dispatcher are to private inference: ReLU, linear, or something else.

Whatever is in none of the tables is reported as not recognised: a count that leaves out what it
does not know would look like that of a network which has nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any

from torch import Tensor
from torch.utils.flop_counter import flop_registry

UNKNOWN = "not recognised: "
POOLING = "max_pool comparisons"

_LINEAR = frozenset({
    "add", "sub", "rsub", "neg", "mul", "addcmul", "lerp", "sum", "mean", "cumsum", "positive",
    "nansum", "view", "view_as", "unsafe_view", "reshape", "reshape_alias", "t", "transpose",
    "permute", "expand", "squeeze", "unsqueeze", "select", "slice", "split", "split_with_sizes",
    "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk", "chunk", "unbind", "cat",
    "stack", "clone", "contiguous", "detach", "alias", "lift", "lift_fresh", "copy", "to",
    "to_copy", "as_strided", "flatten", "unflatten", "index", "index_select", "index_put",
    "index_add", "gather", "scatter", "scatter_add", "repeat", "roll", "flip", "rot90", "tile",
    "narrow", "movedim", "unfold", "im2col", "col2im", "diagonal", "diag_embed", "tril", "triu",
    "slice_scatter", "select_scatter", "constant_pad_nd", "reflection_pad1d",
    "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "embedding",
    "real", "imag", "view_as_real", "view_as_complex", "fill", "zero", "uniform", "normal",
    "dropout", "native_dropout", "where", "masked_fill", "resize", "avg_pool1d", "avg_pool2d",
    "avg_pool3d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d",
    "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
})  # fmt: skip
"""Sums, products, means, and moving numbers about.

Choosing by a mask (``where``) is among them, since what makes the mask is counted: a comparison of
numbers. Products of two results are multiplications too, if dearer ones. Random fills are how lazy
layers begin.
"""

_NAMED = frozenset({
    "gelu", "silu", "sigmoid", "tanh", "elu", "celu", "leaky_relu", "hardtanh", "hardswish",
    "mish", "softplus", "hardsigmoid", "prelu", "log_sigmoid", "rrelu", "glu", "softshrink",
    "hardshrink", "softmax", "log_softmax", "threshold", "erf", "exp", "log", "sqrt", "rsqrt",
    "reciprocal", "pow", "div", "clamp", "clamp_min", "clamp_max", "maximum", "minimum", "abs",
    "sign", "sin", "cos", "layer_norm", "group_norm", "linalg_vector_norm",
})  # fmt: skip
"""Known not to be linear, under the names by which they are reported."""

_ALIASES = {
    "log_sigmoid_forward": "log_sigmoid",
    "prelu_kernel": "prelu",
    "safe_softmax": "softmax",
    "rrelu_with_noise": "rrelu",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
}
_COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})
_POOLS = {"max_pool2d_with_indices": 2, "max_pool3d_with_indices": 3}
_ADAPTIVE = {"adaptive_max_pool2d": 2, "adaptive_max_pool3d": 3}
_EXTREMES = frozenset({"amax", "amin", "max", "min"})
_BATCH_NORMS = frozenset({"native_batch_norm", "native_batch_norm_legit", "cudnn_batch_norm"})
_FUSED = ("transformer_encoder_layer", "multi_head_attention", "rnn", "lstm_cell", "gru_cell")


@dataclass(frozen=True)
class Seen:
    """What one call of an operation was.

    Args:
        relus: ReLUs, 0 if it is another operation.
        macs: Multiplications with an addition.
        others: What else it did that is not linear, with numbers.
        fused: Its name if it is a whole layer in one kernel, where nothing can be counted.
    """

    relus: int = 0
    macs: int = 0
    others: Mapping[str, int] | None = None
    fused: str = ""


def is_zero_maker(packet: Any, args: Sequence[Any]) -> bool:
    """Whether a result is 0 everywhere, by the operation alone."""
    name = short_name(packet)
    if name in ("zeros", "zeros_like", "new_zeros"):
        return True
    place = {"scalar_tensor": 0, "full": 1, "full_like": 1, "new_full": 2}.get(name)
    return place is not None and len(args) > place and args[place] == 0


def see(
    packet: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any, zeros: Sequence[bool]
) -> Seen:
    """Tell one call from its operation, its arguments and its result.

    Args:
        packet: The operation, without its overload.
        args: Of the call.
        kwargs: Of the call.
        out: What it gave.
        zeros: For each of ``args``, whether it is a tensor known to be 0.
    """
    name = short_name(packet)
    if any(part in name for part in _FUSED):
        return Seen(fused=name)
    result = next((o for o in _tensors((out,))), None)
    if result is None:
        return Seen()
    n = result.numel()
    if _is_relu(name, args, kwargs, zeros):
        return Seen(relus=n)
    if packet in flop_registry:
        # Its formulas are of 2 operations for each multiplication with an addition.
        macs = int(flop_registry[packet](*args, **kwargs, out_val=out)) // 2
        if "scaled_dot_product" in name:
            # One kernel for the products, and for the softmax between them.
            n_weights = prod(args[0].shape[:-1]) * args[1].shape[-2]
            return Seen(macs=macs, others={"softmax": n_weights})
        return Seen(macs=macs)
    inputs = _tensors((*args, *kwargs.values()))
    if not any(t.is_floating_point() or t.is_complex() for t in inputs):
        return Seen()
    if _is_linear(name, args, kwargs):
        return Seen()
    return Seen(others=_other(name, args, kwargs, result))


def see_prelu(slopes: Tensor, n: int) -> Seen:
    """What a PReLU does, channel by channel.

    Args:
        slopes: One for each channel, or one for all.
        n: Numbers that go through it, equally many in each channel.
    """
    each = n // slopes.numel()
    relus, linear = int((slopes == 0).sum()), int((slopes == 1).sum())
    rest = slopes.numel() - relus - linear
    return Seen(relus=relus * each, others={"prelu": rest * each} if rest else None)


def short_name(packet: Any) -> str:
    """``aten::native_layer_norm`` → ``layer_norm``: without namespace, underscores and variants."""
    bare = str(packet.__name__).strip("_")
    return _ALIASES.get(bare, bare)


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found


def _is_relu(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], zeros: Sequence[bool]
) -> bool:
    def given(place: int, key: str, default: Any = None) -> Any:
        return args[place] if len(args) > place else kwargs.get(key, default)

    def known(place: int, value: Any) -> bool:
        """The number 0, or a tensor of zeros."""
        return zeros[place] if isinstance(value, Tensor) and len(zeros) > place else (
            not isinstance(value, Tensor) and value is not None and value == 0
        )  # fmt: skip

    match name:
        case "relu":
            return True
        case "clamp_min":
            return known(1, given(1, "min"))
        case "clamp":
            return known(1, given(1, "min")) and given(2, "max") in (None, inf)
        case "hardtanh":
            return (given(1, "min_val", -1), given(2, "max_val", 1)) == (0, inf)
        case "maximum":
            return any(zeros)
        case "threshold":
            return tuple(args[1:3]) == (0, 0)
        case "leaky_relu":
            return bool(given(1, "negative_slope", 0.01) == 0)
    return False


def _is_linear(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    if name in _LINEAR or name.startswith("new_") or name.endswith("_like"):
        return True
    if name in ("div", "pow"):
        right = args[1] if len(args) > 1 else None
        if isinstance(right, Tensor) or isinstance(args[0], int | float):
            return False
        whole = isinstance(right, int | float) and right >= 1 and float(right).is_integer()
        return kwargs.get("rounding_mode") is None if name == "div" else whole
    # In training mode it takes mean and deviation from the input itself, as instance norm does.
    return name in _BATCH_NORMS and len(args) > 5 and args[5] is not True


def _other(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor
) -> dict[str, int]:
    n = result.numel()
    if name in _POOLS:
        return {POOLING: _pooled(args, kwargs, result, _POOLS[name]) - n}
    if name in _ADAPTIVE:
        return {POOLING: _pooled_adaptively(args[0], result, _ADAPTIVE[name]) - n}
    if name in _EXTREMES:  # so that global pooling has the same unit, however it is written
        return {POOLING: args[0].numel() - n}
    if name in _COMPARISONS:
        return {"comparisons": n}
    if name in _BATCH_NORMS:
        return {"instance_norm": n}
    if name == "elu" and len(args) > 2 and args[2] != 1:
        return {"selu": n}
    if name == "hardtanh" and tuple(args[1:3]) == (0, 6):
        return {"relu6": n}
    return {name if name in _NAMED else UNKNOWN + name: n}


def _pooled(args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor, n_dims: int) -> int:
    """Numbers in all windows together; padding is in none, since it is never the largest."""

    def sizes(place: int, key: str, default: list[int]) -> list[int]:
        found = args[place] if len(args) > place else kwargs.get(key, default)
        found = [found] if isinstance(found, int) else list(found)
        return (found or default) * (n_dims if len(found or default) == 1 else 1)

    kernel = sizes(1, "kernel_size", [])
    stride, padding = sizes(2, "stride", kernel), sizes(3, "padding", [0])
    dilation = sizes(4, "dilation", [1])
    x = args[0]
    total = prod(result.shape[: result.ndim - n_dims])
    for d in range(n_dims):
        at = d - n_dims
        total *= sum(
            0 <= o * stride[d] - padding[d] + i * dilation[d] < x.shape[at]
            for o in range(result.shape[at])
            for i in range(kernel[d])
        )
    return int(total)


def _pooled_adaptively(x: Tensor, result: Tensor, n_dims: int) -> int:
    total = prod(result.shape[: result.ndim - n_dims])
    for at in range(-n_dims, 0):
        n_in, n_out = x.shape[at], result.shape[at]
        total *= sum(-(-(o + 1) * n_in // n_out) - o * n_in // n_out for o in range(n_out))
    return int(total)
