"""Which calls of torch inside a forward are activations, and which may be a part of one.

More spellings than `swap` exchanges: a rectifier can be written ``x.clamp(min=0)`` or
``torch.maximum(x, zero)``, and to count zeros nothing has to take its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload, OpOverloadPacket
from torch.nn import functional

from rescu_cli.network.swapping.sources import SOURCES, spelled

Function = Callable[[Tensor], Tensor]

_NAMES = (
    "threshold", "threshold_", "_threshold", "hardtanh", "hardtanh_", "prelu", "rrelu", "rrelu_",
    "hardsigmoid", "logsigmoid", "softsign", "hardshrink", "softshrink", "tanhshrink",
)  # fmt: skip
_HOLDERS = (functional, torch, Tensor)


def _all(*names: str) -> frozenset[Any]:
    """What torch has under these names, as functions and as methods."""
    found = (getattr(holder, name, None) for holder in _HOLDERS for name in names)
    return frozenset(f for f in found if f is not None)


_MORE = _all(*_NAMES)
_CLAMPS = _all("clamp", "clamp_", "clip", "clip_")
_CLAMPS_BELOW = _all("clamp_min", "clamp_min_")
_LARGER = _all("maximum", "max")
_DOUBTFUL = _CLAMPS | _CLAMPS_BELOW | _all("maximum", "minimum", "where", "heaviside")
_COMPARING = _all("gt", "ge", "lt", "le")
_SHOWN: dict[Any, str] = {
    functional._threshold: "F.threshold",  # type: ignore[attr-defined]
    functional.logsigmoid: "F.logsigmoid",
}
CHANNELS_SECOND = _all(
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "batch_norm", "instance_norm", "group_norm",
)  # fmt: skip
"""What puts channels on the second axis of what it gives."""
FEATURES_LAST = _all("linear", "layer_norm", "rms_norm", "embedding")
"""What puts features on the last."""
MIXING = _all(
    "matmul", "bmm", "baddbmm", "einsum", "__matmul__", "__rmatmul__", "tensordot",
    "scaled_dot_product_attention", "multi_head_attention_forward",
)  # fmt: skip
"""After which it cannot be told where they are."""


@dataclass(frozen=True, eq=False)
class Call:
    """A call that is an activation.

    Args:
        name: As one would write it.
        x: Its argument.
        function: The same call of another argument.
    """

    name: str
    x: Tensor
    function: Function


def as_activation(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Call | None:
    """A call of torch as an activation, if it is one.

    Example:
        >>> x = torch.tensor([-1.0, 2.0])
        >>> found = as_activation(torch.clamp, (x,), {"min": 0})
        >>> found.name, found.function(x).tolist()
        ('torch.clamp', [0.0, 2.0])
        >>> as_activation(torch.clamp, (x,), {"min": -1}) is None
        True
    """
    place: int | str = 0 if args else "input"
    if any(one in _LARGER for one in _same(func)):
        place = 1 if args and _is_zero(args[0]) else place
    x = args[place] if isinstance(place, int) and len(args) > place else kwargs.get("input")
    if not isinstance(x, Tensor):
        return None
    if not any(_is_activation(one, place, args, kwargs) for one in _same(func)):
        return None

    def again(u: Tensor) -> Tensor:
        if isinstance(place, int):
            found = func(*args[:place], u, *args[place + 1 :], **kwargs)
        else:
            found = func(*args, **{**kwargs, place: u})
        return found

    return Call(shown(func), x, again)


def may_be_part(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether a call that is no activation by itself is one that activations are written with."""
    x = next((a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)), None)
    if x is None or x.ndim < 2:
        return False
    if func in _COMPARING:
        return x.is_floating_point() and any(_is_zero(a) for a in args[1:])
    tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    return any(one in _DOUBTFUL for one in _same(func)) and any(
        t.is_floating_point() for t in tensors
    )


def shown(func: Any) -> str:
    """``F.relu``, ``Tensor.clamp``, ``torch.ops.aten.relu``."""
    if isinstance(func, OpOverload | OpOverloadPacket):
        return f"torch.ops.{func}"
    return _SHOWN.get(func) or spelled(func)


def _same(func: Any) -> tuple[Any, ...]:
    """A function, or what the operator ``torch.ops.aten.NAME`` is called elsewhere."""
    packet = func.overloadpacket if isinstance(func, OpOverload) else func
    if not isinstance(packet, OpOverloadPacket):
        return (func,)
    return tuple(_all(packet.__name__)) if str(packet).startswith("aten.") else ()


def _is_activation(
    func: Any, place: int | str, args: Sequence[Any], kwargs: dict[str, Any]
) -> bool:
    if func in _MORE or any(source.is_call(func, kwargs) for source in SOURCES.values()):
        return True
    if func in _CLAMPS or func in _CLAMPS_BELOW:
        return _is_zero(kwargs.get("min", args[1] if len(args) > 1 else None))
    if func in _LARGER:
        rest = [a for i, a in enumerate(args) if i != place]
        other = rest[0] if rest else kwargs.get("other")
        return isinstance(other, Tensor) and _is_zero(other)
    return False


def _is_zero(value: Any) -> bool:
    """Whether it is the number 0, or a tensor of nothing else."""
    if isinstance(value, Tensor):
        return value.numel() > 0 and not bool(value.detach().any())
    return isinstance(value, int | float) and value == 0
