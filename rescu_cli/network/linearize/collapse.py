"""The affine map that a network without ReLUs is, composed layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rescu_cli.errors import UnsupportedError
from rescu_cli.network.linearize.gates import Gate

Floats = NDArray[np.float64]


def collapse(model: nn.Sequential, n_features: int) -> tuple[Floats, Floats]:
    """W and b with model(x) = Wx + b for all x, in float64.

    Each layer's own matrix and bias are multiplied; nothing is fitted to outputs of the network.

    Args:
        model: A toy model whose gates keep no ReLU and replace it by the identity.
        n_features: Of the input.

    Returns:
        W of shape (n_classes, n_features), b of shape (n_classes,).

    Raises:
        UnsupportedError: If a ReLU or a parabola is left, or a layer is of another kind.
    """
    matrix, offset = torch.eye(n_features, dtype=torch.float64), None
    for name, layer in model.named_children():
        if isinstance(layer, Gate):
            if layer.n_kept or not isinstance(layer.replacement, nn.Identity):
                raise UnsupportedError(f"{name} is not affine: it keeps {layer.n_kept} ReLUs and "
                                       f"puts {layer.replacement} elsewhere.")  # fmt: skip
            continue
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            bias, layer = layer.bias, _without_bias(layer)
        elif isinstance(layer, nn.Flatten | nn.Unflatten):
            bias = None
        else:
            raise UnsupportedError(f"{name} is a {type(layer).__name__}, not known to be linear.")
        with torch.no_grad():
            matrix = layer(matrix)  # row i: what becomes of the i-th unit vector
            offset = torch.zeros_like(matrix[:1]) if offset is None else layer(offset)
            if bias is not None:
                offset = offset + bias.double().reshape(-1, *(1,) * (matrix.ndim - 2))
    if offset is None:
        offset = torch.zeros_like(matrix[:1])
    return matrix.T.numpy(), offset[0].numpy()


def _without_bias(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> nn.Module:
    if isinstance(layer, nn.Linear):
        bare: nn.Module = nn.Linear(layer.in_features, layer.out_features, bias=False)
    else:
        kind: Any = type(layer)  # of one and of two dimensions: their sizes have different types
        bare = kind(
            layer.in_channels, layer.out_channels, layer.kernel_size,
            stride=layer.stride, padding=layer.padding, bias=False,
        )  # fmt: skip
    bare = bare.to(torch.float64)
    with torch.no_grad():
        bare.weight.copy_(layer.weight)  # type: ignore[operator]
    return bare
