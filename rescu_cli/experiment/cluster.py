"""Training on a Dask cluster that is already running, behind the interface of an executor."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import metadata
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from rescu_cli import __version__
from rescu_cli.errors import EngineError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")
PROTOCOLS = {"dask": "tcp", "dask+tls": "tls"}
CONNECT_SECONDS = 10
RETRIES = 2  # of a batch that raised; a batch whose worker died is given to another one besides
WORKERS_TO_COME = 16  # batches are cut for so many where no worker has joined yet
LARGE = 2**20  # bytes of an argument that is worth sending once


def is_cluster(engine: str) -> bool:
    """Whether an engine's name speaks of a Dask cluster."""
    return engine.split(":")[0] in PROTOCOLS


@contextmanager
def open_cluster(engine: str) -> Iterator[Executor]:
    """An executor whose tasks run on the workers of a cluster; the cluster is left running.

    Args:
        engine: ``dask://HOST:PORT``, or ``dask+tls://HOST:PORT`` with the certificates that Dask's
            own configuration names.

    Raises:
        UsageError: If the address cannot be read.
        MissingDependencyError: If distributed is not installed.
        EngineError: If the scheduler does not answer, a worker has other versions, or the cluster
            is lost while it works.
    """
    address = _address(engine)
    try:
        from distributed import KilledWorker
    except ImportError:
        raise MissingDependencyError(
            "distributed", f"The engine {engine!r}", "pip install 'rescu-cli[dask]'"
        ) from None
    client = _connect(engine, address)
    try:
        _refuse_other_versions(client)
        yield ClusterExecutor(client)
    except KilledWorker as error:
        raise EngineError(
            f"The cluster at {address} gave up a batch: the workers that tried it died one after "
            "the other, which mostly means too little memory. Finished batches are kept. Workers "
            "may use what their '--memory-limit' says."
        ) from error
    except CancelledError as error:
        raise EngineError(
            f"The scheduler at {address} was lost, or cancelled the work. Finished batches are "
            "kept: give the same command again when it is back."
        ) from error
    finally:
        client.close()


class ClusterExecutor(Executor):
    """Submits to a Dask client; each task refuses a worker that has other versions.

    Args:
        client: Connected; closing it is the caller's part.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inner = client.get_executor(pure=False, retries=RETRIES)
        self._sent: dict[int, tuple[object, object]] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Gives the task to the cluster, which moves it to another worker if one dies."""
        given = [self._once(argument) for argument in args]
        future: Future[T] = self._inner.submit(_run, versions(), fn, *given, **kwargs)
        return future

    def n_workers(self) -> int:
        """Tasks that the cluster can run at once."""
        return sum(self._client.nthreads().values()) or WORKERS_TO_COME

    def _once(self, argument: Any) -> Any:
        """A large argument that comes again, such as the data, travels to the scheduler once.

        It is the result of a task, not scattered: the cluster can make it again when the worker
        that held it dies.
        """
        if id(argument) not in self._sent:
            import dask
            from distributed.protocol import pickle

            sent = argument
            if len(pickle.dumps(argument)) > LARGE:
                # It warns of large arguments because they might be sent again and again.
                with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
                    sent = self._client.submit(_same, argument, pure=False, retries=RETRIES)
            # The argument is kept, so that no other object can come to have its id.
            self._sent[id(argument)] = (argument, sent)
        return self._sent[id(argument)][1]


def versions() -> dict[str, str]:
    """What the bits of a result depend on."""
    return {"rescu-cli": __version__, **{name: metadata.version(name) for name in _PACKAGES}}


_PACKAGES = ("torch", "numpy")


def _same(argument: T) -> T:
    return argument


def _run(wanted: Mapping[str, str], task: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """On the worker; one that joins late is checked here as well."""
    found = versions()
    if found != wanted:
        raise EngineError(_mismatch(socket.gethostname(), found, wanted))
    return task(*args, **kwargs)


def _address(engine: str) -> str:
    right = re.fullmatch(
        r"(dask|dask\+tls)://(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})", engine
    )
    if right is None:
        raise UsageError(
            f"The engine {engine!r} names no scheduler; what is needed is dask://HOST:PORT or "
            "dask+tls://HOST:PORT, e.g. dask://node1:8786."
        )
    protocol, host, port = right.groups()
    return f"{PROTOCOLS[protocol]}://{host}:{port}"


def _connect(engine: str, address: str) -> Client:
    from distributed import Client

    try:
        # In a thread: a notebook has an event loop of its own in this one.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, _greet(address)).result()
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:  # reason: what answers may be anything, and a certificate may lack
        reason = str(error).strip() or type(error).__name__
        tls = address.startswith("tls")
        raise EngineError(
            f"No connection to a Dask scheduler for the engine {engine!r} within "
            f"{CONNECT_SECONDS} s: {reason}. Check that 'dask scheduler' runs there and prints "
            "this address (its dashboard has another port)."
            + (" Certificates come from Dask's configuration, distributed.comm.tls." * tls)
        ) from error


async def _greet(address: str) -> None:
    """Fails in time and leaves nothing behind, neither of which a client promises."""
    from distributed.core import connect
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    # The timeout of connect itself does not end the wait for a peer that accepts and is silent.
    comm = await asyncio.wait_for(
        connect(address, timeout=CONNECT_SECONDS, **arguments), CONNECT_SECONDS + 1
    )
    comm.abort()


def _refuse_other_versions(client: Client) -> None:
    """Before anything is sent: packages that a worker lacks cannot be told by a task of ours."""
    wanted = versions()
    answer = client.get_versions(packages=list(wanted))
    here = answer["client"]["packages"]  # a source tree that is not installed has no version there
    for name, worker in sorted(answer["workers"].items()):
        there = worker["packages"]
        if any(there.get(package) != here.get(package) for package in wanted):
            found = {package: there.get(package) or "none" for package in wanted}
            raise EngineError(_mismatch(name, found, wanted))


def _mismatch(where: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    there = ", ".join(f"{name} {found[name]}" for name in wanted)
    here = ", ".join(f"{name} {wanted[name]}" for name in wanted)
    return (
        f"The worker {where} has {there}; this process has {here}. Other versions give other "
        "bits, so all must be the same: install them on that machine, or stop that worker."
    )
