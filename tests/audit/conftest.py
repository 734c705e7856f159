"""Files of foreign code, some wrong on purpose: audited by path, never imported as tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rescu_cli import api
from rescu_cli.audit import AuditReport

FIXTURES = Path(__file__).parent / "fixtures"
collect_ignore = ["fixtures"]
Audit = Callable[..., AuditReport]


@pytest.fixture
def audit() -> Audit:
    """``audit("smelu_is_elu:smelu", "smelu:beta=1")`` → the report."""

    def run(text: str, against: str | None = None, **options: object) -> AuditReport:
        file, _, name = text.partition(":")
        return api.examine(f"{FIXTURES / file}.py:{name}", against, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    """Writes a file of code and gives its path."""

    def write(code: str) -> str:
        path = tmp_path / "foreign.py"
        path.write_text(code, encoding="utf-8")
        return str(path)

    return write
