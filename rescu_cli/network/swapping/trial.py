"""A model before and after: its outputs, and the calls that are left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from rescu_cli.errors import UsageError
from rescu_cli.network.swapping.fused import fused_instead
from rescu_cli.network.swapping.sources import Source, sources


def count_calls(
    model: nn.Module, inputs: Sequence[Tensor], source: Sequence[str] = ("relu",)
) -> dict[str, int]:
    """Calls of torch's own activations in one run, by the module that makes them.

    Counts what Python code calls, modules or functions, and what torch's fused transformer layer
    would compute. It does not see into TorchScript, compiled code and recurrent kernels.

    Args:
        model: Run once, in the mode it is in, without gradients.
        inputs: Its arguments.
        source: Names of activations.
    """
    names = {id(m): n or "(model)" for n, m in reversed(list(model.named_modules()))}
    wanted = sources(source)
    with _inside(names) as stack, torch.no_grad(), _Census(wanted, stack) as census:
        model(*inputs)
    # Being watched keeps a layer from its fused path; what it would do there is read off the layer.
    for module in model.modules():
        if fused_instead(module) in {s.name for s in wanted} and not module.training:
            census.found[names[id(module)]] += 1
    return dict(census.found)


class _Census(TorchFunctionMode):
    def __init__(self, wanted: tuple[Source, ...], stack: list[str]) -> None:
        super().__init__()
        self.wanted, self.stack = wanted, stack
        self.found: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if any(s.is_call(func, kwargs) for s in self.wanted):
            self.found[self.stack[-1] if self.stack else "(model)"] += 1
        return func(*args, **kwargs)


@contextmanager
def _inside(names: Mapping[int, str]) -> Iterator[list[str]]:
    """Yields a list whose last entry names the module whose forward is running."""
    stack: list[str] = []

    def enter(module: nn.Module, args: Any) -> None:
        stack.append(names.get(id(module), type(module).__name__))

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        stack.pop()

    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield stack
    finally:
        before.remove()
        after.remove()


def outputs(model: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Every tensor that a model returns, in eval mode and without gradients.

    Raises:
        UsageError: If it does not run on these inputs.
    """
    modes = {m: m.training for m in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            return [t.clone() for t in _tensors(model(*[i.clone() for i in inputs]))]
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = ", ".join("x".join(map(str, i.shape)) or "()" for i in inputs)
        text = " ".join(str(error).split())[:200]
        raise UsageError(f"The model does not run on inputs of shape {shapes}: {text}") from error
    finally:
        for module, training in modes.items():
            module.training = training


def largest_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """The largest absolute difference of two results of `outputs`; NaN where only one is NaN."""
    if [t.shape for t in before] != [t.shape for t in after]:
        raise UsageError("The outputs have other shapes than before; they cannot be compared.")
    changes = [(a.double() - b.double()).abs().max() for a, b in zip(before, after, strict=True)
               if a.numel()]  # fmt: skip
    return float(torch.stack(changes).max()) if changes else 0.0


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
