"""Text as counts: words and character n-grams, after one stated normalisation."""

from __future__ import annotations

import unicodedata
from collections import Counter

_WORD = ("L", "M", "N")
"""Letters, marks and numbers. Not ``\\w``, which takes the vowel signs of Hindi for gaps."""


def normalised(text: str) -> str:
    r"""Unicode NFKC, full case folding, NFKC again, and one space for any white space.

    Example:
        >>> normalised("  Ｓtraße\tCAFE\u0301 ")
        'strasse café'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def words(text: str) -> Counter[str]:
    """How often each word occurs: the longest runs of letters, marks and numbers.

    Example:
        >>> sorted(words("Red, red; don't!").items())
        [('don', 1), ('red', 2), ('t', 1)]
    """
    clean = normalised(text)
    return Counter(
        "".join(c if unicodedata.category(c)[0] in _WORD else " " for c in clean).split()
    )


def ngrams(text: str, n: int) -> Counter[str]:
    """How often each run of n characters occurs, with a space put before and after the text.

    Args:
        text: Any.
        n: At least 1.

    Example:
        >>> sorted(ngrams("Aba", 3))
        [' ab', 'aba', 'ba ']
    """
    padded = f" {normalised(text)} "
    return Counter(padded[i : i + n] for i in range(len(padded) - n + 1))
