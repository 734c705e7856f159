"""One helper that runs the program as a user would, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from rescu_cli.cli.app import main


@dataclass(frozen=True)
class Outcome:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        document = json.loads(self.out)
        assert set(document) == {"schema", "command", "version", "result"}
        assert document["schema"] == 1
        return document["result"]


Run = Callable[..., Outcome]


@pytest.fixture
def rescu(capsys: pytest.CaptureFixture[str]) -> Run:
    """``rescu("show", "relu")`` → exit status, stdout and stderr; a traceback fails the test."""

    def run(*argv: str) -> Outcome:
        code = main(list(argv))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(code, captured.out, captured.err)

    return run
