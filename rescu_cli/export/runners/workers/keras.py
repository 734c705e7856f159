"""Runs Keras artifacts on the backend that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import keras
import numpy as np

from rescu_cli.export.naming import class_name
from rescu_cli.export.runners.base import parameter_of
from rescu_cli.export.runners.workers.base import Array, Program, module_of, padded


class KerasProgram:
    """The function, the layer, and the backward pass of the backend."""

    def __init__(self, text: str, name: str, parameters: Mapping[str, float]) -> None:
        module = module_of(text, name)
        self._value = getattr(module, name)
        self._gradient = getattr(module, f"{name}_gradient")
        self._layer = getattr(module, class_name(name))
        self._parameters = parameters
        self._backend = keras.backend.backend()
        self._framework = import_module(self._backend)
        version = self._framework.__version__
        self.tool = f"keras {keras.__version__} on {self._backend} {version}"

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Any]:
        parameter = parameter_of(what)
        if parameter is not None:
            ways = self._slopes(points, kind, parameter)
        else:
            ways = self._values(points, kind) if what == "value" else self._gradients(points, kind)
        return {
            way: keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")).astype(np.float64)
            for way, found in ways.items()
        }

    def _values(self, points: Array, kind: str) -> dict[str, Any]:
        x, numbers = self._tensor(points, kind), self._parameters
        found = {
            "function": self._value(x, **numbers),
            "layer": self._layer(**numbers, dtype=kind)(x),
        }
        if self._backend == "jax":
            found["jit"] = self._framework.jit(self._value)(x, **numbers)
        return found

    def _gradients(self, points: Array, kind: str) -> dict[str, Any]:
        x, numbers = self._tensor(points, kind), self._parameters
        found = {"gradient": self._gradient(x, **numbers)}
        if self._backend == "torch":
            x = x.requires_grad_()
            result = self._value(x, **numbers)
            found["backward"] = self._framework.autograd.grad(result.sum(), x)[0]
        else:
            slope = self._framework.vmap(self._framework.grad(lambda u: self._value(u, **numbers)))
            found |= {"backward": slope(x), "jit of backward": self._framework.jit(slope)(x)}
        return found

    def _slopes(self, points: Array, kind: str, parameter: str) -> dict[str, Any]:
        """By the backward pass, with a parameter of its own for each x."""
        x, number = self._tensor(points, kind), self._parameters[parameter]

        def value(own: Any, u: Any) -> Any:
            return self._value(u, **{**self._parameters, parameter: own})

        own = keras.ops.full_like(x, number)
        if self._backend == "torch":
            own = own.requires_grad_()
            return {"backward": self._framework.autograd.grad(value(own, x).sum(), own)[0]}
        return {"backward": self._framework.vmap(self._framework.grad(value))(own, x)}

    def _tensor(self, points: Array, kind: str) -> Any:
        with np.errstate(over="ignore"):
            # Not every backend takes bfloat16 arrays; all 16-bit numbers are float32 ones.
            held = padded(points).astype(np.float32)
        return keras.ops.cast(keras.ops.convert_to_tensor(held), kind)


def load(text: str, name: str, parameters: Mapping[str, float]) -> Program:
    """The artifact."""
    return KerasProgram(text, name, parameters)
