"""Artifacts that run in a process of their own.

A framework sets flags for a whole process: 64-bit numbers in JAX, the backend of Keras, Triton's
interpreter. Where they are set is a worker process, and never the caller's.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import rescu_cli
from rescu_cli.errors import InternalError, MissingDependencyError
from rescu_cli.export.artifact import Artifact
from rescu_cli.export.loader import INSTALL
from rescu_cli.export.runners.base import Array, Runner

_ROOT = Path(rescu_cli.__file__).parents[1]
_SHOWN = 1500
"""Characters of a worker's last words in an error."""


class Worker:
    """One process that holds one artifact at a time.

    Args:
        target: Module of ``workers/``.
        environment: What it finds in its environment, beside the caller's.
    """

    def __init__(self, target: str, environment: Mapping[str, str]) -> None:
        self.key = target, tuple(sorted(environment.items()))
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # reason: closed with the process
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
        # -P: a file torch.py in the caller's folder must not stand in for torch.
        self._process = subprocess.Popen(  # noqa: S603  # reason: our own interpreter and module
            [sys.executable, "-P", "-m", "rescu_cli.export.runners.workers", target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    def load(self, artifact: Artifact, parameters: Mapping[str, float]) -> str:
        """Hand the artifact over; what runs it, with its version.

        Raises:
            MissingDependencyError: If the target's tool is not installed.
        """
        self._send({"text": artifact.text, "name": artifact.name, "parameters": dict(parameters)})
        answer = self._answer()
        if "missing" in answer:
            raise MissingDependencyError(
                str(answer["missing"]),
                f"Running the {artifact.target} artifact",
                INSTALL[artifact.target],
            )
        return str(answer["tool"])

    def run(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        """The results of every way of computing a quantity."""
        points = np.ascontiguousarray(points, dtype=np.float64)
        self._send({"n": len(points), "kind": kind, "what": what}, points.tobytes())
        ways = self._answer()["ways"]
        return {way: np.frombuffer(self._read(points.nbytes)) for way in ways}

    @property
    def alive(self) -> bool:
        """Whether the process still listens."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it ended before it read everything
                    pipe.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def _send(self, message: dict[str, Any], body: bytes = b"") -> None:
        assert self._process.stdin is not None  # noqa: S101  # reason: for the type checker
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n" + body)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101  # reason: for the type checker
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise InternalError(f"The {self.key[0]} worker failed:\n{answer['error'][-_SHOWN:]}")
        return answer

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  # reason: for the type checker
        found = self._process.stdout.read(size)
        if len(found) < size:
            raise self._ended()
        return found

    def _ended(self) -> InternalError:
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace")[-_SHOWN:]
        return InternalError(f"The {self.key[0]} worker ended with status {code}:\n{words}")


class ProcessRunner(Runner):
    """An artifact in one or more workers.

    A check makes a runner per format, and importing a framework takes seconds. So closing a runner
    puts its workers aside, and the next runner of the target takes them over with a new artifact.

    Args:
        artifact: What to run.
        parameters: A number for each of its arguments.
        environments: Of each worker, by the title of its ways; a title may be empty.
        flushes: Whether a worker takes subnormal numbers for 0.
    """

    def __init__(
        self,
        artifact: Artifact,
        parameters: Mapping[str, float],
        environments: Mapping[str, Mapping[str, str]],
        *,
        flushes: bool = False,
    ) -> None:
        self.flushes_subnormals = flushes
        self._workers: dict[str, Worker] = {}
        tools = []
        try:
            for title, environment in environments.items():
                worker = _taken(artifact.target, environment)
                self._workers[title] = worker
                tools.append(worker.load(artifact, parameters))
        except BaseException:
            self._end()
            raise
        super().__init__(", ".join(tools))

    def __call__(self, points: Array, kind: str, what: str) -> dict[str, Array]:
        found: dict[str, Array] = {}
        try:
            for title, worker in self._workers.items():
                for way, result in worker.run(points, kind, what).items():
                    found[f"{title} {way}".strip()] = result
        except BaseException:
            self._end()  # an answer may be on its way that nobody will read
            raise
        return found

    def close(self) -> None:
        while self._workers:
            _put_aside(self._workers.popitem()[1])

    def _end(self) -> None:
        while self._workers:
            self._workers.popitem()[1].close()


_idle: dict[object, Worker] = {}
"""At most one worker per target and environment; each ends by itself when it is not used."""


def _taken(target: str, environment: Mapping[str, str]) -> Worker:
    found = _idle.pop((target, tuple(sorted(environment.items()))), None)
    if found is not None:
        if found.alive:
            return found
        found.close()
    return Worker(target, environment)


def _put_aside(worker: Worker) -> None:
    if worker.key in _idle or not worker.alive:
        worker.close()
    else:
        _idle[worker.key] = worker


@atexit.register
def close_idle() -> None:
    """End the workers that nobody uses."""
    while _idle:
        _idle.popitem()[1].close()
