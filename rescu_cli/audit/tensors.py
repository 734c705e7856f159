"""Adaptors for torch and JAX, imported when one is made, never before."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from rescu_cli.audit.adaptor import AbstractFramework, Array, Layout, laid_out
from rescu_cli.audit.bind import Bound
from rescu_cli.audit.errors import CutOffError


class TorchFramework(AbstractFramework):
    """Tensors on the CPU; gradients by autograd."""

    name, native = "torch", "float32"
    formats = ("float16", "bfloat16", "float32", "float64")
    differentiable = True
    layouts = ("contiguous", "strided", "transposed", "expanded")

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound)
        import torch

        self._torch = torch
        self._copies: dict[str, Any] = {}

    def function(self, kind: str) -> Callable[[Any], Any]:
        owner = self.bound.owner
        if owner is None or not any(True for _ in owner.parameters()):
            return self.bound.function
        if kind not in self._copies:  # as module.half() would: its parameters in the same format
            self._copies[kind] = copy.deepcopy(owner).to(getattr(self._torch, kind))
        module: Callable[[Any], Any] = self._copies[kind]
        return module

    def array(self, points: Array, kind: str, layout: Layout = "contiguous") -> Any:
        x = self._torch.from_numpy(points.copy()).to(getattr(self._torch, kind))
        return laid_out(x, layout)

    def read(self, result: Any) -> Array | None:
        if not isinstance(result, self._torch.Tensor) or result.is_complex():
            return None
        # A copy: a result that shares its input's memory must not change with it.
        found: Array = result.detach().double().cpu().numpy().copy()
        return found

    def dtype(self, result: Any) -> str:
        return str(result.dtype).removeprefix("torch.")

    def gradient(self, x: Any, kind: str) -> Array:
        x = x.detach().requires_grad_()
        try:
            y = self.function(kind)(x)
        except RuntimeError as error:
            if "in-place" not in str(error):
                raise
            y = self.function(kind)(x.clone())  # autograd refuses to overwrite a leaf
        if not y.requires_grad:
            raise CutOffError(
                "it cannot be differentiated: its result is cut off from its input (no autograd)"
            )
        (slope,) = self._torch.autograd.grad(y, x, self._torch.ones_like(y))
        found: Array = slope.detach().double().numpy().copy()
        return found

    def graph(self, x: Any, kind: str) -> frozenset[str]:
        """Names of the steps that autograd recorded."""
        y = self.function(kind)(x.detach().requires_grad_())
        steps, names = [y.grad_fn], set()
        while steps:
            step = steps.pop()
            if step is not None:
                names.add(type(step).__name__)
                steps += [s for s, _ in step.next_functions]
        return frozenset(names)


class JaxFramework(AbstractFramework):
    """Arrays of JAX in its default precision (no float64); gradients by reverse mode.

    Every operation compiles anew for every shape, so the large grids go through ``jax.jit``, which
    compiles once. What must see the Python code run each time (repeats, batches) is smaller.
    """

    name, formats, native = "jax", ("float16", "bfloat16", "float32"), "float32"
    differentiable = compiles = True
    _LARGE = 5000

    def __init__(self, bound: Bound) -> None:
        super().__init__(bound)
        import jax

        self._jax = jax
        self._compiled: dict[str, Any] = {
            "value": jax.jit(bound.function),
            "gradient": jax.jit(self._pulled_back),
        }

    def function(self, kind: str) -> Callable[[Any], Any]:
        return lambda x: self._run("value", self.bound.function, x)

    def gradient(self, x: Any, kind: str) -> Array:
        slope = self._run("gradient", self._pulled_back, x)
        return np.asarray(slope.astype("float32")).astype(np.float64)

    def _pulled_back(self, x: Any) -> Any:
        y, pull_back = self._jax.vjp(self.bound.function, x)
        (slope,) = pull_back(self._jax.numpy.ones_like(y))
        return slope

    def _run(self, what: str, plain: Callable[[Any], Any], x: Any) -> Any:
        if x.size > self._LARGE and what in self._compiled:
            try:
                return self._compiled[what](x)
            except Exception:  # noqa: BLE001  # reason: code that cannot be traced still runs plainly
                del self._compiled[what]
        return plain(x)

    def array(self, points: Array, kind: str, layout: Layout = "contiguous") -> Any:
        return self._jax.numpy.asarray(points.astype(np.float32)).astype(kind)

    def read(self, result: Any) -> Array | None:
        if not isinstance(result, self._jax.Array | np.ndarray):
            return None
        return np.asarray(result.astype("float32")).astype(np.float64)

    def dtype(self, result: Any) -> str:
        return str(result.dtype)
