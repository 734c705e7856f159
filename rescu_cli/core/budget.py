"""A time limit for pure-Python computations that cannot promise to end (symbolic integration)."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class OutOfTime(BaseException):  # reason: control flow, like KeyboardInterrupt
    """The budget is spent. Not an ``Exception``: SymPy catches those while it tries heuristics."""


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block once ``seconds`` have passed.

    Works in any thread (a signal would need the main one). The exception arrives between two
    bytecodes, so a single long call into C delays it; the parser's size limits keep those short.
    """
    target = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    lock = threading.Lock()
    state = {"done": False, "fired": False}

    def fire() -> None:
        with lock:
            if not state["done"]:
                state["fired"] = True
                raise_in(target, ctypes.py_object(OutOfTime))

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    caught = False
    try:
        yield
    except OutOfTime:
        caught = True
        raise
    finally:
        timer.cancel()
        with lock:
            state["done"] = True
            if state["fired"] and not caught:
                raise_in(target, None)  # fired as the block ended: take it back
