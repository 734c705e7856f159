"""What experiments on networks share: the data that judge, and statistics over seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rescu_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from rescu_cli.network.toy.examples import Examples

Progress = Callable[[int, int], None]
JUDGES = ("test", "validation")


def load_examples(data: str | Examples, label: str | None, judge: str) -> Examples:
    """A data set; for ``validation`` its training part alone, divided again.

    Raises:
        UnknownNameError: If the judge is none of `JUDGES`, or there is no such data set.
    """
    from rescu_cli.experiment.data import load_dataset
    from rescu_cli.network.linearize.task import HeldOut

    if judge not in JUDGES:
        raise UnknownNameError("judge", judge, JUDGES)
    examples = load_dataset(data, label=label) if isinstance(data, str) else data
    return HeldOut(examples) if judge == "validation" else examples


def over_seeds(values: Sequence[float]) -> dict[str, Any]:
    """Mean, 95 % t interval (None for one seed), and the values."""
    import numpy as np

    from rescu_cli.experiment.stats import mean_estimate

    estimate = mean_estimate(np.array(values))
    ends = estimate.interval()
    return {"mean": estimate.value, "ci": None if ends is None else list(ends),
            "per_seed": list(values)}  # fmt: skip


def paired(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """The same of the differences, ours minus theirs, seed by seed."""
    return over_seeds([a - b for a, b in zip(ours, theirs, strict=True)])
