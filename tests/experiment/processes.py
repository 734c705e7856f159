"""Programs that tests start and watch: waiting has a generous deadline and decides nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rescu_cli

ROOT = Path(rescu_cli.__file__).parents[1]
DEADLINE = 240.0


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first value of the condition that is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"still waiting for {what}")


def python(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """An interpreter that imports the package under test."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        text=True,
        **options,
    )


@contextmanager
def running(*arguments: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """The same, killed at the end."""
    process = python(*arguments, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def outcome(*arguments: str | Path) -> tuple[int, str]:
    """Return code and everything printed, of a program that ends by itself."""
    process = python(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        text, _ = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    return process.returncode, text
