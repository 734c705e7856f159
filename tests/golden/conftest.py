"""``pytest tests/golden --update-golden`` writes the golden files anew; look at the diff."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    # The option is unknown when this folder was not named on the command line.
    return bool(request.config.getoption("--update-golden", default=False))
