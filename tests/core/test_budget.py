"""The time budget stops a computation, in any thread, and leaves nothing behind."""

from __future__ import annotations

import threading

import pytest

from rescu_cli.core.budget import OutOfTime, time_budget


def spin() -> None:
    while True:
        sum(range(100))


def test_it_stops_an_endless_loop() -> None:
    with pytest.raises(OutOfTime), time_budget(0.05):
        spin()


def test_it_works_outside_the_main_thread() -> None:
    caught: list[bool] = []

    def work() -> None:
        try:
            with time_budget(0.05):
                spin()
        except OutOfTime:
            caught.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert caught == [True]


def test_a_block_that_ends_in_time_is_not_disturbed_later() -> None:
    for _ in range(200):
        with time_budget(0.001):
            sum(range(2000))
    for _ in range(2000):
        sum(range(1000))  # a late exception would surface here


def test_a_swallowing_handler_does_not_swallow_it() -> None:
    def greedy() -> None:
        while True:
            try:
                spin()
            except Exception:
                continue

    with pytest.raises(OutOfTime), time_budget(0.05):
        greedy()
