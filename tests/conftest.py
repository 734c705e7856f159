"""Shared fixtures. Tests run under stricter rules than users: any warning is an error."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in its own empty folder, so that no run leaves files in the repository."""
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("RESCU_DEBUG", raising=False)
