"""Which tools are there: a missing one skips its tests, or fails them where all are required.

``RESCU_EXPORT_CHECK=required`` is set where every checker has to run, as in CI: a check that did not
run must not look like one that passed.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec

import pytest

REQUIRED = os.environ.get("RESCU_EXPORT_CHECK") == "required"
WHERE_PRESENT = frozenset({"rustc", "nvcc", "julia"})
"""Compilers that not every machine has, nor a package index: never required."""


def need(*tools: str) -> None:
    """Skip if a program is missing; fail where all are required."""
    missing = [t for t in tools if shutil.which(t) is None]
    if missing and WHERE_PRESENT.issuperset(missing):
        pytest.skip(f"{', '.join(missing)} not installed")
    _refuse(missing)


def need_packages(*packages: str) -> None:
    """The same for Python packages; at the top of a test module it skips the whole module."""
    _refuse([p for p in packages if find_spec(p) is None], whole=True)


def _refuse(missing: list[str], *, whole: bool = False) -> None:
    if not missing:
        return
    text = f"{', '.join(missing)} not installed"
    if REQUIRED:
        raise RuntimeError(f"{text}, and RESCU_EXPORT_CHECK=required asks for every checker.")
    pytest.skip(text, allow_module_level=whole)
