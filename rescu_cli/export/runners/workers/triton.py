"""Runs Triton artifacts by the interpreter, which computes with NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import triton

from rescu_cli.export.runners.base import slope_of
from rescu_cli.export.runners.workers.base import Array, Program, module_of


class TritonProgram:
    """Forward and backward of the autograd function, and the derivative."""

    def __init__(self, text: str, name: str, parameters: Mapping[str, float]) -> None:
        module = module_of(text, name)
        self._value = getattr(module, name)
        self._gradient = getattr(module, f"{name}_gradient")
        # As tensors, which hold every digit.
        self._numbers = [torch.tensor(v, dtype=torch.float64) for v in parameters.values()]
        self._slopes = {slope_of(p): k for k, p in enumerate(parameters)}
        self.tool = f"triton {triton.__version__} (interpreter)"

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Any]:
        x = torch.from_numpy(points.copy()).to(getattr(torch, kind))
        with np.errstate(all="ignore"):
            if what in self._slopes:
                found = {"backward": self._slope(x, self._slopes[what])}
            elif what == "value":
                found = {"forward": self._value(x, *self._numbers)}
            else:
                x.requires_grad_()
                result = self._value(x, *self._numbers)
                (backward,) = torch.autograd.grad(result, x, torch.ones_like(x))
                found = {
                    "gradient": self._gradient(x.detach(), *self._numbers),
                    "backward": backward,
                }
        return {way: tensor.detach().double().numpy() for way, tensor in found.items()}

    def _slope(self, x: Any, k: int) -> Any:
        """By the backward pass, with a parameter of its own for each x."""
        numbers: list[Any] = list(self._numbers)
        numbers[k] = numbers[k].expand(x.shape).clone().requires_grad_()
        (found,) = torch.autograd.grad(self._value(x, *numbers), numbers[k], torch.ones_like(x))
        return found


def load(text: str, name: str, parameters: Mapping[str, float]) -> Program:
    """The artifact."""
    return TritonProgram(text, name, parameters)
