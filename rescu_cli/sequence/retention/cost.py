"""Time and memory of one more token: retention's state against attention's growing cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import sqrt
from statistics import quantiles
from typing import Any

import torch
from torch import Tensor

from rescu_cli.errors import UsageError
from rescu_cli.sequence.retention.decay import decays

ROUNDS = 9
CALLS = 20  # timed together in a round, at short lengths
SHORT = 2e-3  # seconds; longer calls are timed alone
MOST_LENGTH = 2**20


def state_numbers(n_heads: int, head_width: int) -> int:
    """Numbers that retention keeps of a sequence of any length: H·d·d."""
    return n_heads * head_width * head_width


def cache_numbers(n_heads: int, head_width: int, length: int) -> int:
    """Numbers that attention keeps: a key and a value per head and token, 2·H·d·T."""
    return 2 * n_heads * head_width * length


def cost_curve(
    lengths: Sequence[int], *, n_heads: int = 8, head_width: int = 64, seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """What one more token costs after ``lengths`` tokens, in float32 and this process's threads.

    Attention is softmax(qKᵀ/√d)V over a cache filled with that many keys and values; retention is
    S ← γS + kᵀv and qS, which the length does not enter: it is timed again at each length all the
    same. Projections are left out, being the same in both.

    Args:
        lengths: Tokens before, 1 … 2²⁰ each.
        n_heads: H.
        head_width: d.
        seed: Of the numbers, which the time does not depend on.
        progress: Called with (lengths done, lengths to do).

    Returns:
        For each length ``length``, ``retention`` and ``attention``: seconds per token, median and
        quartiles over rounds in turn, and bytes kept.

    Raises:
        UsageError: For a length out of range.
    """
    for length in lengths:
        if not 1 <= length <= MOST_LENGTH:
            raise UsageError(f"{length} tokens asked; possible are 1 … {MOST_LENGTH}.")
    generator = torch.Generator().manual_seed(seed)
    rows = []
    with torch.no_grad():
        for number, length in enumerate(lengths):
            calls = _calls(n_heads, head_width, length, generator)
            seconds = {name: _quartiles(times) for name, times in _timed(calls).items()}
            rows.append({
                "length": length,
                "retention": {**seconds["retention"],
                              "bytes": 4 * state_numbers(n_heads, head_width)},
                "attention": {**seconds["attention"],
                              "bytes": 4 * cache_numbers(n_heads, head_width, length)},
            })  # fmt: skip
            if progress is not None:
                progress(number + 1, len(lengths))
    return rows


def _calls(
    n_heads: int, d: int, length: int, generator: torch.Generator
) -> dict[str, Callable[[], Tensor]]:
    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    keys, values = drawn(n_heads, length, d), drawn(n_heads, length, d)
    q, k, v = (drawn(n_heads, 1, d) for _ in range(3))
    state = drawn(n_heads, d, d)
    γ = decays(n_heads).float()[:, None, None]

    def attention() -> Tensor:
        return torch.softmax(q @ keys.transpose(1, 2) / sqrt(d), -1) @ values

    def retention() -> Tensor:
        state.mul_(γ).baddbmm_(k.transpose(1, 2), v)
        return q @ state

    return {"attention": attention, "retention": retention}


def _timed(calls: dict[str, Callable[[], Tensor]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in calls}
    repeats = {}
    for name, call in calls.items():
        start = time.perf_counter()
        call()  # the first call also warms the caches
        call()
        repeats[name] = 1 if (time.perf_counter() - start) / 2 > SHORT else CALLS
    for _ in range(ROUNDS):
        for name, call in calls.items():
            call()  # not timed: the other one has emptied the processor's caches
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            found[name].append((time.perf_counter() - start) / repeats[name])
    return found


def _quartiles(times: Sequence[float]) -> dict[str, float]:
    low, median, high = quantiles(times, n=4, method="inclusive")
    return {"seconds": median, "low": low, "high": high}
