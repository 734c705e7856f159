"""Dead units of a network on a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rescu_cli.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from rescu_cli.network.dead.rates import DeadReport

PARTS = ("test", "train", "all")


def dead_units(
    network: str | nn.Module,
    data: str | NDArray[Any] | Tensor,
    *,
    part: str = "test",
    threshold: float = 0.0,
    saturation: float = 0.01,
    batch_size: int = 256,
    layers: Sequence[str] = (),
) -> DeadReport:
    """Static, dynamic and total rate of dead units at every activation of a network.

    Args:
        network: A module, or what names one: ``FILE.npz`` of weights, a saved module,
            ``path.py:name``.
        data: Inputs (N, …) as an array or a tensor, the path of an ``.npz`` with such an array
            ``x``, or a data set by name; its rows are reshaped if the network wants images or
            signals.
        part: Of a data set by name: ``test``, ``train`` or ``all``; files have no parts.
        threshold: A unit is off where the size of its output is at most this.
        saturation: A unit is saturated where |f′| is below this.
        batch_size: Inputs at once; the result does not depend on it, unless a note says so.
        layers: Modules to take for activations too, by name.

    Raises:
        UsageError: If the data do not fit, a number is not finite, or no activation is found.
        StoreError: If a file cannot be read.

    Example:
        >>> import numpy as np
        >>> import rescu_cli as rescu
        >>> from torch import nn
        >>> x = np.array([[1.0, -1.0], [-1.0, -1.0]])
        >>> found = rescu.dead_units(nn.Sequential(nn.ReLU()), x)
        >>> found.off.static, found.off.dynamic, found.off.total
        (0.5, 0.25, 0.75)
    """
    from rescu_cli.network import load_model
    from rescu_cli.network.dead.inputs import fitting
    from rescu_cli.network.dead.measure import dead_rates

    model = load_model(network) if isinstance(network, str) else network
    x, shape = _inputs(data, part)
    x, note = fitting(model, x, shape)
    found = dead_rates(
        model, x, threshold=threshold, tolerance=saturation, batch_size=batch_size, layers=layers
    )
    return found if note is None else replace(found, notes=(note, *found.notes))


def is_file(data: str) -> bool:
    """Whether inputs come from a file; it has no parts."""
    return data.lower().endswith(".npz")


def _array(data: Any) -> NDArray[Any]:
    import numpy as np
    import torch

    if isinstance(data, torch.Tensor):
        plain = data.detach().cpu()
        # numpy has no bfloat16
        return (plain.float() if plain.dtype == torch.bfloat16 else plain).numpy()
    try:
        return np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"Inputs should be an array (N, …) of numbers: {error}") from error


def _inputs(data: str | NDArray[Any] | Tensor, part: str) -> tuple[NDArray[Any], tuple[int, ...]]:
    """The inputs, and the shape of one as an image or a signal."""
    import numpy as np

    from rescu_cli.experiment.data import load_dataset
    from rescu_cli.network.dead.inputs import read_inputs

    if part not in PARTS:
        raise UnknownNameError("part of the data", part, PARTS)
    if not isinstance(data, str):
        return _array(data), ()
    if is_file(data):
        return read_inputs(Path(data)), ()
    found = load_dataset(data)
    parts = {"test": [found.x_test], "train": [found.x_train],
             "all": [found.x_train, found.x_test]}[part]  # fmt: skip
    return np.concatenate(parts), found.shape
