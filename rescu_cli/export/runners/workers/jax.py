"""Runs JAX artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rescu_cli.export.runners.base import slope_of
from rescu_cli.export.runners.workers.base import Array, Program, module_of, padded


class JaxProgram:
    """The functions of the text and the transformations of JAX."""

    def __init__(self, text: str, name: str, parameters: Mapping[str, float]) -> None:
        module = module_of(text, name)
        value, gradient = getattr(module, name), getattr(module, f"{name}_gradient")
        # As inputs, not as constants that the compiler may fold.
        self._numbers = list(parameters.values())
        self.tool = f"jax {jax.__version__}"

        def backward(x: Any, *numbers: Any) -> Any:
            result, pull = jax.vjp(lambda u: value(u, *numbers), x)
            return pull(jnp.ones_like(result))[0]

        def forward(x: Any, *numbers: Any) -> Any:
            return jax.jvp(lambda u: value(u, *numbers), (x,), (jnp.ones_like(x),))[1]

        mapped = (0, *(None for _ in parameters))
        slopes = {
            slope_of(parameter): jax.vmap(jax.grad(value, argnums=1 + k), mapped)
            for k, parameter in enumerate(parameters)
        }
        self._ways: dict[str, dict[str, Callable[..., Any]]] = {
            "value": {
                "function": value,
                "jit": jax.jit(value),
                "vmap": jax.jit(jax.vmap(value, mapped)),
            },
            "gradient": {
                "gradient": gradient,
                "jit of gradient": jax.jit(gradient),
                "backward": backward,
                "jit of forward": jax.jit(forward),
                "jit of grad": jax.jit(jax.vmap(jax.grad(value), mapped)),
            },
            **{what: {"grad": f, "jit of grad": jax.jit(f)} for what, f in slopes.items()},
        }

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Any]:
        jax.config.update("jax_enable_x64", kind == "float64")
        with np.errstate(over="ignore"):
            x = padded(points).astype(getattr(jnp, kind).dtype)
        return {
            way: np.asarray(function(jnp.asarray(x), *self._numbers)).astype(np.float64)
            for way, function in self._ways[what].items()
        }


def load(text: str, name: str, parameters: Mapping[str, float]) -> Program:
    """The artifact."""
    return JaxProgram(text, name, parameters)
