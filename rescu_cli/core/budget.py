"""A time limit for pure-Python computations that cannot promise to end (symbolic integration)."""

from __future__ import annotations

import _thread
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_STEP = 0.002
"""Seconds between two looks at the clock."""
_AGAIN = (0.05, 0.031, 0.081, 0.019)
"""Seconds between two tries, in turn. One try is not always enough: an exception that arrives while
Python runs a destructor or a callback is dropped, and code with a bare ``except`` swallows it. At
equal intervals the tries can keep step with such a destructor for ever."""


PATIENCE = 10
"""Times its budget that a block may take on a machine that is busy with other work."""


class OutOfTime(BaseException):  # reason: control flow, like KeyboardInterrupt
    """The budget is spent. Not an ``Exception``: SymPy catches those while it tries heuristics."""


def _own_clock() -> Callable[[], float]:
    """Seconds that the calling thread has computed, for any thread to read."""
    try:
        return partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
    except (AttributeError, OSError):  # Windows and macOS have no such clock
        return time.monotonic


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Raise `OutOfTime` inside the block once it has computed for ``seconds``, until it ends.

    What counts is the time that this thread has had a processor, so that a busy machine does not
    change what is found; where the system does not tell it, and beyond `PATIENCE` times as long,
    it is the time on the wall.

    Works in any thread (a signal would need the main one). The exception arrives between two
    bytecodes, so a single long call into C delays it; the parser's size limits keep those short.
    """
    target, spent = ctypes.c_ulong(threading.get_ident()), _own_clock()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    # Plain flags and polling: an exception between taking a lock and entering its ``with`` would
    # leave the lock taken for ever.
    flags = SimpleNamespace(begun=False, done=False, gone=False)

    def watch() -> None:
        # Nothing may arrive before the block is entered, however late this thread gets its turn:
        # nobody would be there to end it.
        while not flags.begun:
            time.sleep(_STEP / 4)
        end, last = spent() + seconds, time.monotonic() + PATIENCE * seconds
        while not flags.done and spent() < end and time.monotonic() < last:
            time.sleep(_STEP)
        for pause in cycle(_AGAIN):
            if flags.done:
                break
            raise_in(target, ctypes.py_object(OutOfTime))
            time.sleep(pause)
        flags.gone = True

    usual_hook = sys.unraisablehook

    def hook(unraisable: UnraisableHookArgs) -> None:
        # Dropped in a destructor: it will be raised again, and is nothing to tell the user of.
        if unraisable.exc_type is not OutOfTime:
            usual_hook(unraisable)

    sys.unraisablehook = hook
    # Not `threading.Thread`, whose start waits for an event: the budget of a caller may run out
    # there, with the event's lock taken.
    _thread.start_new_thread(watch, ())
    try:
        flags.begun = True
        yield
    finally:
        while True:
            try:
                flags.done = True
                while not flags.gone:
                    time.sleep(_STEP / 4)
                raise_in(target, None)  # take back one that is on its way
                sys.unraisablehook = usual_hook
                break
            except OutOfTime:
                continue
