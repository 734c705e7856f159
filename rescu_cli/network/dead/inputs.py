"""The inputs on which units are counted: a user's array, or a data set in the shape that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rescu_cli.core.files import read_arrays
from rescu_cli.errors import UsageError
from rescu_cli.network.dead.measure import as_input, evaluating


def read_inputs(path: Path) -> NDArray[Any]:
    """The array ``x`` (N, …) of an ``.npz``, as it is: nothing is scaled or split.

    Raises:
        StoreError: If there is no such file.
        UsageError: If it is no archive of plain arrays, has no x, or x does not hold numbers.
    """
    arrays = read_arrays(path, "an array x of shape (N, …)")
    if "x" not in arrays:
        held = ", ".join(f"{n} {a.shape}" for n, a in arrays.items()) or "no named arrays"
        raise UsageError(f"{path} should hold an array x of shape (N, …); it has {held}.")
    if arrays["x"].dtype.kind not in "fiu":
        raise UsageError(f"{path}: x holds {arrays['x'].dtype}, not numbers.")
    return arrays["x"]


def fitting(
    model: nn.Module, x: NDArray[Any], shape: tuple[int, ...]
) -> tuple[NDArray[Any], str | None]:
    """The inputs as the model takes them: rows of features, or images and signals.

    Args:
        model: Tried on the first inputs.
        x: Features (N, n_features).
        shape: Of one input as an image or a signal; empty for a table.

    Returns:
        The inputs, and a sentence if they had to be reshaped.
    """
    # A convolution takes (channels, length) for one input without a batch; as many rows as it has
    # channels would pass for that.
    n_rows = 3 if shape and shape[0] == 2 else 2
    rows = np.resize(x, (n_rows, *x.shape[1:]))
    if not shape or _runs(model, rows):
        return x, None
    reshaped = x.reshape(len(x), *shape)
    if not _runs(model, rows.reshape(n_rows, *shape)):
        return x, None  # running it says why, with the shape that was given
    size = "x".join(map(str, shape))
    return reshaped, f"The model takes inputs of {size}; the rows of the data were reshaped."


def _runs(model: nn.Module, x: NDArray[Any]) -> bool:
    with evaluating(model), torch.no_grad():
        try:
            model(as_input(model, x))
        except Exception:  # noqa: BLE001  # reason: a user's forward may raise anything
            return False
    return True
