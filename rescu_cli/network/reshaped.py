"""A small network with reshaped stages beside a plain one with exactly as many ReLUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import nn

from rescu_cli.errors import UsageError
from rescu_cli.network.relus.counting import count_relus
from rescu_cli.network.reshape import Multipliers, stage_counts
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import build_toy
from rescu_cli.network.toy.training import Training, accuracy, fit

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

    The plain network doubles its channels as well as whole numbers allow: stage after stage gets
    the nearest to C·2^k with the real C that spends all ReLUs, but the last stage takes up what
    remains. Its resolution is 1×1 or near, so that it fits exactly.

    Args:
        multipliers: A solution.
        examples: Square images whose side halves often enough.
        channels: Of the reshaped network's first stage, at least 1.

    Raises:
        UsageError: If the data are no such images, or the counts cannot be made equal.
    """
    if len(examples.shape) != 3 or examples.shape[1] != examples.shape[2]:
        raise UsageError(
            f"{examples.name!r} has examples of shape {examples.shape}; reshaping speaks of square "
            "images, such as digits."
        )
    size, n = examples.shape[1], len(multipliers) + 1
    reshaped = tuple(channels * prod(multipliers[:k]) for k in range(n))
    places = stage_counts([1] * n, size)
    if size % 2 ** (n - 1):
        raise UsageError(
            f"Images of {size}x{size} do not halve {n - 1} times; {n} stages need sides that are "
            f"multiples of {2 ** (n - 1)}."
        )
    total = sum(stage_counts(reshaped, size))
    base = total / sum(p * PLAIN**k for k, p in enumerate(places))
    plain: list[int] = []
    left = total
    for k, place in enumerate(places[:-1]):
        width = max(1, round(base * PLAIN**k))
        while left - width * place < sum(places[k + 1 :]) or (
            k == n - 2 and (left - width * place) % places[-1]
        ):
            width -= 1
            if width < 1:
                raise UsageError(f"No plain network has exactly {total} ReLUs; ask for more "
                                 "channels.")  # fmt: skip
        plain.append(width)
        left -= width * place
    plain.append(left // places[-1])
    return Pair(tuple(multipliers), reshaped, tuple(plain), size)


def train_reshaped(
    examples: Examples, widths: Sequence[int], training: Training, seed: int
) -> dict[str, Any]:
    """One network: its counts and its accuracy on the test part.

    Args:
        examples: Data.
        widths: Channels per stage; every stage after the first has half the resolution.
        training: Recipe.
        seed: Of weights and order.
    """
    model = build_toy("cnn", examples, nn.ReLU, seed, hidden=widths)
    count = count_relus(model, (examples.n_features,), stem=())
    fit(model, examples, training, seed)
    return {
        "channels": list(widths),
        "relus": count.total,
        "by_stage": list(count.by_stage.values()),
        "flops": 2 * count.macs,
        "n_parameters": count.n_parameters,
        "accuracy": accuracy(model, examples.x_test, examples.y_test),
    }
