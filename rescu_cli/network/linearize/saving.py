"""A student as files: its masks and weights as arrays, and plain layers of torch."""

from __future__ import annotations

from collections import OrderedDict
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rescu_cli.core.files import write_atomically
from rescu_cli.network.linearize.gates import Gate
from rescu_cli.network.linearize.student import Student


def plain_layers(student: Student) -> nn.Sequential | None:
    """The same function out of layers of ``torch.nn`` alone; None with parabolas.

    A layer that keeps all its ReLUs is a ReLU and one that keeps none the identity. In between it
    is a PReLU, with the slope 0 where a ReLU is kept and 1 elsewhere.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in student.model.named_children():
        if not isinstance(layer, Gate):
            layers[name] = layer
            continue
        if not bool(layer.keep.all()) and not isinstance(layer.replacement, nn.Identity):
            return None
        layers[name] = _plain(layer)
    return nn.Sequential(layers)


def _plain(gate: Gate) -> nn.Module:
    if bool(gate.keep.all()):
        return nn.ReLU()
    if not bool(gate.keep.any()):
        return nn.Identity()
    slopes = nn.PReLU(gate.keep.numel())
    with torch.no_grad():
        slopes.weight.copy_((~gate.keep).flatten())
    if gate.keep.numel() < prod(gate.size) or len(gate.size) == 1:
        return slopes  # one per channel, as PReLU has them
    return nn.Sequential(nn.Flatten(), slopes, nn.Unflatten(1, gate.size))


def save_student(student: Student, path: Path) -> dict[str, str | None]:
    """Write ``path``.npz and, if there are no parabolas, ``path``.pt.

    The arrays are ``act0.keep`` (True where a ReLU is kept), ``act0.replacement.p0``, … (the
    parabolas), ``hidden0.weight``, ``hidden0.bias``, … The module is read by `load_model`, and so
    by commands that take a network: ``net relus`` counts what was kept. ``net regions`` takes it
    where each layer keeps all its ReLUs or none, such as with a budget of 0; it knows no PReLU.

    Args:
        student: With its masks set.
        path: Without an ending; dots in it are no endings.

    Returns:
        ``arrays`` and ``module``: the files, the second None with parabolas.

    Raises:
        StoreError: If one cannot be written.
    """
    arrays = path.with_name(f"{path.name}.npz")
    content = BytesIO()
    state = {name: value.detach().numpy() for name, value in student.model.state_dict().items()}
    np.savez_compressed(content, **state)
    write_atomically(arrays, content.getvalue())
    plain = plain_layers(student)
    if plain is None:
        return {"arrays": str(arrays), "module": None}
    module = path.with_name(f"{path.name}.pt")
    content = BytesIO()
    torch.save(plain.eval(), content)
    write_atomically(module, content.getvalue())
    return {"arrays": str(arrays), "module": str(module)}
