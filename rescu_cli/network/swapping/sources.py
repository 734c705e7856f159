"""The activations that torch itself has, in every spelling in which a model can call them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rescu_cli.catalogue.table import ALIASES
from rescu_cli.errors import UnknownNameError


@dataclass(frozen=True)
class Source:
    """One activation of torch.

    Args:
        name: As in the catalogue, where it is there.
        module: Its class.
        functions: That return a new tensor, unless told ``inplace=True``.
        in_place: That overwrite their argument.
        approximate: The value of that keyword which makes a call this activation, if it has one.
    """

    name: str
    module: type[nn.Module]
    functions: tuple[Callable[..., Any], ...]
    in_place: tuple[Callable[..., Any], ...] = ()
    approximate: str | None = None

    def is_module(self, module: nn.Module) -> bool:
        """Whether it is exactly this; a subclass may compute something else."""
        return type(module) is self.module and (
            self.approximate is None or getattr(module, "approximate", None) == self.approximate
        )

    def is_call(self, function: object, kwargs: Mapping[str, Any]) -> bool:
        """Whether a call of ``function``, or of a method by its name, is this activation."""
        if isinstance(function, str):
            known = function in {f.__name__ for f in self._methods()}
        else:
            known = any(function is f or function == f for f in (*self.functions, *self.in_place))
        approximate = kwargs.get("approximate", "none")
        return known and self.approximate in (None, approximate)

    def _methods(self) -> Iterable[Callable[..., Any]]:
        have = vars(torch._C.TensorBase)
        return (f for f in (*self.functions, *self.in_place) if f in have.values())

    @property
    def words(self) -> frozenset[str]:
        """Names under which code may speak of it."""
        named = {f.__name__ for f in (*self.functions, *self.in_place)}
        return frozenset(named | {self.module.__name__})


def wants_in_place(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> bool:
    """Whether a call says ``inplace=True``, by name or by position.

    Example:
        >>> wants_in_place(functional.relu, (None, True), {})
        True
        >>> wants_in_place(torch.relu, (None,), {})
        False
    """
    if "inplace" in kwargs:
        return bool(kwargs["inplace"])
    place = _INPLACE_AT.get(function)
    return place is not None and len(args) > place and bool(args[place])


def sources(names: Iterable[str]) -> tuple[Source, ...]:
    """The rows of the given names.

    Raises:
        UnknownNameError: If torch has no activation of that name.
    """
    found = []
    for name in names:
        key = ALIASES.get(name.strip(), name.strip())
        if key not in SOURCES:
            raise UnknownNameError("activation of torch", name.strip(), list(SOURCES))
        found.append(SOURCES[key])
    return tuple(dict.fromkeys(found))


def spelled(function: object) -> str:
    """``F.relu``, ``torch.relu`` or ``Tensor.relu``."""
    if isinstance(function, str):
        return f"Tensor.{function}"
    name = getattr(function, "__name__", str(function))
    if getattr(torch, name, None) is function:
        return f"torch.{name}"
    return f"F.{name}" if getattr(functional, name, None) is function else f"Tensor.{name}"


_ROWS = (
    Source("relu", nn.ReLU, (functional.relu, torch.relu, Tensor.relu),
           (torch.relu_, Tensor.relu_)),
    Source("relu6", nn.ReLU6, (functional.relu6,)),
    Source("leaky_relu", nn.LeakyReLU, (functional.leaky_relu,), (functional.leaky_relu_,)),
    Source("swish", nn.SiLU, (functional.silu,)),
    Source("hard_swish", nn.Hardswish, (functional.hardswish,)),
    Source("gelu", nn.GELU, (functional.gelu,), approximate="none"),
    Source("gelu_tanh", nn.GELU, (functional.gelu,), approximate="tanh"),
    Source("mish", nn.Mish, (functional.mish,)),
    Source("elu", nn.ELU, (functional.elu,), (functional.elu_,)),
    Source("celu", nn.CELU, (functional.celu, torch.celu), (torch.celu_,)),
    Source("selu", nn.SELU, (functional.selu, torch.selu), (torch.selu_,)),
    Source("softplus", nn.Softplus, (functional.softplus,)),
    Source("tanh", nn.Tanh, (functional.tanh, torch.tanh, Tensor.tanh),
           (torch.tanh_, Tensor.tanh_)),
    Source("sigmoid", nn.Sigmoid, (functional.sigmoid, torch.sigmoid, Tensor.sigmoid),
           (torch.sigmoid_, Tensor.sigmoid_)),
)  # fmt: skip
SOURCES: dict[str, Source] = {row.name: row for row in _ROWS}


def _inplace_places() -> dict[Callable[..., Any], int]:
    places: dict[Callable[..., Any], int] = {}
    for function in {f for row in _ROWS for f in row.functions if inspect.isfunction(f)}:
        names = list(inspect.signature(function).parameters)
        if "inplace" in names:
            places[function] = names.index("inplace")
    return places


_INPLACE_AT = _inplace_places()
