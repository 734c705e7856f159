"""Training on a Dask cluster: a real scheduler and real workers on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rescu_cli.experiment.cluster as cluster
import rescu_cli.experiment.plan as plan
from rescu_cli.errors import EngineError, MissingDependencyError, UsageError
from rescu_cli.experiment import compare
from rescu_cli.experiment.engine import at_once, open_executor, results

from .processes import DEADLINE, running, wait_for

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("dask"),
]

SMALL: dict[str, Any] = {
    "data": "breast_cancer",
    "epochs": 2,
    "hidden": (8,),
    "seeds": 6,
}


@dataclass
class Cluster:
    engine: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]


@contextmanager
def started(folder: Path, n_workers: int, *options: str) -> Iterator[Cluster]:
    """A scheduler on a free port and its workers, all killed at the end."""
    folder.mkdir()
    log = (folder / "log").open("w")
    where: dict[str, Any] = {"cwd": folder, "stdout": log, "stderr": log}
    told = folder / "scheduler.json"
    scheduler = ("-m", "distributed.cli.dask_scheduler", "--no-dashboard")
    here = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
    worker = ("-m", "distributed.cli.dask_worker", "--scheduler-file", str(told))
    plain = ("--no-nanny", "--nthreads", "1", "--no-dashboard")
    with log, ExitStack() as stack:
        first = stack.enter_context(running(*scheduler, *here, *options, **where))
        wait_for(lambda: told.exists() and told.read_text().endswith("}"), "the scheduler")
        workers = [
            stack.enter_context(running(*worker, *plain, *options, **where))
            for _ in range(n_workers)
        ]
        address = json.loads(told.read_text())["address"]
        protocol = {"tcp": "dask", "tls": "dask+tls"}[address.split(":")[0]]
        yield Cluster(f"{protocol}://{address.split('//')[1]}", first, workers)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Cluster]:
    with started(tmp_path / "cluster", 2) as one:
        yield one


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "SIZES", (2,))


def bits(folder: Path) -> dict[str, bytes]:
    """What a resumed or distributed run must have in common with one that nothing disturbed."""
    files = [folder / "table.csv", *sorted((folder / "predictions").iterdir())]
    return {path.name: path.read_bytes() for path in files}


class Deadly(Executor):
    """Passes tasks on; the first worker that has finished one dies with the result in its hands."""

    def __init__(self, inner: Executor, mark: Path) -> None:
        self.inner, self.mark = inner, mark

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.inner.submit(finish_and_die_once, self.mark, fn, *args, **kwargs)


def finish_and_die_once(mark: Path, task: Callable[..., Any], *args: Any) -> Any:
    found = task(*args)
    try:
        os.write(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY), str(os.getpid()).encode())
    except FileExistsError:
        return found
    os.kill(os.getpid(), signal.SIGKILL)
    return None


@pytest.mark.usefixtures("small_batches")
def test_the_table_has_the_bits_of_this_process_though_a_worker_is_killed(
    two: Cluster, tmp_path: Path
) -> None:
    """The worker dies when its batch is trained but not handed over, so that it is trained twice."""
    names, seen = ["relu", "smelu"], []
    compare(names, out=tmp_path / "here", **SMALL)
    mark = tmp_path / "mark"
    with open_executor(two.engine, None) as executor:
        report = compare(
            names,
            out=tmp_path / "there",
            engine=Deadly(executor, mark),
            progress=lambda done, total: seen.append((done, total)),
            **SMALL,
        )
    killed = [w for w in two.workers if w.poll() is not None]
    assert [w.returncode for w in killed] == [-signal.SIGKILL]
    assert mark.read_text() == str(killed[0].pid)
    assert bits(tmp_path / "there") == bits(tmp_path / "here")
    assert report.n_models == 12 == len(list((tmp_path / "there" / "cells").iterdir()))
    assert seen[-1] == (12, 12)  # six batches of two epochs, none counted twice


def pid(_: int) -> int:
    return os.getpid()


def meet(folder: Path, number: int) -> int:
    """Ends when two of them run at the same time."""
    (folder / f"{number}-{os.getpid()}").touch()
    wait_for(lambda: len(list(folder.iterdir())) == 2, "the other one")
    return os.getpid()


def test_both_workers_work_at_the_same_time(two: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "meeting"
    folder.mkdir()
    with open_executor(two.engine, None) as executor:
        wait_for(lambda: at_once(executor, None) == 2, "both workers")
        pids = set(results(executor, meet, [(folder, 0), (folder, 1)]))
    assert pids == {worker.pid for worker in two.workers}


def total(numbers: np.ndarray, factor: int) -> int:
    return int(numbers.sum()) * factor


def test_large_arguments_travel_once_and_come_back_after_a_death(
    two: Cluster, tmp_path: Path
) -> None:
    numbers = np.arange(cluster.LARGE, dtype=np.int64)
    with open_executor(two.engine, None) as executor:
        assert isinstance(executor, cluster.ClusterExecutor)
        calls = [(tmp_path / "mark", total, numbers, factor) for factor in range(1, 5)]
        found = results(executor, finish_and_die_once, calls)
        expected = int(numbers.sum())
        assert sorted(found) == [expected, 2 * expected, 3 * expected, 4 * expected]
        large = [sent for given, sent in executor._sent.values() if sent is not given]
    assert len(large) == 1
    assert (tmp_path / "mark").exists()


def fail() -> None:
    raise ZeroDivisionError("on the worker")


def other_versions() -> dict[str, str]:
    return {"rescu-cli": "0.0.1", "torch": "1.0", "numpy": "1.0"}


def test_an_exception_of_a_task_arrives_as_it_is(two: Cluster) -> None:
    with (
        pytest.raises(ZeroDivisionError, match="on the worker"),
        open_executor(two.engine, None) as executor,
    ):
        list(results(executor, fail, [()]))


def test_a_worker_that_joins_late_with_other_versions_is_refused(
    two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_executor(two.engine, None) as executor:
        monkeypatch.setattr(cluster, "versions", other_versions)
        with pytest.raises(EngineError, match=r"The worker .* torch 1\.0"):
            list(results(executor, pid, [(0,)]))


def test_workers_with_other_versions_are_refused_before_anything_is_sent(
    two: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client claims to have another torch; everything else is as it is."""
    from distributed import Client

    with open_executor(two.engine, None) as executor:
        wait_for(lambda: at_once(executor, None) == 2, "both workers")
    original = Client.get_versions

    def lie(self: Client, **options: Any) -> Any:
        answer = original(self, **options)
        answer["client"]["packages"]["torch"] = "1.0"
        return answer

    monkeypatch.setattr(Client, "get_versions", lie)
    with pytest.raises(EngineError, match="must be the same"), open_executor(two.engine, None):
        raise AssertionError("opened")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_every_worker_is_an_error(tmp_path: Path) -> None:
    """Dask gives a task up when it has taken four workers with it."""
    with (
        started(tmp_path / "cluster", 4) as four,
        pytest.raises(EngineError, match=r"died one after the other.*are kept"),
        open_executor(four.engine, None) as executor,
    ):
        list(results(executor, die, [()]))


