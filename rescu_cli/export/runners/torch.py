"""PyTorch artifacts: plain functions, and autograd with and without a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rescu_cli.core.reference import What
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load
from rescu_cli.export.runners.base import Array, Runner


class TorchRunner(Runner):
    """Every function of the text, and the backward pass with and without a graph."""

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        self._module, self._name, self._parameters = load(artifact), artifact.name, parameters
        import torch

        super().__init__(f"torch {torch.__version__}")
        self._torch = torch

    def __call__(self, points: Array, kind: str, what: What) -> dict[str, Array]:
        def fresh() -> Any:
            return self._torch.from_numpy(points.copy()).to(getattr(self._torch, kind))

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

    def _function(self, suffix: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._module, self._name + suffix)
        return found

    def _plain(self, suffix: str, x: Any) -> Array:
        return _array(self._function(suffix)(x, **self._parameters))

    def _backward(self, x: Any, *, again: bool) -> Array:
        """By the backward pass; with a graph for second derivatives, other code runs."""
        x = x.requires_grad_()
        result = self._function("")(x, **self._parameters)
        upstream = self._torch.ones_like(x)
        (gradient,) = self._torch.autograd.grad(result, x, upstream, create_graph=again)
        return _array(gradient)


def _array(tensor: Any) -> Array:
    found: Array = tensor.detach().double().numpy()
    return found


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return TorchRunner(artifact, parameters)
