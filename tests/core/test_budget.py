"""The time budget stops a computation, in any thread, and leaves nothing behind."""

from __future__ import annotations

import threading
import time

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


def test_a_destructor_cannot_hide_the_end_of_the_budget() -> None:
    """What is raised inside __del__ is dropped by Python: it must come again, and silently."""

    class Slow:
        def __del__(self) -> None:
            spin_for(0.05)

    def spin_for(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            sum(range(100))

    with pytest.raises(OutOfTime), time_budget(0.02):
        while True:
            Slow()  # about half of the time is spent in the destructor
            spin_for(0.05)


def test_a_swallowing_handler_does_not_swallow_it() -> None:
    def greedy() -> None:
        while True:
            try:
                spin()
            except Exception:
                continue

    with pytest.raises(OutOfTime), time_budget(0.05):
        greedy()


def test_a_handler_that_swallows_everything_is_asked_again() -> None:
    swallowed = 0
    with pytest.raises(OutOfTime), time_budget(0.02):
        while swallowed < 3:
            try:
                spin()
            except BaseException:
                swallowed += 1
        spin()
    assert swallowed == 3


def test_nothing_arrives_after_the_block() -> None:
    for _ in range(50):
        try:
            with time_budget(0.005):
                spin()
        except OutOfTime:
            pass
    for _ in range(20_000):
        sum(range(100))


def test_sympy_is_stopped_where_it_used_to_hang() -> None:
    from rescu_cli.core.assume import read_assumptions
    from rescu_cli.core.derive import derive
    from rescu_cli.core.expression import expression_shape

    shape = expression_shape("(1 + tanh(x + x**3))/2", read_assumptions([]))
    assert not derive(shape, seconds=0.5).closed_form


def test_a_budget_that_is_spent_at_once_ends_all_the_same() -> None:
    """The watcher may be past its time before the block is entered; it must not fire there."""
    for _ in range(20):
        try:
            with time_budget(0.0):
                spin()
        except OutOfTime:
            pass
    end = time.monotonic() + 0.2  # long enough for a watcher that was left behind to fire
    while time.monotonic() < end:
        sum(range(100))


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of a thread")
def test_waiting_is_not_computing() -> None:
    """A machine that is busy with other work does not spend the budget."""
    with time_budget(0.1):
        time.sleep(0.4)


def test_patience_has_an_end() -> None:
    with pytest.raises(OutOfTime), time_budget(0.02):
        while True:
            time.sleep(0.002)
