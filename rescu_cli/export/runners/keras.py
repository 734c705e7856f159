"""Keras artifacts, on each backend that is installed and can differentiate."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from rescu_cli.errors import MissingDependencyError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import INSTALL
from rescu_cli.export.runners.base import Runner
from rescu_cli.export.runners.process import ProcessRunner

_BACKENDS = ("torch", "jax")


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    installed = [b for b in _BACKENDS if find_spec(b) is not None]
    if find_spec("keras") is None or not installed:
        raise MissingDependencyError(
            "keras, with torch or jax", "Running the keras artifact", INSTALL["keras"]
        )
    environments = {
        backend: {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"} for backend in installed
    }
    return ProcessRunner(artifact, parameters, environments, flushes="jax" in installed)
