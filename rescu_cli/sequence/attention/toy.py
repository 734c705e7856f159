"""Generated tasks whose alignment is known: which source token each target token is a copy of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rescu_cli.errors import UnknownNameError, UsageError

PAD, START, FIRST = 0, 1, 2
SYMBOLS = 10
"""Different symbols that are copied."""
NOISE = 4
"""Different symbols that are not."""
NOISE_SHARE = 0.3
N_TOKENS = FIRST + SYMBOLS + NOISE
LONGEST = 64

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Source and target sequences, padded.

    Args:
        source: Tokens, shape (n, seq).
        there: Bool, shape (n, seq): where the source is no padding.
        before: What the decoder is fed: `START`, then the target without its last token; (n, seq).
        symbols: What it should give, 0 … SYMBOLS − 1; 0 where the target pads; (n, seq).
        wanted: Bool, shape (n, seq): where the target is no padding.
        truth: Of each target token, its place in the source; 0 where the target pads; (n, seq).
    """

    source: Tensor
    there: Tensor
    before: Tensor
    symbols: Tensor
    wanted: Tensor
    truth: Tensor

    def __len__(self) -> int:
        return len(self.source)

    def rows(self, which: Tensor | slice) -> Pairs:
        """Some of the pairs."""
        return Pairs(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def _reversed(length: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
    source = generator.integers(FIRST, FIRST + SYMBOLS, length)
    return source, np.arange(length)[::-1]


def _copied(length: int, generator: np.random.Generator) -> tuple[Ints, Ints]:
    source = generator.integers(FIRST, FIRST + SYMBOLS, length)
    noise = generator.random(length) < NOISE_SHARE
    noise[generator.integers(length)] = False  # a target has one token at least
    others = generator.integers(FIRST + SYMBOLS, N_TOKENS, length)
    return np.where(noise, others, source), np.flatnonzero(~noise)


TASKS: dict[str, Callable[[int, np.random.Generator], tuple[Ints, Ints]]] = {
    "reverse": _reversed, "copy": _copied,
}  # fmt: skip


def generate(task: str, n: int, seq: int, seed: int) -> Pairs:
    """Sequences with lengths from ⌈seq/2⌉ to seq, evenly.

    ==========  ==================================================================================
    reverse     the target is the source backwards; token t is a copy of the source's length−1−t
    copy        some three in ten tokens of the source are noise, of symbols of their own; the
                target is the rest in order; token t is a copy of the t-th that is no noise
    ==========  ==================================================================================

    Args:
        task: Of `TASKS`.
        n: How many, at least 1.
        seq: Longest.
        seed: Of everything.

    Raises:
        UnknownNameError: If there is no such task.
        UsageError: If a number is out of range.

    Example:
        >>> pairs = generate("reverse", 1, 4, 0)
        >>> (pairs.source[0] - FIRST).tolist(), pairs.symbols[0].tolist(), pairs.truth[0].tolist()
        ([6, 5, 2, 3], [3, 2, 5, 6], [3, 2, 1, 0])
    """
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    if not 2 <= seq <= LONGEST:
        raise UsageError(
            f"Sequences of length {seq} asked; the tasks take a longest length from 2 to {LONGEST}."
        )
    generator = np.random.default_rng(seed)
    source, before, symbols, truth = (np.zeros((n, seq), np.int64) for _ in range(4))
    there, wanted = (np.zeros((n, seq), np.bool_) for _ in range(2))
    for row, length in enumerate(generator.integers((seq + 1) // 2, seq + 1, n)):
        tokens, places = TASKS[task](int(length), generator)
        target = tokens[places]
        source[row, :length], there[row, :length] = tokens, True
        before[row, : len(target)] = np.concatenate([[START], target[:-1]])
        symbols[row, : len(target)] = target - FIRST
        truth[row, : len(target)], wanted[row, : len(target)] = places, True
    arrays = (source, there, before, symbols, wanted, truth)
    return Pairs(*(torch.from_numpy(array) for array in arrays))
