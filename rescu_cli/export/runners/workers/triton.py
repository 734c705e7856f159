"""Runs Triton artifacts by the interpreter, which computes with NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import triton

from rescu_cli.export.runners.workers.base import Array, Program, module_of


class TritonProgram:
    """Forward and backward of the autograd function, and the derivative."""

    def __init__(self, text: str, name: str, parameters: Mapping[str, float]) -> None:
        module = module_of(text, name)
        self._value = getattr(module, name)
        self._gradient = getattr(module, f"{name}_gradient")
        # As tensors, which hold every digit.
        self._numbers = [torch.tensor(v, dtype=torch.float64) for v in parameters.values()]
        self.tool = f"triton {triton.__version__} (interpreter)"

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Any]:
        x = torch.from_numpy(points.copy()).to(getattr(torch, kind))
        with np.errstate(all="ignore"):
            if what == "value":
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


def load(text: str, name: str, parameters: Mapping[str, float]) -> Program:
    """The artifact."""
    return TritonProgram(text, name, parameters)
