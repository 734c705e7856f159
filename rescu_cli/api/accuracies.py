"""Statistics of accuracies over seeds, whose intervals end where accuracies end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rescu_cli.api.trials import over_seeds, paired


def accuracy_over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """`over_seeds`, with the interval cut to [0, 1].

    Of few seeds the t interval reaches beyond what an accuracy can be; nothing is lost by leaving
    that out.

    Example:
        >>> accuracy_over_seeds([0.9, 1.0])["ci"][1]
        1.0
    """
    return _cut(over_seeds(values), 0.0, 1.0)


def accuracy_difference(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """`paired`, with the interval cut to [-1, 1]."""
    return _cut(paired(ours, theirs), -1.0, 1.0)


def _cut(found: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    ends = found["ci"]
    return found if ends is None else {**found, "ci": [max(low, ends[0]), min(high, ends[1])]}
