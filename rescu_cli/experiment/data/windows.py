"""A text as a classification problem: windows of characters, and the character that follows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.data.dataset import Dataset

TEST_SHARE = 0.2
FEWEST = 4  # windows for training


def windows_dataset(
    text: str, window: int, *, name: str, source: str, about: str, fold: bool
) -> Dataset:
    """Cuts a text into windows that do not overlap; the last fifth of them is the test part.

    An example is a window of characters, as categories, and its label the character behind it. No
    character is in two examples, so that any other division of them is one of the text too.

    Args:
        text: The whole text.
        window: Characters of an example.
        name: Of the data set.
        source: Where the text is from.
        about: More on the preparation.
        fold: Whether characters that are a label of no training window are replaced by the
            most common one; else such a text is
            refused.

    Raises:
        UsageError: If the text is too short, or has fewer than two characters that are common.
    """
    length = window + 1
    n = len(text) // length
    n_test = round(n * TEST_SHARE)
    if n_test < 1 or n - n_test < FEWEST:
        raise UsageError(
            f"Data {name!r}: a text of {len(text):,} characters gives {n} window(s) of {window} "
            f"and a label; training needs {FEWEST} at least. Give a "
            "longer text or a smaller window."
        )
    characters = np.array(list(text[: n * length])).reshape(n, length)
    n_train = n - n_test
    characters, said = _common(characters, n_train) if fold else (characters, "")
    alphabet = sorted(set(characters.ravel().tolist()))
    seen = _labels(characters, n_train)
    rare = [c for c in alphabet if not seen[c]]
    if rare or len(alphabet) < 2:
        raise UsageError(
            f"Data {name!r}: every character must be the label of a training window, and there "
            f"must be two; of {len(alphabet)} character(s), {len(rare)} are the "
            "label of none. Give a longer text or a smaller window."
        )
    tokens = np.searchsorted(np.array(alphabet), characters)
    x, y = tokens[:, :window].astype(np.float32), tokens[:, window].astype(np.int64)
    return Dataset(
        name=name,
        x_train=x[:n_train],
        y_train=y[:n_train],
        x_test=x[n_train:],
        y_test=y[n_train:],
        example_ids=np.arange(n_train, n, dtype=np.int64),
        n_classes=len(alphabet),
        cardinalities=(len(alphabet),) * window,
        source=source,
        preparation=(
            f"windows of {window} characters that do not overlap, and the character behind each; "
            f"the last fifth of the text is the test part; {len(alphabet)} characters{said}{about}"
        ),
    )


def _labels(characters: NDArray[np.str_], n_train: int) -> Counter[str]:
    return Counter(characters[:n_train, -1].tolist())


def _common(characters: NDArray[np.str_], n_train: int) -> tuple[NDArray[np.str_], str]:
    """The windows with rare characters replaced, and what to say of it."""
    seen = _labels(characters, n_train)
    rare = ~np.isin(characters, list(seen))
    if not rare.any():
        return characters, ""
    common = max(seen, key=lambda c: (seen[c], c))
    n_rare = len(set(characters[rare].tolist()))
    return np.where(rare, common, characters), (
        f", {n_rare} more that are rare ({100 * rare.mean():.2g} % of the text) are replaced by "
        f"{common!r}"
    )
