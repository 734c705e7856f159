"""The result of a benchmark: what was measured, on what, and the ratios that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rescu_cli.bench.memory import Saved
from rescu_cli.errors import UsageError

PASSES = {"forward": 2, "forward_backward": 5}
"""Elements that must move per element: x in, y out; then x and the upstream gradient in, the
gradient out."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one thing, round by round.

    Args:
        samples: Seconds per call; the i-th samples of a run were taken in the same round.
        n_bytes: That must move at least.
    """

    samples: tuple[float, ...]
    n_bytes: int

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def best(self) -> float:
        return min(self.samples)

    @property
    def bandwidth(self) -> float:
        """Bytes per second at the median."""
        return self.n_bytes / self.median

    def over(self, other: Timing) -> float:
        """How many times as long as ``other``: the median of the rounds' own ratios.

        A burst of other work lasts longer than a round and cancels in its ratio; a ratio of two
        medians may take them from different rounds.
        """
        pairs = zip(self.samples, other.samples, strict=True)
        return median(mine / theirs for mine, theirs in pairs)

    def to_dict(self) -> dict[str, Any]:
        return {"median": self.median, "min": self.best, "samples": list(self.samples),
                "bytes": self.n_bytes, "bandwidth": self.bandwidth}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One contestant.

    Args:
        activation: The activation as text, or ``path.py:name``.
        mode: native, eager or compiled.
        forward: One evaluation without a graph.
        forward_backward: One evaluation and its gradient.
        saved: What is held between the two.
        failed: Why it could not be measured; then there are no times.
    """

    activation: str
    mode: str
    forward: Timing | None = None
    forward_backward: Timing | None = None
    saved: tuple[Saved, ...] = ()
    failed: str | None = None

    @property
    def saved_bytes(self) -> int:
        return sum(s.n_bytes for s in self.saved)

    def timing(self, what: str) -> Timing:
        """The times of ``forward`` or ``forward_backward``.

        Raises:
            UsageError: If it could not be measured.
        """
        found = self.forward if what == "forward" else self.forward_backward
        if found is None:
            raise UsageError(f"{self.activation} {self.mode} was not measured: {self.failed}")
        return found


@dataclass(frozen=True)
class BenchReport:
    """Every contestant beside the machine's own speed, of one run.

    Args:
        device: cpu or cuda.
        processor: Its name.
        threads: Inside one operation.
        torch: The framework's version.
        dtype: Of the tensors.
        size: Elements.
        rounds: Samples of each time.
        load: Processes that wanted to run when it began (Unix load average), if known.
        copy: Copying into memory that is there.
        clone: Copying into new memory, which is what any function that returns a tensor does.
        rows: The contestants.
    """

    device: str
    processor: str
    threads: int
    torch: str
    dtype: str
    size: int
    rounds: int
    load: float | None
    copy: Timing
    clone: Timing
    rows: tuple[Row, ...]

    def row(self, activation: str, mode: str) -> Row:
        """One contestant.

        Raises:
            UsageError: If it did not take part.
        """
        for row in self.rows:
            if (row.activation, row.mode) == (activation, mode):
                return row
        present = ", ".join(f"{r.activation} {r.mode}" for r in self.rows)
        raise UsageError(f"{activation} {mode} did not take part; there are: {present}.")

    def ratio(self, one: tuple[str, str], other: tuple[str, str], what: str) -> float:
        """How many times as long as ``other`` takes ``one``, both (activation, mode)."""
        return self.row(*one).timing(what).over(self.row(*other).timing(what))

    def to_dict(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "processor": self.processor,
            "threads": self.threads,
            "torch": self.torch,
            "dtype": self.dtype,
            "size": self.size,
            "rounds": self.rounds,
            "load": self.load,
            "copy": self.copy.to_dict(),
            "clone": self.clone.to_dict(),
            "rows": [self._row(r) for r in self.rows],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {"activation": row.activation, "mode": row.mode}
        for what in PASSES:
            if row.failed is not None:
                found[what] = None
                continue
            timing = row.timing(what)
            found[what] = {
                **timing.to_dict(),
                "of_copy": timing.bandwidth / self.copy.bandwidth,
                "to_native": self._to_native(row, what),
            }
        found["saved"] = {
            "bytes": row.saved_bytes,
            "per_element": row.saved_bytes / self.size,
            "tensors": [s.to_dict() for s in row.saved],
        }
        found["failed"] = row.failed
        return found

    def _to_native(self, row: Row, what: str) -> float | None:
        natives: Sequence[Row] = [
            r for r in self.rows if r.activation == row.activation and r.mode == "native"
        ]
        if not natives or natives[0].failed is not None:
            return None
        return row.timing(what).over(natives[0].timing(what))
