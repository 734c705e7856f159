"""Goes through all keys: chunks within blocks, blocks shared between threads, state to resume from.

Blocks are judged independently and put together in order, so that a report does not depend on how
many threads there were, nor on whether the run was interrupted.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rescu_cli.core.files import write_json
from rescu_cli.errors import StoreError
from rescu_cli.export.machine.judge import Judge, Judged
from rescu_cli.export.machine.tally import Tally
from rescu_cli.export.machine.truth import QUANTITIES

Progress = Callable[[int, int], None]
SAVE_EVERY = 5.0
"""Seconds between two writes of the state."""


@dataclass(frozen=True)
class Layout:
    """Which keys are tried, and how they are cut.

    Args:
        start: First key.
        stop: Key after the last one.
        step: Distance between keys.
        block: Keys per block, the unit of saving.
        chunk: Keys per call of the code.
    """

    start: int
    stop: int
    step: int
    block: int
    chunk: int

    @property
    def n_blocks(self) -> int:
        return -(-(self.stop - self.start) // self.block)

    @property
    def n_inputs(self) -> int:
        return sum(len(range(*self.ends(b), self.step)) for b in range(self.n_blocks))

    def ends(self, block: int) -> tuple[int, int]:
        """The keys of a block."""
        low = self.start + block * self.block
        return low, min(low + self.block, self.stop)


class _Stopped(Exception):  # noqa: N818  # reason: a signal between threads, never an error
    pass


def walk(
    layout: Layout, judge: Callable[[], Judge], *, workers: int, identity: dict[str, Any],
    state: Path | None = None, progress: Progress | None = None,
) -> tuple[list[Judged], bool]:  # fmt: skip
    """Judge every block.

    Args:
        layout: What to go through.
        judge: Makes a fresh judge for one block.
        workers: Threads.
        identity: What the results depend on; a state of something else is not used.
        state: Where unfinished work is kept, and found again.
        progress: Called with (inputs done, inputs in all). What it raises, Ctrl-C too, stops the
            walk with its state saved.

    Returns:
        The blocks in order, and whether some came from an earlier run.
    """
    done = _restored(state, identity)
    resumed, total, stop = bool(done), layout.n_inputs, threading.Event()

    def work(block: int) -> Judged:
        judging = judge()
        low, high = layout.ends(block)
        for start in range(low, high, layout.chunk):
            if stop.is_set():
                raise _Stopped
            judging.take(start, min(start + layout.chunk, high))
        return judging.judged

    def inputs_done() -> int:
        return sum(len(range(*layout.ends(b), layout.step)) for b in done)

    saved_at = time.monotonic()
    todo = [b for b in range(layout.n_blocks) if b not in done]
    try:
        with ThreadPoolExecutor(max(1, workers)) as pool:
            running: dict[Future[Judged], int] = {}
            try:
                while todo or running:
                    while todo and len(running) < workers:
                        block = todo.pop(0)
                        running[pool.submit(work, block)] = block
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        done[running.pop(future)] = future.result()
                    if progress is not None:
                        progress(inputs_done(), total)
                    if state is not None and time.monotonic() - saved_at > SAVE_EVERY:
                        _save(state, identity, done)
                        saved_at = time.monotonic()
            finally:
                stop.set()
    except BaseException:
        if state is not None and done:
            _save(state, identity, done)
        raise
    return [done[b] for b in sorted(done)], resumed


def workers_here() -> int:
    """Processors that this process may use, at most 8."""
    usable = getattr(os, "sched_getaffinity", None)
    return min(8, len(usable(0)) if usable else os.cpu_count() or 1)


def _save(path: Path, identity: dict[str, Any], done: dict[int, Judged]) -> None:
    rows = {
        str(b): {
            "tallies": {what: j.tallies[what].to_dict() for what in QUANTITIES},
            "first": {k: repr(v) for k, v in j.first.items()},
            "last": {k: repr(v) for k, v in j.last.items()},
        }
        for b, j in sorted(done.items())
    }
    write_json(path, {"state_of": identity, "blocks": _portable(rows)})


def _portable(data: Any) -> Any:
    """With infinite distances as text, which JSON lacks."""
    if isinstance(data, dict):
        return {k: _portable(v) for k, v in data.items()}
    if isinstance(data, list):
        return [_portable(v) for v in data]
    return "inf" if data == float("inf") else data


def _restored(path: Path | None, identity: dict[str, Any]) -> dict[int, Judged]:
    """The finished blocks of a state.

    Raises:
        StoreError: If the file is not a state, or one of another check.
    """
    if path is None or not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        held = data["state_of"]
        if held == identity:
            return {int(b): _judged(row) for b, row in data["blocks"].items()}
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is not the state of a check ({error!r}); delete it to begin anew."
        ) from error
    other = [k for k in identity if not isinstance(held, dict) or held.get(k) != identity[k]]
    first = other[0] if other else "the whole"
    was = held.get(first) if isinstance(held, dict) else held
    raise StoreError(
        f"{path} is the unfinished state of another check: {first} was {was!r:.80} and is now "
        f"{identity.get(first)!r:.80}. Delete it to begin anew, or choose another --out."
    )


def _judged(row: dict[str, Any]) -> Judged:
    def numbers(found: dict[str, Any]) -> dict[str, Any]:
        return {k: [n, spot and [*spot[:3], float(spot[3])]] for k, (n, spot) in found.items()}

    return Judged(
        {what: Tally.from_dict(numbers(row["tallies"][what])) for what in QUANTITIES},
        {k: float(v) for k, v in row["first"].items()},
        {k: float(v) for k, v in row["last"].items()},
    )
