"""Seeing what goes into and comes out of every activation of a network while it runs.

Layers are seen by forward hooks; calls (``F.relu``, ``x.relu_()``) by watching what torch is asked
for, which needs no trace and so sees forwards with branches too; calls that `swap` has redirected,
by standing in for what answers them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation as torch_activations
from torch.overrides import TorchFunctionMode

from rescu_cli.errors import UsageError
from rescu_cli.network.loading import Elementwise, exported_activation
from rescu_cli.network.swapping.redirect import Swapped, redirect, rules_of
from rescu_cli.network.swapping.sources import SOURCES, spelled

ROOT = "(model)"
Function = Callable[[Tensor], Tensor]
Sink = Callable[[str, str, Tensor, Tensor, Function], None]
"""(name, kind, input, output, function): called at every activation; the input is a copy where the
activation overwrites it."""

_MIXING = (nn.MultiheadAttention, nn.GLU, nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax)
"""In torch's file of activations, but not functions of one element."""


def is_activation(module: nn.Module) -> bool:
    """Whether a layer is an activation: torch's, or one that this package made."""
    kind = type(module)
    if isinstance(module, Swapped) or exported_activation(module) is not None:
        return True
    return kind.__module__ == torch_activations.__name__ and not isinstance(module, _MIXING)


def blind_spots(model: nn.Module) -> list[str]:
    """What holds activations that cannot be seen, in sentences."""
    found = []
    for name, module in model.named_modules():
        shown, kind = name or ROOT, type(module).__name__
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            found.append(f"{shown}: the activations inside torch's {kind} kernel are not seen.")
        elif isinstance(module, torch.jit.ScriptModule) and not name.rpartition(".")[0]:
            found.append(f"{shown}: calls inside TorchScript are not seen.")
    return found


@contextmanager
def watching(model: nn.Module, sink: Sink, layers: Sequence[str] = ()) -> Iterator[_Watch]:
    """While it is open, every activation that runs is reported; the model is as before after it.

    Args:
        model: Any module that is not compiled.
        sink: Told of each activation.
        layers: Names of modules to take for activations too, e.g. of a user's own class.

    Raises:
        UsageError: If a name is no module of the model, or the model is compiled.
    """
    modules = dict(model.named_modules())
    for name in layers:
        if name not in modules:
            raise UsageError(
                f"The model has no module {name!r}; it has: "
                + ", ".join(n for n in modules if n)[:300]
            )
    for name, module in modules.items():
        if hasattr(module, "_orig_mod"):
            raise UsageError(f"{name or 'The model'} is compiled; give the model before compiling.")
    watch = _Watch(sink)
    with ExitStack() as stack:
        for name, module in modules.items():
            if is_activation(module) or name in layers:
                _hook_layer(stack, watch, name or ROOT, module)
            else:
                _hook_place(stack, watch, name or ROOT, module)
            if rules_of(module):
                _hook_redirected(stack, watch, module)
        stack.enter_context(watch)
        yield watch


@dataclass(frozen=True)
class _Waiting:
    """An activation layer whose forward is running."""

    module: nn.Module
    given: Tensor | None


class _Watch(TorchFunctionMode):
    """Keeps where the forward pass is, and sees the calls."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink
        self.places: list[str] = []
        self.inside: list[_Waiting] = []
        self.calls: Counter[str] = Counter()
        self.muted = False

    def start(self) -> None:
        """A new batch: calls are counted from the first again."""
        self.calls.clear()
        self.places.clear()
        self.inside.clear()

    def report(self, kind: str, x: Tensor, y: Any, function: Function, place: str = "") -> None:
        """Tell of one activation."""
        where = place or f"{self.places[-1] if self.places else ROOT}: {kind}"
        self.calls[where] += 1
        times = self.calls[where]
        name = where if times == 1 else f"{where} ({times})"
        if isinstance(y, Tensor):
            self.muted = True
            try:
                self.sink(name, kind, x, y, function)
            finally:
                self.muted = False

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.muted or self.inside or not _is_call(func, kwargs):
            return func(*args, **kwargs)
        x = args[0] if args else kwargs["input"]
        before = x.detach().clone()  # it may be overwritten
        rest, named = args[1:], {k: v for k, v in kwargs.items() if k != "input"}
        result = func(*args, **kwargs)
        self.report(spelled(func), before, result, lambda u: func(u, *rest, **named))
        return result


def _is_call(func: Any, kwargs: Any) -> bool:
    return any(source.is_call(func, kwargs) for source in SOURCES.values())


def _hook_layer(stack: ExitStack, watch: _Watch, name: str, module: nn.Module) -> None:
    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        x = args[0] if args else next(iter(kwargs.values()), None)
        watch.inside.append(_Waiting(module, x.detach().clone() if isinstance(x, Tensor) else None))

    def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        waiting = watch.inside.pop()
        # Inside another activation, a layer is a part of how that one computes.
        if waiting.given is not None and not watch.inside and not watch.muted:
            watch.report(_shown(module), waiting.given, output, module.forward, name)

    for handle in (
        module.register_forward_pre_hook(enter, with_kwargs=True),
        module.register_forward_hook(leave, with_kwargs=True),
    ):
        stack.callback(handle.remove)


def _hook_place(stack: ExitStack, watch: _Watch, name: str, module: nn.Module) -> None:
    def enter(module: nn.Module, args: Any) -> None:
        watch.places.append(name)

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        watch.places.pop()

    if isinstance(module, torch.jit.ScriptModule):
        return  # its hooks are compiled with it
    stack.callback(module.register_forward_pre_hook(enter).remove)
    stack.callback(module.register_forward_hook(leave).remove)


def _hook_redirected(stack: ExitStack, watch: _Watch, module: nn.Module) -> None:
    """Let the function that answers a redirected call report it."""
    before, rules = vars(module)["forward"], rules_of(module)

    def reporting(function: Function, spec: str) -> Function:
        def seen(x: Tensor) -> Tensor:
            if watch.muted or watch.inside:
                return function(x)
            copy = x.detach().clone()
            watch.inside.append(_Waiting(module, None))
            try:
                y = function(x)
            finally:
                watch.inside.pop()
            watch.report(spec, copy, y, function)
            return y

        return seen

    redirect(module, tuple((s, replace(n, function=reporting(n.function, n.spec)))
                           for s, n in rules))  # fmt: skip
    stack.callback(setattr, module, "forward", before)


def _shown(module: nn.Module) -> str:
    """A layer on one line: ``ReLU()``, ``Elementwise(smelu:beta=1)``."""
    if isinstance(module, Elementwise | Swapped):
        return module.extra_repr()
    return " ".join(repr(module).split())
