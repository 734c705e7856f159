"""NumPy artifacts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import load
from rescu_cli.export.runners.base import Array, Runner


class NumpyRunner(Runner):
    """The two functions of the text."""

    slopes = False

    def __init__(self, artifact: Artifact, parameters: Mapping[str, float]) -> None:
        super().__init__(f"numpy {np.__version__}")
        self._module, self._name, self._parameters = load(artifact), artifact.name, parameters

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        function = getattr(self._module, self._name + ("" if what == "value" else "_gradient"))
        with np.errstate(over="ignore"):
            x = points.astype(kind)
        return {"function": np.asarray(function(x, **self._parameters)).astype(np.float64)}


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return NumpyRunner(artifact, parameters)
