"""Counting by one run: in whatever spelling, ReLUs reach the dispatcher as a few operations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from rescu_cli.errors import UsageError
from rescu_cli.network.relus.report import LayerCount, ReluCount

ROOT = "(model)"
aten = torch.ops.aten
_RELUS = {aten.relu, aten.relu_}
# What else cannot be done by additions and multiplications with known numbers.
_OTHERS = {
    op
    for name in (
        "gelu", "silu", "sigmoid", "tanh", "elu", "leaky_relu", "hardtanh", "hardswish", "mish",
        "softplus", "hardsigmoid", "log_sigmoid_forward", "_prelu_kernel", "_softmax",
        "_log_softmax", "max_pool2d_with_indices", "max_pool3d_with_indices",
        "adaptive_max_pool2d", "threshold", "erf", "exp", "clamp", "maximum", "abs",
    )
    for op in (getattr(aten, name, None), getattr(aten, f"{name}_", None))
    if op is not None
}  # fmt: skip


def count_relus(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    name: str = "model",
    stem: Sequence[str] | None = None,
) -> ReluCount:
    """Count ReLUs and MACs of one example by running a copy of the model once, in eval mode.

    The copy runs on the meta device, where tensors have shapes and no numbers; a model whose
    forward needs numbers runs on zeros instead. A ReLU is every element of a result of
    ``aten::relu``, of ``clamp(min=0)`` and of ``threshold(0, 0)``: modules, functions and methods
    alike end there. One module that is called twice counts twice.

    Without a word about it, the stem is the first ReLU called, if that happens in the network
    itself or a direct child while a later one lies deeper: ResNets have such a stem, plain chains
    have none.

    Args:
        model: Stays as it is.
        input_shape: Of one example, (channels, height, width) or another shape.
        name: For the report.
        stem: Names of the layers whose ReLUs are the stem's; empty for none.

    Raises:
        UsageError: If the shape does not fit, or no ReLU is met.

    Example:
        >>> count_relus(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), (3,)).total
        8
    """
    shape = tuple(input_shape)
    if not shape or min(shape) < 1:
        raise UsageError(f"An input of shape {shape} asked; every size must be at least 1.")
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError("The model is TorchScript, whose calls cannot be watched.")
    names, census = _run(model, shape)
    layers = tuple(
        LayerCount(n, n.partition(".")[0], census.shapes[n], census.relus.get(n, 0),
                   census.macs.get(n, 0))
        for n in names
        if census.relus.get(n, 0) or census.macs.get(n, 0)
    )  # fmt: skip
    others = dict(sorted(census.others.items()))
    if not any(layer.relus for layer in layers):
        met = ", ".join(f"{k} ({v:,})" for k, v in others.items()) or "no other activation either"
        raise UsageError(
            f"No ReLU was met when {name} ran on an input of {_spelled(shape)}; met: {met}. What "
            "counts: nn.ReLU, F.relu, torch.relu, clamp(min=0)."
        )
    count = ReluCount(
        name, shape, layers, (), others, sum(p.numel() for p in model.parameters())
    )  # fmt: skip
    return replace(count, stem=_stem(count) if stem is None else tuple(stem))


def _stem(count: ReluCount) -> tuple[str, ...]:
    named = [layer.name for layer in count.layers if layer.relus]
    deeper = any("." in name for name in named[1:])
    return (named[0],) if deeper and "." not in named[0] else ()


def _run(model: nn.Module, shape: tuple[int, ...]) -> tuple[list[str], _Census]:
    first = next(model.parameters(), torch.zeros(()))
    try:
        return _watched(deepcopy(model).to("meta"), torch.zeros(1, *shape, dtype=first.dtype,
                                                                device="meta"))  # fmt: skip
    except Exception:  # noqa: BLE001  # reason: a user's forward may raise anything without numbers
        twin = deepcopy(model).cpu()
    try:
        return _watched(twin, torch.zeros(1, *shape, dtype=first.dtype))
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"The model does not run on an input of shape {_spelled(shape)} (one example, without "
            f"the batch): {text}"
        ) from error


def _watched(model: nn.Module, x: Tensor) -> tuple[list[str], _Census]:
    model.eval()
    names = {id(m): n or ROOT for n, m in reversed(list(model.named_modules()))}
    order: list[str] = []
    census = _Census()
    # Where gradients are on, transformer layers leave their fused kernel, which hides the ReLU.
    with _inside(names, census.stack, order), torch.enable_grad(), census:
        model(x)
    # A module enters before its children; its own ops may come after theirs.
    return sorted(dict.fromkeys(order), key=lambda n: census.first.get(n, 0)), census


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what each module's own code does."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stack: list[str] = []
        self.relus: dict[str, int] = {}
        self.macs: dict[str, int] = {}
        self.others: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.first: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run one operation and note it."""
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        name = self.stack[-1] if self.stack else ROOT
        if _is_relu(packet, args, kwargs or {}):
            self._note(name, out)
            self.relus[name] = self.relus.get(name, 0) + out.numel()
            self.shapes[name] = tuple(out.shape[1:])
        elif packet in flop_registry:
            # Its formulas are of 2 operations for each multiplication with an addition.
            flops = flop_registry[packet](*args, **(kwargs or {}), out_val=out)
            self._note(name, out)
            self.macs[name] = self.macs.get(name, 0) + int(flops) // 2
        elif packet in _OTHERS:
            result = out[0] if isinstance(out, tuple) else out
            label = packet.__name__.strip("_").removesuffix("_with_indices")
            if label == "max_pool2d":  # comparisons: each window of k numbers needs k − 1
                kernel = args[1] if len(args) > 1 else kwargs["kernel_size"]
                size = prod(kernel) if len(kernel) > 1 else kernel[0] ** 2
                self.others["max_pool2d comparisons"] = self.others.get(
                    "max_pool2d comparisons", 0
                ) + result.numel() * (size - 1)
            else:
                self.others[label] = self.others.get(label, 0) + result.numel()
        return out

    def _note(self, name: str, out: Tensor) -> None:
        self.first.setdefault(name, len(self.first))
        self.shapes.setdefault(name, tuple(out.shape[1:]))


def _is_relu(packet: Any, args: Sequence[Any], kwargs: Any) -> bool:
    if packet in _RELUS:
        return True
    if packet in (aten.clamp_min, aten.clamp_min_):
        return not isinstance(args[1], Tensor) and args[1] == 0
    if packet in (aten.clamp, aten.clamp_):
        low = args[1] if len(args) > 1 else kwargs.get("min")
        high = args[2] if len(args) > 2 else kwargs.get("max")
        return high is None and not isinstance(low, Tensor) and low == 0
    return packet in (aten.threshold, aten.threshold_) and tuple(args[1:3]) == (0, 0)


@contextmanager
def _inside(names: dict[int, str], stack: list[str], order: list[str]) -> Iterator[None]:
    """Keeps the name of the module whose forward is running on top of the stack."""

    def enter(module: nn.Module, args: Any) -> None:
        stack.append(names.get(id(module), type(module).__name__))
        order.append(stack[-1])

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        stack.pop()

    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


def _spelled(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
