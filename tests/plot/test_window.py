"""The stretch of x that a figure shows."""

from __future__ import annotations

import pytest

from rescu_cli import catalogue
from rescu_cli.errors import ExitCode, UsageError
from rescu_cli.plot import parse_range
from rescu_cli.plot.window import check_window, default_window


def test_a_range_is_two_ascending_numbers() -> None:
    assert parse_range("-4:4") == (-4.0, 4.0)
    assert parse_range(" -1/2 : 1e2 ") == (-0.5, 100.0)


@pytest.mark.parametrize(
    ("text", "found", "right"),
    [
        ("4:-4", "4:-4 does not ascend", "Did you mean -4:4?"),
        ("3:3", "3:3 does not ascend", "low must be below high"),
        ("nan:4", "'nan', which is not a finite number", "-4:4"),
        ("-inf:4", "'-inf'", "-4:4"),
        ("4", "'4' has 1 number;", "-4:4"),
        ("1:2:3", "has 3 numbers", "-4:4"),
        ("", "has 1 number", "-4:4"),
        ("a:b", "'a'", "-4:4"),
        (":4", "''", "-4:4"),
        ("1e150:1e160", "cannot be drawn", "1e+100"),
        ("1:1.0000000000001", "cannot be drawn", "wider"),
    ],
)
def test_a_bad_range_says_what_was_asked_found_and_right(text: str, found: str, right: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_range(text)
    assert found in str(caught.value)
    assert right in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE


def test_windows_given_from_python_are_checked_too() -> None:
    with pytest.raises(UsageError, match="not finite"):
        check_window((float("nan"), 1.0))
    with pytest.raises(UsageError, match="two numbers"):
        check_window((1.0, 2.0, 3.0))


def test_the_default_shows_every_joint_and_every_scale() -> None:
    def window(*texts: str) -> tuple[float, float]:
        return default_window([catalogue.resolve(t).with_defaults() for t in texts])

    assert window("relu") == (-4.0, 4.0)
    assert window("smelu:beta=0.001") == (-4.0, 4.0)
    assert window("relu", "smelu:beta=5") == (-10.0, 10.0)
    assert window("rescu_gaussian:beta=3") == (-12.0, 12.0)
