"""Where batches are trained: any executor of the standard library's interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from rescu_cli.errors import MissingDependencyError, UnknownNameError, UsageError
from rescu_cli.experiment.cluster import ClusterExecutor, is_cluster, open_cluster

P = ParamSpec("P")
T = TypeVar("T")
ENGINES = ("local", "loky", "dask://HOST:PORT", "dask+tls://HOST:PORT")


class InProcessExecutor(Executor):
    """Runs each task at once, in the calling thread; its future is done when ``submit`` returns."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs the task; an exception is kept in the future, Ctrl-C is not."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  reason: it is raised again by future.result()
            future.set_exception(error)
        return future


def results(
    executor: Executor, task: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
) -> Iterator[T]:
    """Runs the task for each tuple of arguments and yields each result as soon as it is there.

    With an executor that works within ``submit``, a result is yielded before the next task starts,
    so that it can be saved. The first exception is raised, and what has not started is cancelled.
    """
    waiting: set[Future[T]] = set()
    try:
        for one in arguments:
            waiting.add(executor.submit(task, *one))
            for future in [future for future in waiting if future.done()]:
                waiting.discard(future)
                yield future.result()
        for future in as_completed(set(waiting)):
            waiting.discard(future)
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()


@contextmanager
def open_executor(engine: str | Executor, workers: int | None) -> Iterator[Executor]:
    """An executor by name, shut down at the end; one that is given is used and left open.

    Args:
        engine: ``local`` (this process), ``loky`` (worker processes), ``dask://HOST:PORT`` or
            ``dask+tls://HOST:PORT`` (a cluster that is running), or an executor.
        workers: Number of worker processes for ``loky``; None for the number of cores.

    Raises:
        UsageError: If the engine is unknown, or workers are asked where there are none.
        MissingDependencyError: If the package behind the engine is not installed.
        EngineError: If a cluster does not answer, does not fit, or is lost.
    """
    if isinstance(engine, Executor):
        yield engine
    elif engine == "local":
        if workers not in (None, 1):
            raise UsageError(
                f"{workers} workers asked, but the engine 'local' trains in this process, all "
                "models at once. Use '--engine loky' for worker processes."
            )
        yield InProcessExecutor()
    elif engine == "loky":
        yield from _loky(workers)
    elif is_cluster(engine):
        if workers is not None:
            raise UsageError(
                f"{workers} workers asked, but how many a cluster has is decided where its workers "
                "are started. Leave '--workers' out."
            )
        with open_cluster(engine) as cluster:
            yield cluster
    else:
        raise UnknownNameError("engine", engine, ENGINES)


def at_once(executor: Executor, workers: int | None) -> int:
    """How many batches can be trained at once, as far as it is known; at least 1.

    Args:
        executor: From `open_executor`.
        workers: As asked there.
    """
    if isinstance(executor, ClusterExecutor):
        return executor.n_workers()
    return workers or 1


def _loky(workers: int | None) -> Iterator[Executor]:
    try:
        import loky
    except ImportError:
        raise MissingDependencyError("loky", "The engine 'loky'", "pip install loky") from None
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers asked; at least 1 is needed.")
    count = workers or loky.cpu_count(only_physical_cores=False)
    threads = str(max(1, loky.cpu_count() // count))
    # Workers share the cores; without this each would start a thread for every core.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    executor = loky.ProcessPoolExecutor(max_workers=count, env=limits)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, kill_workers=True)
