"""The data split as a second factor: does a comparison say the same of another test part?

All models of a comparison are judged on one test part, so nothing in it tells how much of what it
says is that part's. Here the whole comparison, tuning and matching included, is made for several
divisions of the same examples. The divisions overlap, so their results are not independent; the
variance of a mean over K of them is taken as (1/K + n_test/n_train)·s² with s² the variance between
them (Nadeau and Bengio, Machine Learning 52, 2003), and the interval is Student's with K − 1
degrees. With s²/K alone it would be far too short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rescu_cli.errors import UsageError
from rescu_cli.experiment.comparison import compare
from rescu_cli.experiment.data import load_dataset
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.report import AcrossSplits, Interval, Report, SplitDifference
from rescu_cli.experiment.stats import Estimate

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation
    from rescu_cli.experiment.comparison import Progress

MAX_SPLITS = 100


@dataclass(frozen=True)
class _Ticker:
    """Passes on progress of one of several comparisons as progress of them all."""

    report: Progress
    number: int
    n_splits: int

    def __call__(self, done: int, total: int) -> None:
        self.report(self.number * total + done, self.n_splits * total)


def compare_splits(
    activations: Sequence[str | Activation],
    *,
    splits: int,
    data: str | Dataset = "digits",
    label: str | None = None,
    task: str | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Report:
    """`compare` on several divisions of the data into training and test part.

    Args:
        activations: As in `compare`, like all that is not named here.
        splits: Divisions, 2 … `MAX_SPLITS`. The first is the data's own; for the others all
            examples are divided anew, in the same proportion. Data with an official test part lose
            it there.
        data: Name in the table of data sets, a path, or a `Dataset`.
        label: Label column of a file.
        task: Of a file.
        out: Run directory of the first; the others are in ``split-1``, … inside it.
        progress: Called with (epochs done, epochs to do) of all.
        options: Passed on to `compare`.

    Returns:
        The report of the first division, with `Report.splits`.

    Raises:
        UsageError: For a number of splits out of range, and as `compare`.
    """
    if not 2 <= splits <= MAX_SPLITS:
        raise UsageError(
            f"{splits} splits asked; a second factor needs 2 … {MAX_SPLITS} of them. Leave the "
            "option out for the data's own split alone."
        )
    dataset = data if isinstance(data, Dataset) else load_dataset(data, label=label, task=task)
    again = [dataset.split_again(number) for number in range(1, splits)]  # refuses before training

    def ticker(number: int) -> Progress | None:
        return None if progress is None else _Ticker(progress, number, splits)

    first = compare(
        activations, data=data, label=label, task=task, out=out, progress=ticker(0), **options
    )
    reports = [first]
    for number, part in enumerate(again, 1):
        folder = first.run_dir / f"split-{number}"
        reports.append(
            compare(activations, data=part, out=folder, progress=ticker(number), **options)
        )
    return replace(first, splits=across(reports, dataset.test_share))


def across(reports: Sequence[Report], test_share: float) -> AcrossSplits:
    """What several reports of one experiment on different divisions say together.

    Args:
        reports: At least two, with the same activations and baseline.
        test_share: Test examples over all examples, between 0 and 1.
    """
    values = {
        result.activation: {
            metric: tuple(_value(report, result.activation, metric) for report in reports)
            for metric in (result.score_name, "loss", *result.pd)
        }
        for result in reports[0].activations
    }
    differences = []
    for one in reports[0].comparisons:
        pairs = zip(values[one.a][one.metric], values[one.b][one.metric], strict=True)
        found = tuple(None if a is None or b is None else a - b for a, b in pairs)
        differences.append(_difference(one.a, one.b, one.metric, found, test_share))
    return AcrossSplits(
        tuple(str(report.run_dir) for report in reports), values, tuple(differences)
    )


def _value(report: Report, activation: str, metric: str) -> float | None:
    result = report.activation(activation)
    if metric in result.pd:
        return result.pd[metric].value
    return result.loss.mean if metric == "loss" else result.score.mean


def _difference(
    a: str, b: str, metric: str, found: tuple[float | None, ...], test_share: float
) -> SplitDifference:
    known = np.array([value for value in found if value is not None], dtype=np.float64)
    if len(known) < len(found):
        return SplitDifference(a, b, metric, found, None, None, int((known < 0).sum()))
    mean, ci = corrected_mean(known, test_share)
    return SplitDifference(a, b, metric, found, mean, ci, int((known < 0).sum()))


def corrected_mean(
    values: np.ndarray[Any, np.dtype[np.float64]], test_share: float
) -> tuple[float, Interval | None]:
    """Mean over K divisions and its 95 % interval with variance (1/K + n_test/n_train)·s².

    Args:
        values: Float64, shape (K,), K ≥ 2: one for each division.
        test_share: n_test/(n_test + n_train), between 0 and 1.
    """
    n = len(values)
    ratio = test_share / (1 - test_share)
    se = sqrt(1 / n + ratio) * float(values.std(ddof=1))
    estimate = Estimate(float(values.mean()), se, n - 1)
    return estimate.value, estimate.interval()
