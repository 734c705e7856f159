"""Seeing what goes into and comes out of every activation of a network while it runs.

Layers are seen by forward hooks; calls (``F.relu``, ``x.relu_()``) by watching what torch is asked
for, which needs no trace and so sees forwards with branches too; calls that `swap` has redirected,
by standing in for what answers them. Which calls are activations is told in `calls`.
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
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from rescu_cli.core.surrogate import label
from rescu_cli.errors import UsageError
from rescu_cli.network.dead.calls import (
    CHANNELS_SECOND,
    FEATURES_LAST,
    MIXING,
    Function,
    as_activation,
    may_be_part,
    shown,
)
from rescu_cli.network.loading import Elementwise, exported_activation
from rescu_cli.network.swapping.redirect import Swapped, redirect, rules_of

ROOT = "(model)"


@dataclass(frozen=True, eq=False)
class Seen:
    """An activation that has run once.

    Args:
        name: Of the place, unique in a forward pass.
        kind: The layer or function.
        x: What went in; a copy where the activation overwrites it.
        y: What came out.
        function: x ↦ y.
        surrogate: What is said of a backward pass that is not the gradient; None if it is.
        channel_axis: Of y; None where there are no positions beside channels, or it cannot be told.
    """

    name: str
    kind: str
    x: Tensor
    y: Tensor
    function: Function
    surrogate: str | None
    channel_axis: int | None


Sink = Callable[[Seen], None]
"""Called at every activation."""

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
        place, kind = name or ROOT, type(module).__name__
        if isinstance(module, nn.RNNBase | nn.RNNCellBase):
            found.append(f"{place}: the activations inside torch's {kind} kernel are not seen.")
        elif isinstance(module, torch.jit.ScriptModule) and not name.rpartition(".")[0]:
            found.append(f"{place}: calls inside TorchScript are not seen.")
    return found


def of_the_batch(model: nn.Module) -> list[str]:
    """Layers that in evaluation mode too mix the inputs of a batch, in sentences."""
    return [
        f"{name or ROOT}: this {type(module).__name__} has no running statistics and takes those "
        "of the batch, so that the rates depend on '--batch-size' and on the order of the inputs."
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is None
    ]


def swallowed(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """Activations inside modules that are taken for one activation, in sentences."""
    found = []
    for name in layers:
        inside = [
            f"{name}.{inner}"
            for inner, module in model.get_submodule(name).named_modules()
            if inner and is_activation(module)
        ]
        if inside:
            found.append(
                f"{name or ROOT} was asked for as one activation; what is inside it is not counted "
                f"by itself: {', '.join(inside)}."
            )
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


_UNKNOWN = (0, 0)
_PLACES = 3  # that one sentence names


class _Watch(TorchFunctionMode):
    """Keeps where the forward pass is, and sees the calls."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink
        self.places: list[str] = []
        self.inside: list[_Waiting] = []
        self.calls: Counter[str] = Counter()
        self.muted = False
        self.doubts: dict[str, dict[str, None]] = {}
        self.failure: Exception | None = None
        self.features: tuple[int, int] | None = _UNKNOWN

    def start(self) -> None:
        """A new batch: calls are counted from the first again."""
        self.calls.clear()
        self.places.clear()
        self.inside.clear()

    def report(
        self, kind: str, x: Tensor, y: Any, function: Function, place: str = "",
        surrogate: str | None = None,
    ) -> None:  # fmt: skip
        """Tell of one activation."""
        where = place or f"{self.places[-1] if self.places else ROOT}: {kind}"
        self.calls[where] += 1
        times = self.calls[where]
        name = where if times == 1 else f"{where} ({times})"
        if not isinstance(y, Tensor):
            return
        depth = len(self.places), len(self.inside)
        self.muted = True
        try:
            self.sink(Seen(name, kind, x, y, function, surrogate, self._channel_axis(y)))
        except Exception as error:
            self.failure = error
            raise
        finally:
            self.muted = False
            # The sink runs the function again; where that fails, hooks have entered and not left.
            del self.places[depth[0] :], self.inside[depth[1] :]

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.muted or self.inside:
            return func(*args, **kwargs)
        call = as_activation(func, args, kwargs)
        if call is None:
            result = func(*args, **kwargs)
            if may_be_part(func, args, kwargs):
                where = self.places[-1] if self.places else ROOT
                self.doubts.setdefault(shown(func), {})[where] = None
            self._follow(func, result)
            return result
        before = call.x.detach().clone()  # it may be overwritten
        result = func(*args, **kwargs)
        self.report(call.name, before, result, call.function)
        return result

    def doubtful(self) -> list[str]:
        """Calls that were not counted though activations are written with them, in sentences."""
        found = []
        for call, where in self.doubts.items():
            places = ", ".join([*where][:_PLACES])
            more = f" and {len(where) - _PLACES} more" if len(where) > _PLACES else ""
            found.append(
                f"{places}{more}: {call} is not counted; if it is part of an activation, name a "
                "layer around that with '--layer NAME'."
            )
        return found

    def _follow(self, func: Any, result: Any) -> None:
        """Remember where the features of what was just computed are: the axis, and how many."""
        if func in MIXING or not isinstance(result, Tensor):
            self.features = None if func in MIXING else self.features
        elif func in CHANNELS_SECOND and result.ndim > 1:
            self.features = 1, result.shape[1]
        elif func in FEATURES_LAST and result.ndim > 1:
            self.features = -1, result.shape[-1]

    def _channel_axis(self, y: Tensor) -> int | None:
        if y.ndim < 3 or self.features is None:
            return None
        if self.features == _UNKNOWN:
            return 1 if y.ndim > 3 else None  # images are (batch, channels, height, width)
        axis, size = self.features
        axis %= y.ndim
        return axis if y.shape[axis] == size else None


def _hook_layer(stack: ExitStack, watch: _Watch, name: str, module: nn.Module) -> None:
    surrogate = _surrogate(module)

    def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
        x = args[0] if args else next(iter(kwargs.values()), None)
        watch.inside.append(_Waiting(module, x.detach().clone() if isinstance(x, Tensor) else None))

    def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        waiting = watch.inside.pop()
        # Inside another activation, a layer is a part of how that one computes.
        if waiting.given is not None and not watch.inside and not watch.muted:
            watch.report(_shown(module), waiting.given, output, module.forward, name, surrogate)

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

    def reporting(function: Function, spec: str, surrogate: str | None) -> Function:
        def seen(x: Tensor) -> Tensor:
            if watch.muted or watch.inside:
                return function(x)
            copy = x.detach().clone()
            watch.inside.append(_Waiting(module, None))
            try:
                y = function(x)
            finally:
                watch.inside.pop()
            watch.report(spec, copy, y, function, surrogate=surrogate)
            return y

        return seen

    redirect(module, tuple(
        (s, replace(n, function=reporting(n.function, n.spec, _surrogate(n.module()))))
        for s, n in rules
    ))  # fmt: skip
    stack.callback(setattr, module, "forward", before)


def _surrogate(module: nn.Module) -> str | None:
    inner = module.new.module() if isinstance(module, Swapped) else module
    activation = exported_activation(inner)
    return None if activation is None else label(activation)


def _shown(module: nn.Module) -> str:
    """A layer on one line: ``ReLU()``, ``Elementwise(smelu:beta=1)``."""
    if isinstance(module, Elementwise | Swapped):
        return module.extra_repr()
    return " ".join(repr(module).split())
