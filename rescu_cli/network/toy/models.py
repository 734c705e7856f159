"""The table of toy models: plain modules of torch, small enough to train many of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Generator, nn

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.network.toy.examples import Examples

MakeActivation = Callable[[], nn.Module]
RELU_GAIN = sqrt(2.0)


@dataclass(frozen=True)
class Toy:
    """One toy model.

    Args:
        build: (examples, hidden widths, what makes an activation) ↦ a module from flat features
            (batch, n_features) to logits (batch, n_classes). Layers that count are named
            ``hidden0``, ``act0``, ``hidden1``, ``act1``, …, ``readout``.
        hidden: Widths, or channels, unless asked otherwise.
        summary: For the help.
    """

    build: Callable[[Examples, Sequence[int], MakeActivation], nn.Sequential]
    hidden: tuple[int, ...]
    summary: str


def mlp(examples: Examples, hidden: Sequence[int], activation: MakeActivation) -> nn.Sequential:
    """Dense layers: n_features – hidden – … – n_classes."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    n_in = examples.n_features
    for number, n_out in enumerate(hidden):
        layers[f"hidden{number}"] = nn.Linear(n_in, n_out)
        layers[f"act{number}"] = activation()
        n_in = n_out
    layers["readout"] = nn.Linear(n_in, examples.n_classes)
    return nn.Sequential(layers)


def cnn(examples: Examples, hidden: Sequence[int], activation: MakeActivation) -> nn.Sequential:
    """Convolutions with a kernel of 3, every one after the first with stride 2, then a dense layer.

    Raises:
        UsageError: If the data are a table.
    """
    if len(examples.shape) not in (2, 3):
        raise UsageError(
            f"The model 'cnn' needs images or signals; {examples.name!r} is a table. Use "
            "'--model mlp', or data such as digits and mnist1d."
        )
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["shape"] = nn.Unflatten(1, tuple(examples.shape))
    convolution = nn.Conv2d if len(examples.shape) == 3 else nn.Conv1d
    channels, *size = examples.shape
    for number, n_out in enumerate(hidden):
        stride = 1 if number == 0 else 2
        layers[f"hidden{number}"] = convolution(channels, n_out, 3, stride=stride, padding=1)
        layers[f"act{number}"] = activation()
        channels, size = n_out, [(n - 1) // stride + 1 for n in size]
    layers["flat"] = nn.Flatten()
    layers["readout"] = nn.Linear(channels * prod(size), examples.n_classes)
    return nn.Sequential(layers)


TOYS: dict[str, Toy] = {
    "mlp": Toy(mlp, (128, 64), "dense layers"),
    "cnn": Toy(cnn, (8, 16), "convolutions in one or two dimensions"),
}


def build_toy(
    name: str,
    examples: Examples,
    activation: MakeActivation,
    seed: int,
    *,
    hidden: Sequence[int] | None = None,
    gain: float = RELU_GAIN,
) -> nn.Sequential:
    """A model of the table with fresh weights, a function of the seed alone.

    Weights of layers before an activation are N(0, (gain/√fan_in)²), the readout's N(0, 1/fan_in),
    biases 0.

    Args:
        name: In `TOYS`.
        examples: For the shapes; a classification without categorical columns.
        activation: Makes a layer.
        seed: Of the weights.
        hidden: Widths, or channels; the table's if None.
        gain: Of the initialisation; √2 preserves the variance under ReLU.

    Raises:
        UnknownNameError: If the table has no such name.
        UsageError: If the data do not suit the model.
    """
    if name not in TOYS:
        raise UnknownNameError("model", name, sorted(TOYS))
    if examples.task != "classification" or examples.cardinalities:
        raise UsageError(
            f"{examples.name!r} cannot be used here: a classification of numeric features is "
            "needed, such as digits, mnist1d or breast_cancer."
        )
    widths = TOYS[name].hidden if hidden is None else tuple(hidden)
    if not widths or min(widths) < 1:
        raise UsageError(f"Hidden widths {widths} asked; at least one layer of at least 1 unit.")
    model = TOYS[name].build(examples, widths, activation)
    generator = Generator().manual_seed(seed)
    with torch.no_grad():
        for key, layer in model.named_children():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
                fan_in = layer.weight[0].numel()
                scale = (1.0 if key == "readout" else gain) / sqrt(fan_in)
                layer.weight.normal_(0.0, scale, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    return model
