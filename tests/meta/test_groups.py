"""What shares something dear runs in one worker: `make test` distributes by group."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("groups")
def test_the_groups_of_tests_are_seen(request: pytest.FixtureRequest) -> None:
    """Fails with a pytest under which pytest-xdist marks no group: fixtures are made twice then."""
    if "PYTEST_XDIST_WORKER" not in os.environ or not request.config.getoption("loadgroup"):
        pytest.skip("not distributed by group")
    assert request.node.nodeid.endswith("@groups")
