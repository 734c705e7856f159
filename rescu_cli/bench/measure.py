"""Times of many tasks taken in turns, so that a machine's other work falls on all of them alike."""

from __future__ import annotations

import gc
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch

SAMPLE_SECONDS = 20e-3
"""A sample repeats a short task until it lasts about this long: longer than a scheduler's slice, or
it would measure whether it was interrupted."""
_MOST_CALLS = 2000


class AbstractClock(ABC):
    """How a device tells the time."""

    @abstractmethod
    def seconds(self, run: Callable[[], object], calls: int) -> float:
        """Mean seconds of one of ``calls`` calls in a row, all work included."""


class ProcessorClock(AbstractClock):
    """Wall time, for code that is done when it returns."""

    def seconds(self, run: Callable[[], object], calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - start) / calls


class CudaClock(AbstractClock):
    """Events on the device's own stream: launches return before the work is done."""

    def seconds(self, run: Callable[[], object], calls: int) -> float:
        event: Callable[..., Any] = torch.cuda.Event  # PyTorch leaves its constructor untyped
        start, stop = event(enable_timing=True), event(enable_timing=True)
        torch.cuda.synchronize()  # nothing of the contestant before may run into this sample
        start.record()
        for _ in range(calls):
            run()
        stop.record()
        torch.cuda.synchronize()
        milliseconds: float = start.elapsed_time(stop)
        return milliseconds / 1000 / calls


@dataclass
class Task:
    """Something to time.

    Args:
        name: Of the task, unique.
        run: Does it once.
        calls: How often a sample does it; set by `warm_up`.
        samples: Seconds per call, one per round.
    """

    name: str
    run: Callable[[], object]
    calls: int = 1
    samples: list[float] = field(default_factory=list)


def warm_up(task: Task, clock: AbstractClock) -> None:
    """Run a task until nothing is built for the first time any more, and size its samples."""
    task.run()
    task.run()
    once = max(clock.seconds(task.run, 1), 1e-9)
    task.calls = min(max(ceil(SAMPLE_SECONDS / once), 1), _MOST_CALLS)


def take_turns(
    tasks: Sequence[Task], rounds: int, clock: AbstractClock,
    progress: Callable[[int, int], None] | None = None,
) -> None:  # fmt: skip
    """One sample of every task per round; each round begins with another task.

    Args:
        tasks: Warm ones; their samples grow by ``rounds``.
        rounds: At least 1.
        clock: The device's.
        progress: Called with (rounds done, rounds in all).
    """
    with _no_collection():
        for r in range(rounds):
            first = r % len(tasks)
            for task in (*tasks[first:], *tasks[:first]):
                task.samples.append(clock.seconds(task.run, task.calls))
            if progress is not None:
                progress(r + 1, rounds)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection in a sample; whoever's turn it is would pay for all."""
    was = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def thread_count(n: int | None) -> Iterator[int]:
    """torch's threads inside one operation set to ``n`` for a while; yields how many there are."""
    before = torch.get_num_threads()
    if n is not None:
        torch.set_num_threads(n)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
