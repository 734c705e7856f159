"""A small network with reshaped stages beside a plain one with exactly as many ReLUs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, log2, prod
from typing import Any

from torch import nn

from rescu_cli.errors import UsageError
from rescu_cli.network.learn import learn
from rescu_cli.network.relus.counting import count_relus
from rescu_cli.network.reshape import Multipliers, stage_counts
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import build_toy
from rescu_cli.network.toy.training import Training, accuracy

PLAIN = 2
"""Usual networks double their channels from stage to stage."""


@dataclass(frozen=True)
class Pair:
    """Channels per stage of two networks with equally many ReLUs.

    Args:
        multipliers: Of the reshaped one.
        reshaped: Its channels.
        plain: The other one's.
        size: Height and width of the images.
    """

    multipliers: Multipliers
    reshaped: tuple[int, ...]
    plain: tuple[int, ...]
    size: int

    def __post_init__(self) -> None:
        counts = [sum(stage_counts(w, self.size)) for w in (self.reshaped, self.plain)]
        if counts[0] != counts[1]:
            raise UsageError(f"The networks have {counts[0]} and {counts[1]} ReLUs; only equal "
                             "counts are compared.")  # fmt: skip


def make_pair(multipliers: Multipliers, examples: Examples, channels: int) -> Pair:
    """Channels of both networks for a data set of images.

    The plain network doubles its channels as well as whole numbers allow: of all widths with
    exactly as many ReLUs, it has those nearest to C·2^k, with the real C that spends all ReLUs.
    Nearest: the largest |log₂(width/(C·2^k))| is the smallest.

    Args:
        multipliers: A solution.
        examples: Square images whose side halves often enough.
        channels: Of the reshaped network's first stage, at least 1.

    Raises:
        UsageError: If the data are no such images.
    """
    if len(examples.shape) != 3 or examples.shape[1] != examples.shape[2]:
        raise UsageError(
            f"{examples.name!r} has examples of shape {examples.shape}; reshaping speaks of square "
            "images, such as digits."
        )
    size, n = examples.shape[1], len(multipliers) + 1
    reshaped = tuple(channels * prod(multipliers[:k]) for k in range(n))
    total = sum(stage_counts(reshaped, size))
    return Pair(tuple(multipliers), reshaped, _doubling(total, stage_counts([1] * n, size)), size)


def _doubling(total: int, places: Sequence[int]) -> tuple[int, ...]:
    """Widths that double best, with exactly ``total`` ReLUs.

    All are tried but those that are farther off in one width than the best is in its worst. There
    is always one: a place of the last stage divides all others, so that it takes what is left.

    Args:
        total: ReLUs, a multiple of the last of ``places``.
        places: Height times width of each stage.
    """
    base = total / sum(place * PLAIN**k for k, place in enumerate(places))
    ideal = [base * PLAIN**k for k in range(len(places))]
    best: tuple[float, tuple[int, ...]] = (inf, ())

    def extend(widths: tuple[int, ...], left: int, worst: float) -> None:
        nonlocal best
        k = len(widths)
        if k == len(places) - 1:
            width = left // places[-1]
            if width >= 1:
                off = max(worst, abs(log2(width / ideal[k])))
                best = min(best, (off, (*widths, width)))
            return
        for width in _outward(ideal[k], left // places[k]):
            off = max(worst, abs(log2(width / ideal[k])))
            if off > best[0]:
                return
            extend((*widths, width), left - width * places[k], off)

    extend((), total, 0.0)
    return best[1]


def _outward(centre: float, most: int) -> Iterator[int]:
    """Whole numbers from 1 to ``most``, those nearest in ratio to the centre first."""
    low, high = int(centre), int(centre) + 1
    while low >= 1 or high <= most:
        if high > most or (low >= 1 and centre / low <= high / centre):
            if low <= most:
                yield low
            low -= 1
        else:
            yield high
            high += 1


def train_reshaped(
    examples: Examples, widths: Sequence[int], training: Training, seed: int
) -> dict[str, Any]:
    """One network: its counts and its accuracy on the test part.

    Args:
        examples: Data.
        widths: Channels per stage; every stage after the first has half the resolution.
        training: Recipe.
        seed: Of weights and order.

    Raises:
        UsageError: If training diverges.
    """
    model = build_toy("cnn", examples, nn.ReLU, seed, hidden=widths)
    count = count_relus(model, (examples.n_features,), stem=())
    name = f"The network of channels {', '.join(map(str, widths))} and seed {seed}"
    learn(model, examples, training, seed, what=name)
    return {
        "channels": list(widths),
        "relus": count.total,
        "by_stage": list(count.by_stage.values()),
        "flops": 2 * count.macs,
        "n_parameters": count.n_parameters,
        "accuracy": accuracy(model, examples.x_test, examples.y_test),
    }
