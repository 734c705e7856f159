"""What autograd keeps between the forward and the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Saved:
    """One stretch of memory that is held for the backward pass.

    Args:
        which: input, output or other: a network holds the input of the next layer anyway, so that
            keeping the output often costs nothing more.
        dtype: As torch names it, without its prefix.
        shape: Of the tensor.
        n_bytes: Of the whole storage that the tensor keeps alive.
    """

    which: str
    dtype: str
    shape: tuple[int, ...]
    n_bytes: int

    def to_dict(self) -> dict[str, Any]:
        return {"which": self.which, "dtype": self.dtype, "shape": list(self.shape),
                "bytes": self.n_bytes}  # fmt: skip


def saved_for_backward(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Saved, ...]:
    """The tensors that one call saves, each storage once.

    Counted by the hooks that autograd calls for every tensor that it saves. A function that hides a
    tensor from autograd, as an attribute of its context, hides it from this count too.

    Args:
        function: x ↦ f(x).
        x: Any tensor of floats; it is not changed and receives no gradient.

    Example:
        >>> [s.which for s in saved_for_backward(torch.relu, torch.zeros(4))]
        ['output']
        >>> [s.which for s in saved_for_backward(lambda x: x * x.exp(), torch.zeros(4))]
        ['other', 'input']
    """
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)  # alive until all are counted, or an address could come back
        return tensor

    # Not a leaf: a leaf's accumulator is no part of the function.
    inner = x.detach().requires_grad_().view_as(x)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        y = function(inner)
    ends = {inner.untyped_storage().data_ptr(): "input"}
    ends.setdefault(y.untyped_storage().data_ptr(), "output")
    found: dict[int, Saved] = {}
    for tensor in kept:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in found and storage.nbytes():
            found[storage.data_ptr()] = Saved(
                ends.get(storage.data_ptr(), "other"),
                str(tensor.dtype).removeprefix("torch."),
                tuple(tensor.shape),
                storage.nbytes(),
            )
    return tuple(found.values())
