"""Threads of our own over stacks, instead of the framework's inside each small kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

import torch

S = TypeVar("S")
T = TypeVar("T")
# Reentrant: a progress callback may itself train something.
_SETTING = threading.RLock()  # the framework's thread count belongs to the whole process


class _StoppedError(Exception):
    """Raised inside a task whose result is no longer wanted."""


@contextmanager
def one_thread_per_kernel() -> Iterator[int]:
    """Sets PyTorch to one thread per kernel and yields the number it had, which is put back."""
    with _SETTING:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield before
        finally:
            torch.set_num_threads(before)


def run_together(
    task: Callable[[S, Callable[[int], None]], T],
    shares: Sequence[S],
    progress: Callable[[int], None] | None,
) -> list[T]:
    """Runs the task for every share at once, one thread each.

    Args:
        task: Called with its share and a function to report the steps it has done.
        shares: At least one.
        progress: Called in the calling thread with the steps that every task has done. What it
            raises (Ctrl-C too) stops all tasks at their next report.

    Returns:
        The results, in the order of the shares.
    """
    steps = [0] * len(shares)
    news: SimpleQueue[None] = SimpleQueue()
    stop = threading.Event()

    def run(number: int) -> T:
        def tick(step: int) -> None:
            if stop.is_set():
                raise _StoppedError
            steps[number] = step
            news.put(None)

        return task(shares[number], tick)

    def wake(_: Future[T]) -> None:
        news.put(None)

    with ThreadPoolExecutor(len(shares)) as pool:
        futures = [pool.submit(run, number) for number in range(len(shares))]
        try:
            for future in futures:
                future.add_done_callback(wake)
            told = 0
            while not all(future.done() for future in futures):
                news.get()
                if progress is not None and min(steps) > told:
                    told = min(steps)
                    progress(told)
                if any(future.done() and future.exception() for future in futures):
                    break
            if progress is not None and min(steps) > told:
                progress(min(steps))
        finally:
            stop.set()
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, _StoppedError):
            raise error
    return [future.result() for future in futures]
