"""ONNX artifacts, in ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Runner
from rescu_cli.export.runners.process import ProcessRunner


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    return ProcessRunner(artifact, parameters, {"": {}})
