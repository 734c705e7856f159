"""The code under check: an artifact run on bit patterns, in each way in which it computes.

For torch these are the fast functions, value and gradient together and apart, and the
differentiable function with its backward pass, with and without a graph for second derivatives.
In float32, with its 2^32 inputs, those that run the same statements once more are left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.reference import What
from rescu_cli.errors import UnknownNameError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load
from rescu_cli.export.machine.order import floats
from rescu_cli.export.targets import TARGETS

Found = dict[What, dict[str, npt.NDArray[Any]]]
Subject = Callable[[npt.NDArray[Any]], Found]
"""Bit patterns → for each quantity, by way of computing it, float32 (float64 for float64)."""


def subject(artifact: Artifact, kind: FloatFormat, parameters: Mapping[str, float]) -> Subject:
    """What runs the artifact in a format.

    Args:
        artifact: Of a target that computes with arrays.
        kind: Format of inputs and results.
        parameters: A number for each argument of the text.

    Raises:
        UnknownNameError: If the target does not know the format, or is not run here.
        MissingDependencyError: If the target's framework is not installed.
    """
    if artifact.target not in _SUBJECTS:
        raise UnknownNameError("target that runs on arrays", artifact.target, _SUBJECTS)
    formats = TARGETS[artifact.target].formats
    if kind.name not in formats:
        raise UnknownNameError(f"format of {artifact.target}", kind.name, formats)
    return _SUBJECTS[artifact.target](artifact, kind, parameters)


def _torch(artifact: Artifact, kind: FloatFormat, parameters: Mapping[str, float]) -> Subject:
    module, name = load(artifact), artifact.name
    import torch

    value, gradient, both, function = (
        getattr(module, name + end) for end in ("_value", "_gradient", "_value_and_gradient", "")
    )
    wide = torch.float64 if kind.name == "float64" else torch.float32
    signed = {16: np.int16, 32: np.int32, 64: np.int64}[kind.bits]

    def array(tensor: Any) -> npt.NDArray[Any]:
        result: npt.NDArray[Any] = tensor.detach().to(wide).numpy()
        return result

    def run(bits: npt.NDArray[Any]) -> Found:
        x = torch.from_numpy(bits.view(signed)).view(getattr(torch, kind.name))
        f, g = both(x, **parameters)
        found: Found = {
            "value": {"value_and_gradient": array(f)},
            "gradient": {"value_and_gradient": array(g)},
        }
        x = x.requires_grad_()
        y, ones = function(x, **parameters), torch.ones_like(x)
        found["value"]["forward"] = array(y)
        found["gradient"]["backward"] = array(torch.autograd.grad(y, x, ones, retain_graph=True)[0])
        if kind.name != "float32":
            found["value"]["value"] = array(value(x, **parameters))
            found["gradient"]["gradient"] = array(gradient(x, **parameters))
            (slope,) = torch.autograd.grad(y, x, ones, create_graph=True)
            found["gradient"]["backward, graph kept"] = array(slope)
        return found

    return run


def _numpy(artifact: Artifact, kind: FloatFormat, parameters: Mapping[str, float]) -> Subject:
    module, name = load(artifact), artifact.name

    def run(bits: npt.NDArray[Any]) -> Found:
        x = bits.view(kind.name) if kind.name == "float16" else floats(kind, bits)
        wide = np.float64 if kind.name == "float64" else np.float32
        with np.errstate(invalid="ignore"):
            f = getattr(module, name)(x, **parameters).astype(wide)
            g = getattr(module, f"{name}_gradient")(x, **parameters).astype(wide)
        return {"value": {name: f}, "gradient": {f"{name}_gradient": g}}

    return run


_SUBJECTS: dict[str, Callable[[Artifact, FloatFormat, Mapping[str, float]], Subject]] = {
    "torch": _torch,
    "numpy": _numpy,
}


@contextmanager
def one_thread_per_kernel(target: str) -> Iterator[None]:
    """Keeps the framework from splitting its kernels: this package divides the work itself."""
    if target != "torch":
        yield
        return
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def versions(target: str) -> dict[str, str]:
    """What computed: the framework with its version, and the instructions it used."""
    framework = importlib.import_module(target)
    found = {target: str(framework.__version__)}
    if target == "torch":
        found["instructions"] = str(framework.backends.cpu.get_cpu_capability())
    return found
