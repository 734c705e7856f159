"""Stacks run together in threads, and what is raised anywhere stops all of them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import pytest
import torch

from rescu_cli.experiment.threads import one_thread_per_kernel, run_together


def count(share: int, tick: Callable[[int], None]) -> int:
    for step in range(1, 4):
        tick(step)
    return 10 * share


def test_results_come_in_order_and_progress_in_the_calling_thread() -> None:
    seen: list[tuple[int, int]] = []

    def progress(step: int) -> None:
        seen.append((threading.get_ident(), step))

    assert run_together(count, [1, 2, 3], progress) == [10, 20, 30]
    assert seen[-1] == (threading.get_ident(), 3)
    assert {ident for ident, _ in seen} == {threading.get_ident()}


def test_an_error_in_one_task_stops_the_others_and_is_raised() -> None:
    reached = []

    def task(share: int, tick: Callable[[int], None]) -> int:
        if share == 1:
            raise ZeroDivisionError("share 1")
        for step in itertools.count():  # ends only where tick raises
            tick(step)
        reached.append(share)
        return share

    with pytest.raises(ZeroDivisionError, match="share 1"):
        run_together(task, [0, 1, 2], None)
    assert reached == []


def test_an_interrupt_in_the_calling_thread_stops_the_tasks() -> None:
    stopped = []

    def task(share: int, tick: Callable[[int], None]) -> None:
        try:
            for step in itertools.count(1):  # ends only where tick raises
                tick(step)
        finally:
            stopped.append(share)

    def interrupt(step: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_together(task, [0, 1], interrupt)
    assert sorted(stopped) == [0, 1]


def test_the_thread_count_is_put_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with one_thread_per_kernel() as had:
        assert had == before
        assert torch.get_num_threads() == 1
    with pytest.raises(ZeroDivisionError), one_thread_per_kernel():
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_training_inside_training_does_not_hang() -> None:
    before = torch.get_num_threads()
    with one_thread_per_kernel(), one_thread_per_kernel() as had:
        assert had == 1
    assert torch.get_num_threads() == before


def test_worker_threads_run_kernels_alone() -> None:
    def task(share: int, tick: Callable[[int], None]) -> int:
        return torch.get_num_threads()

    with one_thread_per_kernel():
        assert run_together(task, [0, 1], None) == [1, 1]
