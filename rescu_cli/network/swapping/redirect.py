"""Calls of torch's activations inside a forward, answered by other functions.

The forward itself runs as its author wrote it: branches, loops, the training flag and side effects
stay. Rewriting a traced graph instead would freeze every branch as the trace found it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rescu_cli.network.swapping.sources import Source, wants_in_place


@dataclass(frozen=True)
class New:
    """What takes the place of an activation.

    Args:
        spec: The activation as text.
        function: x ↦ f(x), differentiable.
        module: Makes a module of it.
        uses_torch_names: Whether its own code calls what is being replaced, so that a redirected
            forward around it must not see those calls.
    """

    spec: str
    function: Callable[[Tensor], Tensor]
    module: Callable[[], nn.Module]
    uses_torch_names: bool

    def __call__(self, x: Tensor) -> Tensor:
        if self.uses_torch_names:
            with torch._C.DisableTorchFunction():
                return self.function(x)
        return self.function(x)

    def over(self, x: Tensor) -> Tensor:
        """f(x), written over x.

        The copy is kept for the backward pass: ReLU's can be had from its result, others' not.
        """
        return x.copy_(self(x.clone()))

    def make(self, *, in_place: bool) -> nn.Module:
        """A module for a place that held one."""
        plain = not (in_place or self.uses_torch_names)
        return self.module() if plain else Swapped(self, in_place=in_place)


class Swapped(nn.Module):
    """An exchanged activation that has to do more than its exported module.

    Args:
        new: The activation.
        in_place: Overwrite the input, as the module did that was here before; a skip connection may
            read it again.
    """

    def __init__(self, new: New, *, in_place: bool) -> None:
        super().__init__()
        self.new, self.inplace = new, in_place

    def forward(self, x: Tensor) -> Tensor:
        """f(x)."""
        return self.new.over(x) if self.inplace else self.new(x)

    def extra_repr(self) -> str:
        return self.new.spec + (", inplace=True" if self.inplace else "")


Rules = tuple[tuple[Source, New], ...]


class Redirect(TorchFunctionMode):
    """While it is active, calls of a rule's source go to its new function.

    Args:
        rules: Pairs of what is called and what answers.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Answer one call."""
        kwargs = kwargs or {}
        for source, new in self.rules:
            if source.is_call(func, kwargs):
                x = args[0] if args else kwargs["input"]
                over = func in source.in_place or wants_in_place(func, tuple(args), kwargs)
                return new.over(x) if over else new(x)
        return func(*args, **kwargs)


def redirect(module: nn.Module, rules: Rules) -> None:
    """Let a module's forward run under `Redirect` from now on.

    The module stays the object it is, with its hooks, parameters and children.
    """
    before = rules_of(module)
    sources = {source.name for source, _ in rules}
    kept = tuple(rule for rule in before if rule[0].name not in sources)
    # A partial, not a closure: a deep copy of the module then speaks of the copy.
    module.forward = partial(_redirected, module, (*kept, *rules))


def rules_of(module: nn.Module) -> Rules:
    """The rules that `redirect` gave to a module."""
    forward = vars(module).get("forward")
    if isinstance(forward, partial) and forward.func is _redirected:
        rules: Rules = forward.args[1]
        return rules
    return ()


def has_own_forward(module: nn.Module) -> bool:
    """Whether somebody else has put a forward on the instance."""
    return "forward" in vars(module) and not rules_of(module)


def _redirected(module: nn.Module, rules: Rules, *args: Any, **kwargs: Any) -> Any:
    with Redirect(rules):
        return type(module).forward(module, *args, **kwargs)
