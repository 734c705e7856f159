"""A text as a classification problem: windows of characters, and the character that follows."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.data.dataset import Dataset

TEST_SHARE = 0.2
FEWEST = 4  # windows for training


def windows_dataset(text: str, window: int, *, name: str, source: str, about: str) -> Dataset:
    """Cuts a text into windows that do not overlap; the last fifth of them is the test part.

    An example is a window of characters, as categories, and its label the character behind it. No
    character is in two examples, so that any other division of them is one of the text too. The
    alphabet is that of the training part: a model is trained on all its positions. A test window
    whose label is not in it is left out, and such a character elsewhere is replaced by the most
    common one; `Dataset.caveats` tells both.

    Args:
        text: The whole text.
        window: Characters of an example.
        name: Of the data set.
        source: Where the text is from.
        about: More on the preparation.

    Raises:
        UsageError: If the text is too short, or has fewer than two different characters.
    """
    length = window + 1
    n = len(text) // length
    n_test = round(n * TEST_SHARE)
    if n_test < 1 or n - n_test < FEWEST:
        raise UsageError(
            f"Data {name!r}: a text of {len(text):,} characters gives {n} window(s) of {window} "
            f"and a label; training needs {FEWEST} at least. Give a longer text or a smaller "
            "window, e.g. 'text:FILE,window=8'."
        )
    characters = np.array(list(text[: n * length])).reshape(n, length)
    n_train = n - n_test
    common = Counter(characters[:n_train].ravel().tolist())
    alphabet = sorted(common)
    known = np.isin(characters, alphabet)
    kept = known[:, -1]  # all of the training part
    if len(alphabet) < 2 or not kept[n_train:].any():
        what = (
            f"the training part has one character only, {alphabet[0]!r}"
            if len(alphabet) < 2
            else "no test window ends in a character of the training part"
        )
        raise UsageError(f"Data {name!r}: {what}; there is nothing to learn. Give another text.")
    usual = max(common, key=lambda c: (common[c], c))
    tokens = np.searchsorted(np.array(alphabet), np.where(known, characters, usual))
    x, y = tokens[:, :window].astype(np.float32), tokens[:, window].astype(np.int64)
    test = n_train + np.flatnonzero(kept[n_train:])
    return Dataset(
        name=name,
        x_train=x[:n_train],
        y_train=y[:n_train],
        x_test=x[test],
        y_test=y[test],
        example_ids=test.astype(np.int64),
        n_classes=len(alphabet),
        cardinalities=(len(alphabet),) * window,
        source=source,
        preparation=(
            f"windows of {window} characters that do not overlap, and the character behind each; "
            f"the last fifth of the text is the test part; {len(alphabet)} characters{about}"
        ),
        caveats=_caveats(known[n_train:], usual),
    )


def _caveats(known: NDArray[np.bool_], usual: str) -> tuple[str, ...]:
    """What was left out of the test part and replaced in it."""
    n_left = int((~known[:, -1]).sum())
    context = known[known[:, -1], :-1]
    said = []
    if n_left:
        said.append(
            f"{n_left} of {len(known)} test windows are left out: the character to predict is not "
            "in the training part. The perplexity is of the others."
        )
    if not context.all():
        said.append(
            f"{100 * float((~context).mean()):.2g} % of the characters before those to predict are "
            f"not in the training part either, and were replaced by {usual!r}."
        )
    return tuple(said)
