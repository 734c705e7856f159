"""Whether prediction files speak of a classification or of a regression."""

from __future__ import annotations

import numpy as np

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.checks import TASKS, label_range
from rescu_cli.experiment.chunks import Column, stretches
from rescu_cli.experiment.identity import ROWS_AT_ONCE


def decide_task(
    name: str, shape: tuple[int, ...], labels: Column, *, asked: str | None, marker: str | None
) -> str:
    """The task of predictions, or a refusal to guess.

    What is asked or marked decides. Otherwise labels with a fraction are values of a regression,
    and integers are classes. A single column of predictions can be both: the probability of class
    1, or the output of a regression. With it, whole numbers saved as floats are refused, and so are
    integers beside (M, N, 1), or other than 0 and 1 beside (M, N).

    Args:
        name: For messages.
        shape: Of the predictions as saved.
        labels: As saved; read a piece at a time.
        asked: By the user; None for nothing.
        marker: That the file carries; None for none.

    Returns:
        ``classification`` or ``regression``; whether the arrays suit it is not looked at.

    Raises:
        UnknownNameError: If what is asked or marked is no task.
        UsageError: If both readings are possible, or the file is marked as another task than asked.
    """
    for given in (asked, marker):
        if given is not None and given not in TASKS:
            raise UnknownNameError("task", given, TASKS)
    if asked is not None and marker is not None and asked != marker:
        raise UsageError(
            f"{name}: '--task {asked}' asked, but the file says that it is of a {marker} (its "
            "array 'task'). Leave '--task' away."
        )
    known = asked or marker
    if known is not None:
        return known
    if labels.dtype.kind == "f" and not _all_whole(labels):
        return "regression"
    if len(shape) == 2 or shape[2:] == (1,):
        _refuse_both_readings(name, shape, labels)
    return "classification"


def _refuse_both_readings(name: str, shape: tuple[int, ...], labels: Column) -> None:
    """Of one column of predictions with labels that are whole numbers.

    Raises:
        UsageError: Unless labels are the integers 0 and 1 beside (M, N), or no numbers.
    """
    if labels.dtype.kind not in "iuf" or 0 in labels.shape or not labels.shape:
        return  # no reading fits: the checks of a classification say what is wrong
    floats, alone = labels.dtype.kind == "f", len(shape) == 2
    least, most = label_range(labels)
    binary = least >= 0 and most <= 1
    if alone and binary and not floats:
        return
    mend = ["the labels as integers"] if floats else []
    if not binary:
        mend.append("the probabilities of all classes with the shape (models, examples, classes)")
    elif not alone:
        mend.append(f"the probabilities of class 1 with the shape {shape[:2]}")
    raise UsageError(
        f"{name}: one number per model and example, {shape}, with labels that are whole numbers "
        f"from {least:g} to {most:g} ({labels.dtype}) can be read in two ways. If the labels are "
        f"classes, save {' and '.join(mend)}. If they are values of a regression, use "
        "'--task regression'."
    )


def _all_whole(labels: Column) -> bool:
    """Whether every label is a finite whole number."""
    if not labels.shape:
        return False
    pieces = (labels[start:stop] for start, stop in stretches(labels.shape[0], ROWS_AT_ONCE))
    return all(bool((np.isfinite(one) & (one == np.floor(one))).all()) for one in pieces)