def test_a_scheduler_that_is_lost_is_an_error(tmp_path: Path) -> None:
    with (
        started(tmp_path / "cluster", 0) as one,  # no worker will ever come
        pytest.raises(EngineError, match=r"was lost.*are kept"),
        open_executor(one.engine, None) as executor,
    ):
        future = executor.submit(pid, 0)
        one.scheduler.kill()
        future.result(timeout=DEADLINE)


def test_no_scheduler_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with socket.socket() as taken:  # bound but not listening: nothing else can answer there
        taken.bind(("127.0.0.1", 0))
        engine = f"dask://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineError, match=r"No connection.*dask scheduler") as caught:
            compare(["relu"], engine=engine, **SMALL)
    assert caught.value.exit_code == 4
    assert engine in str(caught.value)
    assert not Path("rescu-runs").exists()


def test_something_else_that_answers_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server, as if the port of the dashboard were given."""
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server,
        ThreadPoolExecutor(1) as aside,
    ):
        aside.submit(server.serve_forever)
        try:
            engine = f"dask://127.0.0.1:{server.server_port}"
            with pytest.raises(EngineError, match="another port"), open_executor(engine, None):
                pass
        finally:
            server.shutdown()


def test_missing_distributed_names_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingDependencyError, match=r"pip install 'rescu-cli\[dask\]'"),
        open_executor("dask://h:1", None),
    ):
        pass


@pytest.mark.parametrize("engine", ["dask", "dask://", "dask://host", "dask://:1", "dask://a b:1",
                                    "dask:host:1", "dask+tls://host:x", "dask://h:1/x"])  # fmt: skip
def test_an_address_that_names_no_scheduler_is_refused(engine: str) -> None:
    with pytest.raises(UsageError, match="dask://node1:8786"), open_executor(engine, None):
        pass


def test_addresses_are_handed_on() -> None:
    assert cluster._address("dask://node1:8786") == "tcp://node1:8786"
    assert cluster._address("dask+tls://[::1]:1") == "tls://[::1]:1"


def test_the_number_of_workers_is_the_clusters_affair() -> None:
    with pytest.raises(UsageError, match="4 workers asked"), open_executor("dask://h:1", 4):
        pass


def test_tls_needs_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with (
        pytest.raises(EngineError, match=r"distributed\.comm\.tls"),
        open_executor("dask+tls://127.0.0.1:1", None),
    ):
        pass


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """Dask's settings for one self-signed certificate, in this process and those it starts."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster"]
    made += ["-days", "3650", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    settings = {"ca-file": str(certificate)}
    for role in ("scheduler", "worker", "client"):
        settings |= {f"{role}.cert": str(certificate), f"{role}.key": str(key)}
    return settings


def test_tls_with_the_certificates_of_dasks_configuration(
    certificates: dict[str, str], tmp_path: Path
) -> None:
    import dask

    where = [f"--tls-ca-file={certificates['ca-file']}"]
    where += [
        f"--tls-cert={certificates['worker.cert']}",
        f"--tls-key={certificates['worker.key']}",
    ]
    names = {f"distributed.comm.tls.{name}": value for name, value in certificates.items()}
    with started(tmp_path / "cluster", 1, "--protocol", "tls", *where) as one:
        assert one.engine.startswith("dask+tls://")
        with dask.config.set(names), open_executor(one.engine, None) as executor:
            assert list(results(executor, pid, [(0,)])) == [one.workers[0].pid]
        plain = one.engine.replace("dask+tls", "dask")
        with pytest.raises(EngineError, match="No connection"), open_executor(plain, None):
            raise AssertionError("opened without a certificate")
