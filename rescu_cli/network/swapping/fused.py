"""torch's own layers that apply an activation inside: what can be set, and what cannot."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn import functional

from rescu_cli.network.swapping.sources import Source

LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
"""Layers with an attribute ``activation``."""


def set_activation(layer: nn.Module, new: nn.Module) -> None:
    """Put an activation into a transformer layer."""
    layer.activation = new


def release_fast_path(module: nn.Module) -> None:
    """Keep a transformer from computing ReLU or GELU in its fused kernel after an exchange.

    In eval mode without gradients an encoder layer goes by ``activation_relu_or_gelu``, which its
    constructor sets, and never looks at ``activation`` again; the encoder around it decides by its
    first layer whether to hand over nested tensors, which only the fused kernel takes.
    """
    if isinstance(module, nn.TransformerEncoderLayer):
        if fused_instead(module):
            module.activation_relu_or_gelu = 0
    elif isinstance(module, nn.TransformerEncoder):
        layers = [m for m in module.layers if isinstance(m, nn.TransformerEncoderLayer)]
        if any(not m.activation_relu_or_gelu for m in layers):
            module.use_nested_tensor = False


def fused_instead(module: nn.Module) -> str | None:
    """What a layer's fused kernel computes, if that is not the layer's activation."""
    if not isinstance(module, nn.TransformerEncoderLayer):
        return None
    held, flag = module.activation, module.activation_relu_or_gelu
    if flag == 1 and not (held is functional.relu or isinstance(held, nn.ReLU)):
        return "relu"
    if flag == 2 and not (held is functional.gelu or isinstance(held, nn.GELU)):
        return "gelu"
    return None


def fused_reason(module: nn.Module, asked: Sequence[Source]) -> str | None:
    """Why an activation inside one of torch's own layers cannot be exchanged, or None."""
    names = {s.name for s in asked}
    title = type(module).__name__
    if isinstance(module, nn.RNN | nn.RNNCell):
        if module.nonlinearity in names:
            return f"{module.nonlinearity} inside torch's {title} kernel"
        return None
    if isinstance(module, nn.LSTM | nn.GRU | nn.LSTMCell | nn.GRUCell):
        gates = names & {"tanh", "sigmoid"}
        return f"{' and '.join(sorted(gates))} inside torch's {title} kernel" if gates else None
    owner = type(module).__module__
    quantized = owner.startswith("torch.ao") and ".quantized" in owner
    if quantized and any(s.module.__name__ in title for s in asked):
        return "fused into a quantized layer; swap before quantizing"
    return None
