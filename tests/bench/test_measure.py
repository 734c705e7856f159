"""Turns, samples and ratios, on clocks that show what they are told to."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch

from rescu_cli.bench.measure import (
    SAMPLE_SECONDS,
    AbstractClock,
    ProcessorClock,
    Task,
    take_turns,
    thread_count,
    warm_up,
)
from rescu_cli.bench.report import Timing


class ToldClock(AbstractClock):
    """Every call takes ``second``; slower by a factor while the machine is busy."""

    def __init__(self, second: float = 1.0) -> None:
        self.second, self.busy, self.calls = second, 1.0, []

    def seconds(self, run: Callable[[], object], calls: int) -> float:
        run()
        self.calls.append(calls)
        return self.second * self.busy


def test_each_round_has_every_task_once_and_begins_with_another() -> None:
    seen: list[str] = []
    tasks = [Task(n, lambda n=n: seen.append(n)) for n in "abc"]
    take_turns(tasks, 4, ToldClock())
    assert "".join(seen) == "abcbcacababc"
    assert [len(t.samples) for t in tasks] == [4, 4, 4]


def test_a_sample_repeats_short_tasks_and_not_long_ones() -> None:
    short, long = Task("short", lambda: None), Task("long", lambda: None)
    warm_up(short, ToldClock(SAMPLE_SECONDS / 10))
    warm_up(long, ToldClock(10.0))
    assert (short.calls, long.calls) == (10, 1)
    warm_up(short, ToldClock(0.0))
    assert 1 < short.calls < 10_000


def test_ratios_within_rounds_outlast_a_burst_of_other_work() -> None:
    """Both become ten times slower in the same rounds: three times as long they stay."""
    busy = [1, 1, 10, 10, 10, 10, 1]
    fast = Timing(tuple(b * 1.0 for b in busy), 8)
    slow = Timing(tuple(b * 3.0 for b in busy), 8)
    assert slow.over(fast) == pytest.approx(3.0)
    assert fast.over(slow) == pytest.approx(1 / 3)


def test_bandwidth_is_bytes_over_the_median() -> None:
    timing = Timing((0.5, 2.0, 1.0), 1000)
    assert (timing.median, timing.best, timing.bandwidth) == (1.0, 0.5, 1000.0)


def test_nothing_is_collected_in_a_sample_and_the_collector_comes_back() -> None:
    seen = []
    take_turns([Task("a", lambda: seen.append(gc.isenabled()))], 2, ToldClock())
    assert seen == [False, False]
    assert gc.isenabled()


def test_the_processors_clock_runs_as_often_as_it_is_told() -> None:
    ran = []
    assert ProcessorClock().seconds(lambda: ran.append(1), 7) >= 0
    assert len(ran) == 7


def test_threads_are_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), thread_count(before + 1) as running:
        assert running == before + 1 == torch.get_num_threads()
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
