"""Small convolutional networks: strided convolutions of three places, no pooling.

Each layer halves the image, or the signal; the widths are the channels. The output layer sees all
places and channels of the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rescu_cli.errors import UsageError
from rescu_cli.experiment.models.network import Layer, Plan
from rescu_cli.experiment.models.stages import Window

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset

KERNEL, STRIDE, PADDING = 3, 2, 1


def plan(dataset: Dataset, hidden: Sequence[int]) -> Plan:
    """Convolutions with the given channels.

    Raises:
        UsageError: If the data have no shape, or are smaller than the layers need.
    """
    if not dataset.shape or dataset.cardinalities:
        raise UsageError(
            f"The model 'cnn' needs images or signals; {dataset.name!r} is a table. Use "
            "'--model mlp', or data such as digits and mnist1d."
        )
    channels, *size = dataset.shape
    height, width = size if len(size) == 2 else (1, *size)
    # Features come channel by channel; the layers want the channels of a place together.
    order = np.arange(channels * height * width).reshape(channels, height, width)
    layers: list[Layer] = []
    for n_out in hidden:
        if max(height, width) < 2:
            raise UsageError(
                f"{len(hidden)} convolutions shrink {dataset.shape} below one place; use "
                f"'--depth {len(layers)}' at most."
            )
        tall = height > 1
        window = Window(
            height=height,
            width=width,
            channels=channels,
            kernel=(KERNEL if tall else 1, KERNEL),
            stride=(STRIDE if tall else 1, STRIDE),
            padding=(PADDING if tall else 0, PADDING),
        )
        layers.append(Layer(window.kernel[0] * KERNEL * channels, n_out, window))
        height, width, channels = window.n_rows, window.n_columns, n_out
    return Plan(
        layers=tuple(layers),
        n_read=height * width * channels,
        n_outputs=dataset.n_classes,
        order=tuple(order.transpose(1, 2, 0).ravel().tolist()),
    )
