"""PyTorch artifacts: plain functions, autograd, torch.compile, torch.export, autocast."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rescu_cli.errors import InternalError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load
from rescu_cli.export.naming import class_name
from rescu_cli.export.runners.base import Array, Runner, parameter_of


class TorchRunner(Runner):
    """Every function of the text, and the backward pass with and without a graph."""

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        self._module, self._name, self._parameters = load(artifact), artifact.name, parameters
        import torch

        super().__init__(f"torch {torch.__version__}")
        self._torch = torch

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        def fresh() -> Any:
            return self._torch.from_numpy(points.copy()).to(getattr(self._torch, kind))

        parameter = parameter_of(what)
        if parameter is not None:
            return {"backward": self._slope(fresh(), parameter)}
        both = self._function("_value_and_gradient")(fresh(), **self._parameters)
        if what == "value":
            return {
                "value": self._plain("_value", fresh()),
                "value_and_gradient": _array(both[0]),
                "function": self._plain("", fresh()),
            }
        return {
            "gradient": self._plain("_gradient", fresh()),
            "value_and_gradient": _array(both[1]),
            "backward": self._backward(fresh(), again=False),
            "backward with graph": self._backward(fresh(), again=True),
        }

    def slow_ways(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        """Compiled, exported, under autocast: the module and the function."""
        if parameter_of(what) is not None:
            return {}
        with _environment_kept():
            return self._compiled_and_exported(points, kind, what)

    def _compiled_and_exported(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        torch = self._torch
        torch.compiler.reset()  # it counts recompilations of equal texts, and gives up at eight
        x = torch.from_numpy(points.copy()).to(getattr(torch, kind))
        if what == "gradient":
            compiled = torch.compile(self._function(""), fullgraph=True, dynamic=False)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                under = self._backward(x.clone(), again=False)
            return {
                "compiled backward": self._backward(x.clone(), again=False, function=compiled),
                "autocast backward": under,
            }
        compiled = torch.compile(self._function("_value"), fullgraph=True, dynamic=False)
        module = self._made()
        exported = torch.export.export(module, (x,)).module()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            under = self._function("")(x, **self._parameters)
        if under.dtype != x.dtype:
            raise InternalError(f"Under autocast, {x.dtype} became {under.dtype}.")
        return {
            "compiled": _array(compiled(x, **self._parameters)),
            "module": _array(module(x)),
            "exported": _array(exported(x)),
            "autocast": _array(under),
        }

    def _made(self) -> Any:
        """The module of the artifact with the parameters."""
        return getattr(self._module, class_name(self._name))(**self._parameters)

    def _function(self, suffix: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._module, self._name + suffix)
        return found

    def _plain(self, suffix: str, x: Any) -> Array:
        return _array(self._function(suffix)(x, **self._parameters))

    def _backward(self, x: Any, *, again: bool, function: Any = None) -> Array:
        """By the backward pass; with a graph for second derivatives, other code runs."""
        x = x.requires_grad_()
        result = (function or self._function(""))(x, **self._parameters)
        upstream = self._torch.ones_like(x)
        (gradient,) = self._torch.autograd.grad(result, x, upstream, create_graph=again)
        return _array(gradient)

    def _slope(self, x: Any, parameter: str) -> Array:
        """By the backward pass, with a parameter of its own for each x."""
        torch = self._torch
        own = torch.full_like(x, self._parameters[parameter], requires_grad=True)
        result = self._function("")(x, **{**self._parameters, parameter: own})
        (gradient,) = torch.autograd.grad(result, own, torch.ones_like(x))
        return _array(gradient)


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Torch's compiler leaves its folders in the environment, for any child of the caller."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]


def _array(tensor: Any) -> Array:
    found: Array = tensor.detach().double().numpy()
    return found


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return TorchRunner(artifact, parameters)
