"""Executors by name, and results as they come."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from rescu_cli.errors import MissingDependencyError, UnknownNameError, UsageError
from rescu_cli.experiment.engine import InProcessExecutor, at_once, open_executor, results


def double(x: int) -> int:
    return 2 * x


def test_in_process_results_are_yielded_before_the_next_task_starts() -> None:
    """So that a finished batch is on the disk before the next one is trained."""
    log: list[str] = []

    def task(name: str) -> str:
        log.append(f"trained {name}")
        return name

    with open_executor("local", None) as executor:
        for name in results(executor, task, [("a",), ("b",)]):
            log.append(f"saved {name}")
    assert log == ["trained a", "saved a", "trained b", "saved b"]


def test_an_executor_of_the_users_is_used_and_left_open() -> None:
    with ThreadPoolExecutor(2) as mine:
        with open_executor(mine, None) as executor:
            assert sorted(results(executor, double, [(1,), (2,), (3,)])) == [2, 4, 6]
        assert mine.submit(double, 4).result() == 8


def test_the_first_exception_is_raised_and_waiting_tasks_are_cancelled() -> None:
    started, seen = [], threading.Event()

    def task(number: int) -> None:
        started.append(number)
        if number == 0:
            raise ZeroDivisionError("task 0")
        seen.wait()  # holds the only worker until the exception has arrived

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ZeroDivisionError, match="task 0"):
            list(results(executor, task, [(n,) for n in range(50)]))
        seen.set()
    assert len(started) <= 2


def test_in_process_exceptions_stay_in_the_future_but_interrupts_do_not() -> None:
    def fail(error: BaseException) -> None:
        raise error

    executor = InProcessExecutor()
    assert isinstance(executor.submit(fail, ValueError()).exception(), ValueError)
    with pytest.raises(KeyboardInterrupt):
        executor.submit(fail, KeyboardInterrupt())


def test_loky_runs_in_other_processes() -> None:
    pytest.importorskip("loky")
    import os

    with open_executor("loky", 1) as executor:
        [pid] = results(executor, os.getpid, [()])
    assert pid != os.getpid()


@pytest.mark.parametrize(
    ("engine", "workers", "error", "message"),
    [
        ("local", 4, UsageError, "4 workers asked.*--engine loky"),
        ("loky", 0, UsageError, "0 workers"),
        ("dask://host:8786", 3, UsageError, "3 workers asked.*Leave '--workers' out"),
        ("dask://host", None, UsageError, "names no scheduler"),
        ("slurm", None, UnknownNameError, "No engine named 'slurm'"),
    ],
)
def test_an_engine_that_is_not_there_is_refused(
    engine: str, workers: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message), open_executor(engine, workers):
        pass


def test_batches_are_cut_for_as_many_workers_as_are_known() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert at_once(InProcessExecutor(), None) == 1
        assert at_once(threads, 3) == 3


def test_missing_loky_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "loky", None)
    with pytest.raises(MissingDependencyError, match="pip install loky"), open_executor("loky", 2):
        pass


def test_executor_interface() -> None:
    assert issubclass(InProcessExecutor, Executor)
