"""One benchmark from beginning to end."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rescu_cli.bench.contestants import MODES, Contestant, contestants
from rescu_cli.bench.measure import (
    AbstractClock,
    CudaClock,
    ProcessorClock,
    Task,
    take_turns,
    thread_count,
    warm_up,
)
from rescu_cli.bench.memory import Saved, saved_for_backward
from rescu_cli.bench.report import PASSES, BenchReport, Row, Timing
from rescu_cli.errors import UnknownNameError, UsageError

DTYPES = ("float16", "bfloat16", "float32", "float64")
DEVICES = ("cpu", "cuda")
SIZES = {"cpu": 2**22, "cuda": 2**26}
"""Elements by default: more than the caches hold."""


def benchmark(
    activations: Sequence[str],
    *,
    device: str = "cpu",
    dtype: str = "float32",
    size: int | None = None,
    threads: int | None = None,
    rounds: int = 15,
    modes: Sequence[str] = MODES,
    clock: AbstractClock | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BenchReport:
    """Time activations, eager, compiled and native, against the machine's copy bandwidth.

    All take turns: every round times each of them once, and ratios are taken within rounds.

    Args:
        activations: ``NAME[:param=value,…]``, or ``path.py:name``, a torch callable whose file is
            run; parameters left open take their documented defaults.
        device: cpu or cuda.
        dtype: float16, bfloat16, float32 or float64.
        size: Elements; 2²² on the cpu and 2²⁶ on cuda by default.
        threads: Inside one operation; as torch has it by default. Put back afterwards.
        rounds: Samples of each time.
        modes: Of native, eager, compiled.
        clock: Instead of the device's own.
        progress: Called with (rounds done, rounds in all).

    Raises:
        UsageError: If the device is not there or a number is not positive.
        UnknownNameError: If an activation, a dtype or a mode does not exist.

    Example:
        >>> report = benchmark(["swish"], size=1000, rounds=3, modes=["native", "eager"])
        >>> [(row.mode, row.saved_bytes) for row in report.rows]
        [('native', 4000), ('eager', 4000)]
    """
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "Device 'cuda' asked, but PyTorch finds no CUDA device here; use '--device cpu'."
        )
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, DTYPES)
    size = SIZES[device] if size is None else size
    for option, number in (("size", size), ("threads", threads), ("rounds", rounds)):
        if number is not None and number < 1:
            raise UsageError(f"{option} must be at least 1; found {number}.")
    entrants = contestants(activations, modes, device)
    clock = clock or (CudaClock() if device == "cuda" else ProcessorClock())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with thread_count(threads) as running:
        x = _input(size, dtype, device)
        stage = _Stage(x, clock)
        for entrant in entrants:
            stage.admit(entrant)
        take_turns(stage.tasks, rounds, clock, progress)
        rows = tuple(stage.row(entrant) for entrant in entrants)
    return BenchReport(
        device=device,
        processor=torch.cuda.get_device_name() if device == "cuda" else processor_name(),
        threads=running,
        torch=torch.__version__,
        dtype=dtype,
        size=size,
        rounds=rounds,
        load=load,
        copy=stage.timing("copy", PASSES["forward"]),
        clone=stage.timing("clone", PASSES["forward"]),
        rows=rows,
    )


class _Stage:
    """The tensors and tasks of a run."""

    def __init__(self, x: Tensor, clock: AbstractClock) -> None:
        self.x, self.clock = x, clock
        self.leaf = x.detach().clone().requires_grad_()
        self.upstream = torch.ones_like(x)
        there = torch.empty_like(x)
        self.tasks = [Task("copy", lambda: there.copy_(x)), Task("clone", x.clone)]
        for task in self.tasks:
            warm_up(task, clock)
        self.saved: dict[tuple[str, str], tuple[Saved, ...]] = {}
        self.failed: dict[tuple[str, str], str] = {}

    def admit(self, entrant: Contestant) -> None:
        """Warm a contestant up; one that does not run is left out, with the reason."""
        key = (entrant.activation, entrant.mode)
        new = [
            Task(self._name(entrant, "forward"), lambda: self._forward(entrant)),
            Task(self._name(entrant, "forward_backward"), lambda: self._both(entrant)),
        ]
        try:
            for task in new:
                warm_up(task, self.clock)
            self.saved[key] = saved_for_backward(entrant.function, self.x)
        except Exception as error:  # noqa: BLE001  # reason: compilers and users raise anything
            text = str(error).strip()
            shown = text.splitlines()[0][:200] if text else ""
            self.failed[key] = f"{type(error).__name__}: {shown}"
        else:
            self.tasks += new

    def _forward(self, entrant: Contestant) -> Tensor:
        with torch.no_grad():
            return entrant.function(self.x)

    def _both(self, entrant: Contestant) -> tuple[Tensor, ...]:
        return torch.autograd.grad(entrant.function(self.leaf), self.leaf, self.upstream)

    @staticmethod
    def _name(entrant: Contestant, what: str) -> str:
        return f"{entrant.activation} {entrant.mode} {what}"

    def timing(self, name: str, passes: int) -> Timing:
        (task,) = (t for t in self.tasks if t.name == name)
        return Timing(tuple(task.samples), passes * self.x.numel() * self.x.element_size())

    def row(self, entrant: Contestant) -> Row:
        key = (entrant.activation, entrant.mode)
        if key in self.failed:
            return Row(*key, failed=self.failed[key])
        forward, both = (self.timing(self._name(entrant, w), n) for w, n in PASSES.items())
        return Row(*key, forward, both, self.saved[key])


def _input(size: int, dtype: str, device: str) -> Tensor:
    """Normal numbers, the same on every call: what an activation meets after normalisation."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, generator=generator).to(device, getattr(torch, dtype))


def processor_name() -> str:
    """The processor as its maker calls it, where the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
