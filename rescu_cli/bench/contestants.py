"""Who is measured: exported code, eager and compiled; torch's own function; a user's callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import FunctionType
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from rescu_cli import catalogue
from rescu_cli.audit.bind import bind
from rescu_cli.audit.load import load
from rescu_cli.core.activation import Activation
from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.export import torch_functions

MODES = ("native", "eager", "compiled")

Function: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Contestant:
    """One function in one mode.

    Args:
        activation: The activation as text, or ``path.py:name``.
        mode: native, eager or compiled.
        function: x ↦ f(x), differentiable.
    """

    activation: str
    mode: str
    function: Function


def contestants(
    texts: Sequence[str], modes: Sequence[str] = MODES, device: str = "cpu"
) -> list[Contestant]:
    """Every activation in every mode that exists for it; a callable from a file is eager only.

    Args:
        texts: Activations, or ``path.py:name``, which runs the file.
        modes: Of native, eager, compiled.
        device: Where a callable's own parameters have to be.

    Raises:
        UsageError: If nothing is named, or one is named twice.
        UnknownNameError: If a mode or an activation does not exist.
        CallableError: If a callable cannot be loaded.
    """
    for mode in modes:
        if mode not in MODES:
            raise UnknownNameError("mode", mode, MODES)
    found: list[Contestant] = []
    for text in texts:
        new = _foreign(text, device) if ".py:" in text else _own(text, modes)
        if any(c.activation == new[0].activation for c in found):
            raise UsageError(f"{new[0].activation} is named twice; give it once.")
        found += new
    if not found:
        raise UsageError("Nothing to measure: name an activation, e.g. rescu bench relu smelu.")
    return found


def _own(text: str, modes: Sequence[str]) -> list[Contestant]:
    activation = catalogue.resolve(text).with_defaults()
    function = torch_functions(activation).function
    native = native_peer(activation)
    made: dict[str, Function | None] = {
        "native": native,
        "eager": function,
        # Without fullgraph, what cannot be compiled would run eagerly and pass for compiled.
        "compiled": torch.compile(_fresh(function), fullgraph=True, dynamic=False),
    }
    new = [Contestant(activation.spec, m, f) for m in modes if (f := made[m]) is not None]
    if not new:
        raise UsageError(f"torch has no function of its own for {activation.spec}; try eager.")
    return new


def _fresh(function: Function) -> Function:
    """The same function with code of its own.

    The compiler counts by code how often it compiled for another shape or dtype, and gives up after
    a few; a second benchmark in one process would run into that.
    """
    if not isinstance(function, FunctionType):
        return function
    return FunctionType(
        function.__code__.replace(), function.__globals__, function.__name__,
        function.__defaults__, function.__closure__,
    )  # fmt: skip


def _foreign(text: str, device: str) -> list[Contestant]:
    bound = bind(load(text), {})
    if bound.owner is not None:
        bound.owner.to(device)
    return [Contestant(text, "eager", bound.function)]


def native_peer(activation: Activation) -> Function | None:
    """torch's own function for an activation with every parameter fixed, or None.

    Example:
        >>> native_peer(catalogue.resolve("swish:k=1")).__name__
        'silu'
        >>> native_peer(catalogue.resolve("swish:k=2")) is None
        True
    """
    if activation.name not in _PEERS:
        return None
    named, fixed = catalogue.get(activation.name), {p.name: p.value for p in activation.parameters}
    if set(fixed) != {p.name for p in named.parameters}:
        return None
    if named.bind(fixed).digest != activation.digest:  # a user's function that is called the same
        return None
    numbers = {n: float(v) for n, v in fixed.items() if v is not None}
    return _PEERS[activation.name](numbers)


_Numbers: TypeAlias = Mapping[str, float]


def _at_one(function: Function) -> Callable[[_Numbers], Function | None]:
    return lambda p: function if p["k"] == 1 else None


_PEERS: dict[str, Callable[[_Numbers], Function | None]] = {
    "relu": lambda p: functional.relu,
    "leaky_relu": lambda p: partial(functional.leaky_relu, negative_slope=p["alpha"]),
    "swish": _at_one(functional.silu),
    "hard_swish": lambda p: functional.hardswish,
    "gelu": _at_one(functional.gelu),
    "gelu_tanh": lambda p: partial(functional.gelu, approximate="tanh"),
    "mish": lambda p: functional.mish,
    "elu": lambda p: partial(functional.elu, alpha=p["alpha"]),
    "celu": lambda p: partial(functional.celu, alpha=p["alpha"]),
    "selu": lambda p: functional.selu,
    "softplus": lambda p: partial(functional.softplus, beta=p["k"]),
    "tanh": lambda p: torch.tanh,
    "sigmoid": lambda p: torch.sigmoid,
}
"""What torch has, by catalogue name; None where it has no such parameter."""
