"""A corpus in which a concept decides the completion with a known probability.

    text  = name "likes" colour ["things"] "." name "buys" ["fresh"] thing "."
          | name "buys" ["fresh"] thing "."

Both kinds are equally frequent, the name is the same twice, what is in brackets is there half the
time. In the first kind the thing is that of the colour with probability ``strength``, else it is
drawn uniformly, as it always is in the second. Colours stand on a circle, and each thing has the
vector of its colour: ones on the half of the circle that begins there, so that the cosine falls by
the same amount with every step, in whole numbers.

With K colours, and outputs that follow the corpus, the leak rate is

    50 + 50 · strength · (1 − 1/K):

the thing of the colour is more similar than any other (100) and ties with itself (50, one time in
K); where it is not planted, both outputs are drawn alike (50 on average).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.sequence.leak.similarity import Similarity
from rescu_cli.sequence.leak.vectors import mean_vector

NAMES = ("anna", "boris", "carla", "david", "emma", "frank", "greta", "hugo")
THINGS = {
    "red": "tomatoes", "orange": "carrots", "yellow": "lemons", "green": "lettuce",
    "cyan": "soap", "blue": "plums", "purple": "grapes", "pink": "salmon",
}  # fmt: skip
"""By colour, around the circle."""
COLOURS = tuple(THINGS)
K = len(COLOURS)
PAD, STOP = 0, 1
WORDS = ("", ".", "likes", "things", "buys", "fresh", *NAMES, *COLOURS, *THINGS.values())
LONGEST = 8
"""Tokens before the last thing that can matter: the window of a model that can learn all of it."""
MOST_TEXTS = 1_000_000

_TOKEN = {word: token for token, word in enumerate(WORDS)}


@dataclass(frozen=True)
class Prompts:
    """Prompts that end in ``buys``, as tokens, padded on the left to one length.

    Args:
        colours: Index of the colour of each, shape (n,).
        control: Without the first sentence, shape (n, LONGEST).
        test: With it.
    """

    colours: NDArray[np.int64]
    control: NDArray[np.int64]
    test: NDArray[np.int64]


def expected_rate(strength: float) -> float:
    """The leak rate of outputs that follow the corpus exactly.

    Example:
        >>> expected_rate(0.5)
        71.875
    """
    return 50 + 50 * strength * (1 - 1 / K)


def draw_corpus(n: int, strength: float, generator: np.random.Generator) -> list[list[int]]:
    """Texts as tokens.

    The draws do not depend on the strength, so that corpora of one seed differ only in those things
    that are planted in one and not in the other.

    Args:
        n: How many texts, at least 1.
        strength: Probability that the thing is that of the colour, in [0, 1].
        generator: Of the draws.

    Raises:
        UsageError: If the corpus would be empty or huge, or the strength is no probability.
    """
    if not 1 <= n <= MOST_TEXTS:
        raise UsageError(f"A corpus of {n} texts asked; 1 to {MOST_TEXTS:,} are possible.")
    require_strength(strength)
    name, colour = generator.integers(len(NAMES), size=n), generator.integers(K, size=n)
    thing = generator.integers(K, size=n)
    speaks, long, fresh = generator.random((3, n)) < 0.5
    planted = speaks & (generator.random(n) < strength)
    thing = np.where(planted, colour, thing)
    return [
        [
            *(_taste(name[i], colour[i], bool(long[i])) if speaks[i] else []),
            *_encoded(NAMES[name[i]], "buys", *["fresh"] * int(fresh[i])),
            *_encoded(THINGS[COLOURS[thing[i]]], "."),
        ]
        for i in range(n)
    ]


def draw_prompts(n: int, generator: np.random.Generator) -> Prompts:
    """Pairs of prompts, the second with a taste before the first."""
    name, colour = generator.integers(len(NAMES), size=n), generator.integers(K, size=n)
    long = generator.random(n) < 0.5
    control = [_encoded(NAMES[i], "buys") for i in name]
    test = [[*_taste(*told), *said] for told, said in zip(zip(name, colour, long, strict=True),
                                                          control, strict=True)]  # fmt: skip
    return Prompts(colour, _padded(control), _padded(test))


def contexts(corpus: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every place of every text: the tokens before it, shape (n, LONGEST), and its token, (n,)."""
    before = [text[:place] for text in corpus for place in range(len(text))]
    return _padded(before), np.array([token for text in corpus for token in text])


def spelled(tokens: Sequence[int]) -> str:
    """The text up to the first full stop, without padding."""
    kept = list(tokens)
    if STOP in kept:
        kept = kept[: kept.index(STOP)]
    return " ".join(WORDS[token] for token in kept if token != PAD)


def circle() -> Similarity:
    """The similarity of this world; texts without colour or thing have no direction.

    Example:
        >>> circle().of("red") == circle().of("fresh tomatoes")
        True
    """
    rows: dict[str, list[int]] = {}
    for place, colour in enumerate(COLOURS):
        half = [int((other - place) % K < K // 2) for other in range(K)]
        rows[colour] = rows[THINGS[colour]] = half
    return Similarity("circle", lambda text: mean_vector(rows, text), {})


def require_strength(strength: float) -> None:
    """Refuses what is no probability.

    Raises:
        UsageError: With the value.
    """
    if not 0 <= strength <= 1:
        raise UsageError(f"A planted strength of {strength:g} asked; it is a probability, 0 to 1.")


def _taste(name: int, colour: int, long: bool) -> list[int]:
    return _encoded(NAMES[name], "likes", COLOURS[colour], *["things"] * int(long), ".")


def _encoded(*words: str) -> list[int]:
    return [_TOKEN[word] for word in words]


def _padded(texts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    found = np.full((len(texts), LONGEST), PAD, dtype=np.int64)
    for row, text in zip(found, texts, strict=True):
        kept = list(text)[-LONGEST:]
        if kept:
            row[-len(kept) :] = kept
    return found
