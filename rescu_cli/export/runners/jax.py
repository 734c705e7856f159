"""JAX artifacts: as they are, compiled, mapped and differentiated."""

from __future__ import annotations

from collections.abc import Mapping

from rescu_cli.export.artifact import Artifact
from rescu_cli.export.runners.base import Runner
from rescu_cli.export.runners.process import ProcessRunner


def start(artifact: Artifact, parameters: Mapping[str, float]) -> Runner:
    """The runner."""
    # A graphics card that JAX finds is not what the check promises figures about.
    environments = {"": {"JAX_PLATFORMS": "cpu"}}
    return ProcessRunner(artifact, parameters, environments, flushes=True)
