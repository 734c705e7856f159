"""Shared fixtures. Tests run under stricter rules than users: any warning is an error."""

from __future__ import annotations

import os

import pytest

# Workers beside each other already fill the cores; small kernels that are split over threads as
# well wait for each other, many times longer than they compute. Before torch is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in its own empty folder, so that no run leaves files in the repository."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("RESCU_DEBUG", raising=False)
