"""Similarities of texts: the cosine of two vectors of whole numbers, compared without rounding.

A tie is a finding here, so rounding must not make or break one. Counts are whole numbers, and
floats are whole numbers times a power of two. With c, s, t the vectors of the concept, the control
and the test output,

    cos(c, t) > cos(c, s)   ⟺   (c·t)|c·t| |s|² > (c·s)|c·s| |t|²,

which has no root and no quotient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.sequence.leak.pairs import Pair
from rescu_cli.sequence.leak.text import ngrams, words

Vector = Mapping[Any, int]
"""Whole numbers by place; places that are left out are 0."""
KINDS = ("ngrams", "words", "vectors")
DEFAULT = "ngrams:3"
MOST_CHARACTERS = 20


@dataclass(frozen=True)
class Similarity:
    """A way to turn texts into vectors.

    Args:
        name: As typed, e.g. ``ngrams:3``.
        of: Text ↦ vector, or None where the text has no direction: then nothing is more or less
            similar to it.
        details: What is to be said of the vectors, for the result.
        notes: The same in sentences.
    """

    name: str
    of: Callable[[str], Vector | None]
    details: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def similarity_of(text: str, pairs: Iterable[Pair]) -> Similarity:
    """A similarity as typed: ``ngrams:3``, ``words`` or ``vectors:FILE``.

    Args:
        text: As typed.
        pairs: What will be compared; of a file of vectors only their words are kept.

    Raises:
        UsageError: If it is none of these.
        StoreError: If a file of vectors cannot be read.

    Example:
        >>> similarity_of("words", []).of("red, Red")
        Counter({'red': 2})
    """
    kind, colon, rest = text.partition(":")
    kind = kind.strip()
    if kind == "words" and not colon:
        return Similarity("words", words, {})
    if kind == "ngrams":
        n = _length(text, rest if colon else DEFAULT.partition(":")[2])
        return Similarity(f"ngrams:{n}", lambda given: ngrams(given, n), {})
    if kind == "vectors" and rest:
        return _from_file(Path(rest), pairs)
    if kind in KINDS:
        raise UsageError(
            f"Cannot read the similarity {text!r}; write ngrams:3, words, or vectors:FILE."
        )
    raise UnknownNameError("similarity", kind, KINDS, "Write ngrams:3, words, or vectors:FILE.")


def closer(concept: Vector | None, one: Vector | None, other: Vector | None) -> int:
    """1, 0 or −1 where cos(concept, one) is greater than, equal to, or less than that of the other.

    An empty vector of counts shares nothing, so its cosine is 0. None is no direction: 0.

    Example:
        >>> closer({"a": 1}, {"a": 1, "b": 1}, {"a": 10, "b": 10})
        0
    """
    if concept is None or one is None or other is None:
        return 0
    left = _signed_square(_dot(concept, one)) * (_dot(other, other) or 1)
    right = _signed_square(_dot(concept, other)) * (_dot(one, one) or 1)
    return (left > right) - (left < right)


def cosine(a: Vector | None, b: Vector | None) -> float | None:
    """The cosine as a float, for reading; 0 with an empty vector, None without a direction."""
    if a is None or b is None:
        return None
    size = _dot(a, a) * _dot(b, b)
    if size == 0:
        return 0.0
    dot = _dot(a, b)
    found = sqrt(dot * dot / size)  # whole numbers of any size divide correctly
    return -found if dot < 0 else found  # copysign would need the dot product as a float


def _dot(a: Vector, b: Vector) -> int:
    if len(b) < len(a):
        a, b = b, a
    return sum(value * b[place] for place, value in a.items() if place in b)


def _signed_square(value: int) -> int:
    return value * abs(value)


def _length(text: str, rest: str) -> int:
    try:
        n = int(rest)
    except ValueError:
        n = 0
    if not 1 <= n <= MOST_CHARACTERS:
        raise UsageError(
            f"Cannot read the similarity {text!r}; n-grams have 1 to {MOST_CHARACTERS} characters, "
            "as in ngrams:3."
        )
    return n


def _from_file(path: Path, pairs: Iterable[Pair]) -> Similarity:
    from rescu_cli.sequence.leak.vectors import mean_vector, read_vectors

    texts = [text for pair in pairs for text in (pair.concept, pair.control, pair.test)]
    wanted = {word for text in texts for word in words(text)}
    table = read_vectors(path, wanted)
    known = table.rows
    if not known:
        raise UsageError(
            f"{path} has no vector for any of the {len(wanted)} words of the pairs; it must be of "
            "their language."
        )
    unknown = sorted(wanted - set(known))
    notes = []
    if unknown:
        notes.append(
            f"{len(unknown)} of {len(wanted)} words have no vector and were passed over, such as "
            f"{', '.join(unknown[:5])}."
        )
    n_without = sum(mean_vector(known, text) is None for text in texts)
    if n_without:
        notes.append(
            f"{n_without} of {len(texts)} texts have no direction, since no word in them has a "
            "vector or their mean is 0; their pairs count as ties."
        )
    return Similarity(
        f"vectors:{path}",
        lambda text: mean_vector(known, text),
        {
            "dimension": table.dimension,
            "n_words": len(wanted),
            "n_unknown": len(unknown),
            "unknown": unknown[:20],
            "n_texts_without": n_without,
        },
        tuple(notes),
    )
