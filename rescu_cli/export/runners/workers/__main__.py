"""The loop of a worker: reads requests from one pipe and answers on another.

A message is a line of JSON, and the raw bytes of the float64 arrays that it announces. The process
ends when its input does, or when nobody asked for a while.
"""

from __future__ import annotations

import json
import os
import select
import sys
import traceback
from importlib import import_module
from typing import Any, BinaryIO, cast

import numpy as np

from rescu_cli.export.runners.workers.base import Program, Worker

_PATIENCE = 120.0
"""Seconds without a request after which a worker ends."""


def main(target: str) -> None:
    """Serve until the input ends."""
    # What a library prints must not get between the answers.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    program: Program | None = None
    while select.select([requests], [], [], _PATIENCE)[0]:
        line = requests.readline()
        if not line:
            return
        request = json.loads(line)
        try:
            if "text" in request:
                program = _load(target, request)
                _answer(answers, {"tool": program.tool})
            elif program is not None:
                _run(program, request, requests, answers)
        except ImportError as error:
            _answer(answers, {"missing": error.name or str(error)})
        except Exception:  # noqa: BLE001  # reason: whatever it is, the caller is told
            _answer(answers, {"error": traceback.format_exc()})


def _load(target: str, request: dict[str, Any]) -> Program:
    module = cast(Worker, import_module(f"rescu_cli.export.runners.workers.{target}"))
    return module.load(request["text"], request["name"], request["parameters"])


def _run(program: Program, request: dict[str, Any], source: BinaryIO, answers: BinaryIO) -> None:
    points = np.frombuffer(source.read(8 * request["n"]), dtype=np.float64)
    found = program(points, request["kind"], request["what"])
    results = [np.ascontiguousarray(a, dtype=np.float64)[: len(points)] for a in found.values()]
    _answer(answers, {"ways": list(found)}, b"".join(r.tobytes() for r in results))


def _answer(answers: BinaryIO, message: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps(message).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
