"""Which tools are there. On CI a missing one is a failure, elsewhere the test is skipped."""

from __future__ import annotations

import os
import shutil

import pytest


def need(*tools: str) -> None:
    """Skip if a tool is missing; fail on CI, where all must be there."""
    missing = [t for t in tools if shutil.which(t) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI has no {', '.join(missing)}: a requested checker did not run")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
