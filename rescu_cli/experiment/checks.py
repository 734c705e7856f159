"""What predictions must be, checked a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UsageError
from rescu_cli.experiment.chunks import (
    Column,
    Floats,
    Source,
    classes_in_the_middle,
    length_for,
    stretches,
)
from rescu_cli.experiment.identity import ROWS_AT_ONCE, all_different

SUM_TOLERANCE = 1e-3  # half-precision probabilities of a thousand classes still pass
TASKS = ("classification", "regression")
LEAST_RANGE = 1e-60  # of targets: closer ones have a variance without digits
LARGEST_NUMBER = 1e60  # of a regression: its fourth power, summed over the examples, is finite

_Faults = Callable[[Floats], NDArray[np.bool_]]


def _not_finite(outputs: Floats) -> NDArray[np.bool_]:
    return ~np.isfinite(outputs)


def _too_large(outputs: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(outputs) > LARGEST_NUMBER)


def _no_probability(outputs: Floats) -> NDArray[np.bool_]:
    return np.asarray((outputs < 0) | (outputs > 1))


def _not_summing_to_1(outputs: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.abs(outputs.sum(1) - 1) > SUM_TOLERANCE)


# What outputs (M, C, n) must not be: the places of faults, (M, C, n) or (M, n), and how to say it.
_FINITE: tuple[_Faults, str] = (
    _not_finite,
    "is not finite; a model that diverged has to be left out",
)
_PROBABILITIES: tuple[tuple[_Faults, str], ...] = (
    (_no_probability, "is not a probability; logits need a softmax first"),
    (
        _not_summing_to_1,
        "is a model and example whose classes do not sum to 1; give probabilities of all classes",
    ),
)
_NUMBERS: tuple[tuple[_Faults, str], ...] = (
    (_too_large, f"is larger than {LARGEST_NUMBER:g} in size; squares of it are no numbers"),
)


def require_form(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], task: str) -> None:
    """Refuses arrays that cannot be predictions, whatever they hold.

    Raises:
        UsageError: If the task is unknown, the shape is not (M, N, C) or the dtype no float.
    """
    if task not in TASKS:
        raise UsageError(f"{name}: no task named {task!r}; known: {', '.join(TASKS)}.")
    of, least = ("classes", 2) if task == "classification" else ("outputs", 1)
    if len(shape) != 3 or shape[0] < 1 or shape[1] < 1 or shape[2] < least:
        raise UsageError(
            f"{name}: predictions must have the shape (models, examples, {of}) with at "
            f"least 1, 1 and {least} of them; found {shape}."
        )
    if dtype.kind != "f":
        raise UsageError(f"{name}: predictions must be floats; found dtype {dtype}.")


def require_sound(
    source: Source,
    *,
    length: int | None = None,
    read: Callable[[int], None] | None = None,
) -> None:
    """Refuses what is no prediction.

    Args:
        source: Of the right form (`require_form`).
        length: Examples looked at together.
        read: Told the number of examples after each chunk.

    Raises:
        UsageError: Naming the first place where a requirement of `Predictions` does not hold.
    """
    _require_outputs(source, length or length_for(source), read)
    _require_labels(source)
    n_models, n_examples, _ = source.shape
    ids = source.example_ids
    if ids.shape != (n_examples,) or not all_different(ids):
        raise UsageError(
            f"{source.name}: example_ids must be {n_examples} different values; found shape "
            f"{ids.shape}."
        )
    if source.seeds.shape != (n_models,):
        raise UsageError(
            f"{source.name}: seeds must be {n_models} values; found shape {source.seeds.shape}."
        )


def require_different_targets(source: Source) -> None:
    """Refuses a regression of which no R² can be told.

    Raises:
        UsageError: If all targets are the same, or within `LEAST_RANGE` of each other.
    """
    least, most = (float(end) for end in label_range(source.labels))
    if most - least < LEAST_RANGE:
        raise UsageError(
            f"{source.name}: R² needs targets that differ; the labels run from {least:g} to "
            f"{most:g}."
        )


def _require_outputs(source: Source, length: int, read: Callable[[int], None] | None) -> None:
    rules = (_FINITE, *(_PROBABILITIES if source.task == "classification" else _NUMBERS))
    first: dict[str, tuple[int, ...]] = {}
    for start, stop in stretches(source.shape[1], length):
        outputs = classes_in_the_middle(source.outputs(start, stop))
        for faults, what in rules:
            place = _first_place(faults(outputs), start)
            if place is not None:
                first[what] = min(place, first.get(what, place))
        if read is not None:
            read(stop - start)
    for _, what in rules:
        if what in first:
            place = first[what]
            raise UsageError(f"{source.name}: predictions[{', '.join(map(str, place))}] {what}.")


def _first_place(wrong: NDArray[np.bool_], start: int) -> tuple[int, ...] | None:
    """The least (m, n, c) or (m, n) of the faults (M, C, n) or (M, n); n counted from `start`."""
    if not wrong.any():
        return None
    m, n, *c = np.argwhere(np.moveaxis(wrong, -1, 1))[0].tolist()
    return (m, start + n, *c)


def _require_labels(source: Source) -> None:
    if source.task == "classification":
        _require_classes(source)
    else:
        _require_numbers(source)


def _require_classes(source: Source) -> None:
    _, n_examples, n_classes = source.shape
    labels = source.labels
    if labels.shape != (n_examples,) or labels.dtype.kind not in "iu":
        raise UsageError(
            f"{source.name}: labels must be {n_examples} integers; found shape "
            f"{labels.shape}, dtype {labels.dtype}."
        )
    least, most = label_range(labels)
    if least < 0 or most >= n_classes:
        raise UsageError(
            f"{source.name}: labels run from {least} to {most}; with "
            f"{n_classes} classes they must lie in 0 … {n_classes - 1}."
        )


def _require_numbers(source: Source) -> None:
    _, n_examples, n_outputs = source.shape
    labels = source.labels
    fitting = [(n_examples, n_outputs)] + [(n_examples,)] * (n_outputs == 1)
    if labels.shape not in fitting or labels.dtype.kind not in "iuf":
        raise UsageError(
            f"{source.name}: labels must be numbers of shape {fitting[-1]}; found shape "
            f"{labels.shape}, dtype {labels.dtype}."
        )
    ends = np.array(label_range(labels), dtype=np.float64)
    if not np.isfinite(ends).all():
        raise UsageError(f"{source.name}: a label is not finite.")
    if np.abs(ends).max() > LARGEST_NUMBER:
        raise UsageError(
            f"{source.name}: labels run from {ends[0]:g} to {ends[1]:g}; possible are numbers up "
            f"to {LARGEST_NUMBER:g} in size."
        )


def label_range(labels: Column) -> tuple[Any, Any]:
    """The least and the largest of at least one label, read a piece at a time."""
    ranges = []
    for start, stop in stretches(labels.shape[0], ROWS_AT_ONCE):
        piece = labels[start:stop]
        ranges.append((piece.min(), piece.max()))
    least, most = np.array(ranges).T
    return least.min(), most.max()
