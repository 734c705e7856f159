"""The networks that papers on private inference count, built from the tables of their papers.

They are made on the meta device: shapes without numbers, whatever the size. Checks that are not our
own: the published numbers of parameters, see ``tests/network/test_relus.py``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from rescu_cli.errors import UnknownNameError, UsageError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Definition:
    """One network.

    Args:
        build: (channels, height, width), number of classes ↦ the network.
        multiple: Height and width must be multiples of it.
        classes: Usual number of classes.
        summary: What it is, with the paper's table.
    """

    build: Callable[[Shape, int], nn.Module]
    multiple: int
    classes: int
    summary: str


def build_known(name: str, shape: Shape, classes: int | None = None) -> nn.Module:
    """A network of the table for images of a shape, on the meta device.

    Args:
        name: In `KNOWN`.
        shape: (channels, height, width).
        classes: The table's if None.

    Raises:
        UnknownNameError: If the table has no such name.
        UsageError: If the network does not take the shape.
    """
    if name not in KNOWN:
        raise UnknownNameError("network", name, sorted(KNOWN))
    known = KNOWN[name]
    if len(shape) != 3 or min(shape) < 1 or any(n % known.multiple for n in shape[1:]):
        raise UsageError(
            f"{name} takes images, CHANNELSxHEIGHTxWIDTH with height and width multiples of "
            f"{known.multiple}; found {'x'.join(map(str, shape)) or 'nothing'}."
        )
    with torch.device("meta"):
        return known.build(shape, known.classes if classes is None else classes)


class BasicBlock(nn.Module):
    """conv–norm–ReLU–conv–norm, plus the input, then ReLU (He et al. 2016, figure 5 left)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(n_in, n_out, 3, stride), nn.BatchNorm2d(n_out)
        self.relu1 = nn.ReLU()
        self.conv2, self.norm2 = _conv(n_out, n_out, 3), nn.BatchNorm2d(n_out)
        self.relu2 = nn.ReLU()
        same = stride == 1 and n_in == n_out
        self.shortcut = nn.Identity() if same else nn.Sequential(
            _conv(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return self.relu2(inner + self.shortcut(x))


class WideBlock(nn.Module):
    """norm–ReLU–conv–norm–ReLU–conv, plus the input (Zagoruyko, Komodakis 2016).

    Where the shape changes, the shortcut is a 1×1 convolution of what the first ReLU gave.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(n_in), nn.ReLU()
        self.conv1 = _conv(n_in, n_out, 3, stride)
        self.norm2, self.relu2 = nn.BatchNorm2d(n_out), nn.ReLU()
        self.conv2 = _conv(n_out, n_out, 3)
        same = stride == 1 and n_in == n_out
        self.shortcut = None if same else _conv(n_in, n_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        first = self.relu1(self.norm1(x))
        inner = self.conv2(self.relu2(self.norm2(self.conv1(first))))
        return inner + (x if self.shortcut is None else self.shortcut(first))


def resnet(shape: Shape, classes: int, *, blocks: tuple[int, ...], small: bool) -> nn.Module:
    """He et al. 2016, table 1; for small images with a 3×3 stem of stride 1 and no pooling."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["stem_conv"] = _conv(shape[0], 64, 3) if small else _conv(shape[0], 64, 7, 2)
    layers["stem_norm"], layers["stem"] = nn.BatchNorm2d(64), nn.ReLU()
    if not small:
        layers["pool"] = nn.MaxPool2d(3, 2, 1)
    n_in = 64
    for number, depth in enumerate(blocks):
        n_out = 64 * 2**number
        stack: OrderedDict[str, nn.Module] = OrderedDict(
            (f"block{k + 1}", BasicBlock(n_in if k == 0 else n_out, n_out,
                                         2 if k == 0 and number else 1))
            for k in range(depth)
        )  # fmt: skip
        layers[f"S{number + 1}"] = nn.Sequential(stack)
        n_in = n_out
    return _with_head(layers, n_in, classes)


def wide_resnet(shape: Shape, classes: int, *, depth: int, widen: int) -> nn.Module:
    """Zagoruyko and Komodakis 2016, table 1: three stages of (depth − 4)/6 blocks."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(stem_conv=_conv(shape[0], 16, 3))
    n_in = 16
    for number in range(3):
        n_out = 16 * widen * 2**number
        stack: OrderedDict[str, nn.Module] = OrderedDict(
            (f"block{k + 1}", WideBlock(n_in if k == 0 else n_out, n_out,
                                        2 if k == 0 and number else 1))
            for k in range((depth - 4) // 6)
        )  # fmt: skip
        layers[f"S{number + 1}"] = nn.Sequential(stack)
        n_in = n_out
    layers["last_norm"], layers["last"] = nn.BatchNorm2d(n_in), nn.ReLU()
    return _with_head(layers, n_in, classes)


def vgg16(shape: Shape, classes: int, *, small: bool) -> nn.Module:
    """Simonyan and Zisserman 2015, configuration D.

    For small images with batch norm and one dense layer, as is usual there; else without norm and
    with the paper's three dense layers.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    n_in = shape[0]
    for number, (n_out, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        stack: OrderedDict[str, nn.Module] = OrderedDict()
        for k in range(depth):
            stack[f"conv{k + 1}"] = nn.Conv2d(n_in, n_out, 3, padding=1)
            if small:
                stack[f"norm{k + 1}"] = nn.BatchNorm2d(n_out)
            stack[f"relu{k + 1}"] = nn.ReLU()
            n_in = n_out
        stack["pool"] = nn.MaxPool2d(2)
        layers[f"S{number + 1}"] = nn.Sequential(stack)
    layers["flat"] = nn.Flatten()
    n_flat = 512 * (shape[1] // 32) * (shape[2] // 32)
    if small:
        layers["readout"] = nn.Linear(n_flat, classes)
    else:
        layers["head"] = nn.Sequential(
            nn.Linear(n_flat, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU()
        )
        layers["readout"] = nn.Linear(4096, classes)
    return nn.Sequential(layers)


def _conv(n_in: int, n_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def _with_head(layers: OrderedDict[str, nn.Module], n_in: int, classes: int) -> nn.Module:
    layers["mean"], layers["flat"] = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    layers["readout"] = nn.Linear(n_in, classes)
    return nn.Sequential(layers)


_R18, _R34 = (2, 2, 2, 2), (3, 4, 6, 3)
KNOWN: dict[str, Definition] = {
    "resnet18": Definition(partial(resnet, blocks=_R18, small=True), 8, 10,
                           "ResNet-18 with the 3×3 stem for small images"),
    "resnet34": Definition(partial(resnet, blocks=_R34, small=True), 8, 10,
                           "ResNet-34 with the 3×3 stem for small images"),
    "resnet18_imagenet": Definition(partial(resnet, blocks=_R18, small=False), 32, 1000,
                                    "ResNet-18 with the 7×7 stem and max-pooling"),
    "resnet34_imagenet": Definition(partial(resnet, blocks=_R34, small=False), 32, 1000,
                                    "ResNet-34 with the 7×7 stem and max-pooling"),
    "wrn22_8": Definition(partial(wide_resnet, depth=22, widen=8), 4, 10,
                          "wide ResNet, 22 layers, 8 times as wide"),
    "vgg16": Definition(partial(vgg16, small=True), 32, 10,
                        "VGG-16 with batch norm and one dense layer, for small images"),
    "vgg16_imagenet": Definition(partial(vgg16, small=False), 32, 1000,
                                 "VGG-16 with three dense layers, without norm"),
}  # fmt: skip
