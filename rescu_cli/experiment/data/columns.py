"""Named columns to a `Dataset`: kinds of columns, missing values, categories, labels, the split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.data.dataset import TASKS, Dataset
from rescu_cli.experiment.data.split import standardise, stratified_split

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MISSING = frozenset({"", "na", "nan", "null", "?"})
"""How files write a missing value; capital letters do not matter."""
FEWEST_ROWS = 10
MOST_CLASSES = 100
"""Whole numbers with more different values are a target, not classes."""
MOST_CLASSES_OF_FLOATS = 20
IDENTIFIER_SHARE = 0.9
"""A text column with that many different values per row names rows instead of describing them."""
NUMBER_SHARE = 0.9
LARGEST_NUMBER = 1e100
"""Squares of larger numbers, which a deviation needs, may overflow."""
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table without missing values.

    Args:
        name: Of the column.
        values: Float64 of shape (rows,), or texts.
        whole: The file has the numbers as integers.
    """

    name: str
    values: Floats | list[str]
    whole: bool = False

    @property
    def texts(self) -> list[str] | None:
        """The texts, or None if the column is numeric."""
        return self.values if isinstance(self.values, list) else None


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be predicted.

    Args:
        y: Class numbers, int64, or float64 numbers; shape (rows,).
        n_classes: 1 for a regression.
        remark: How the labels became class numbers, for ``preparation``.
    """

    y: NDArray[Any]
    n_classes: int
    remark: str

    @property
    def task(self) -> str:
        """``classification`` or ``regression``."""
        return "regression" if self.n_classes == 1 else "classification"


def is_missing(text: str) -> bool:
    """Whether a field of a file is a missing value."""
    return text.strip().lower() in MISSING


def refuse_missing(
    file: str, found: Sequence[tuple[int, str]], place: Callable[[int], str]
) -> None:
    """Nothing if ``found`` is empty.

    Args:
        file: As the user named it.
        found: (row, column name) of missing values.
        place: The row in the user's words, e.g. ``line 7``.

    Raises:
        UsageError: With the first five places and the count.
    """
    if found:
        first = sorted(found, key=lambda pair: pair[0])[:SHOWN]
        places = ", ".join(f"{place(row)} column {name!r}" for row, name in first)
        more = f", … ({len(found)} in all)" if len(found) > SHOWN else ""
        raise UsageError(
            f"File {file!r}: missing values at {places}{more}. Nothing is filled in for you: "
            "remove these rows, or replace the values."
        )


def column_of_texts(file: str, name: str, texts: list[str], place: Callable[[int], str]) -> Column:
    """A numeric column if every text is a finite number, else a column of texts.

    Raises:
        UsageError: If nearly all are numbers, and some are not; or for infinity.
    """
    numbers = [_number(text) for text in texts]
    wrong = [row for row, number in enumerate(numbers) if number is None]
    if not wrong:
        values = np.array(numbers, dtype=np.float64)
        require_finite(file, name, values, place)
        return Column(name, values, whole=all(_is_integer(text) for text in texts))
    if len(wrong) < (1 - NUMBER_SHARE) * len(texts):
        places = ", ".join(f"{place(row)} {texts[row]!r}" for row in wrong[:SHOWN])
        raise UsageError(
            f"File {file!r}: column {name!r} has numbers in {len(texts) - len(wrong)} of "
            f"{len(texts)} rows and text in the others: {places}. Write numbers everywhere, or "
            "text everywhere."
        )
    return Column(name, [text.strip() for text in texts])


def require_finite(file: str, name: str, values: Floats, place: Callable[[int], str]) -> None:
    """Refuses infinity, NaN, and what is too large to be standardised.

    Raises:
        UsageError: With the place.
    """
    wrong = ~(np.abs(values) <= LARGEST_NUMBER)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UsageError(
            f"File {file!r}: {place(row)} column {name!r} is {values[row]}; possible are finite "
            f"numbers up to {LARGEST_NUMBER:g} in size."
        )


def make_target(file: str, label: Column, task: str | None) -> Target:
    """Labels to class numbers 0 … k − 1 in sorted order, or to the target of a regression.

    Texts are classes. Whole numbers are classes if they have at most 100 different values (20 if
    the file writes them with a decimal point), other numbers are a target; ``task`` overrules.

    Raises:
        UnknownNameError: If there is no such task.
        UsageError: If the labels do not suit the task, or are all the same.
    """
    if task is not None and task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    if label.texts is not None:
        if task == "regression":
            raise UsageError(
                f"File {file!r}: a regression asked, but the label column {label.name!r} has text, "
                f"e.g. {label.texts[0]!r}. Name a numeric column with '--label'."
            )
        return _classes(file, label.name, np.array(label.texts))
    values = np.asarray(label.values)
    whole = bool((values == np.floor(values)).all()) and bool(np.abs(values).max() < 2**53)
    if task == "classification" and not whole:
        wrong = values[np.argmax(values != np.floor(values))]
        raise UsageError(
            f"File {file!r}: a classification asked, but the label column {label.name!r} has "
            f"numbers that are no classes, e.g. {wrong:g}. Use '--task regression', or name "
            "another column with '--label'."
        )
    few = len(np.unique(values)) <= (MOST_CLASSES if label.whole else MOST_CLASSES_OF_FLOATS)
    if task == "classification" or (task is None and whole and few):
        return _classes(file, label.name, values.astype(np.int64))
    if (values == values[0]).all():
        raise UsageError(
            f"File {file!r}: the label column {label.name!r} is {values[0]:g} in every row; there "
            "is nothing to predict. Name another column with '--label'."
        )
    return Target(values, 1, f"target {label.name!r}")


def _classes(file: str, name: str, labels: NDArray[Any]) -> Target:
    known, y = np.unique(labels, return_inverse=True)
    if len(known) < 2:
        raise UsageError(
            f"File {file!r}: the label column {name!r} has one class only, {known[0]!s}; at least "
            "two are needed. Name another column with '--label'."
        )
    if len(known) > len(labels) / 2:
        raise UsageError(
            f"File {file!r}: the label column {name!r} has {len(known)} different values in "
            f"{len(labels)} rows, too many for classes. Name another column with '--label', or, "
            "if it is a number, use '--task regression'."
        )
    first = ", ".join(f"{value} → {number}" for number, value in enumerate(known[:20]))
    more = ", …" if len(known) > 20 else ""
    return Target(y.astype(np.int64), len(known), f"classes of {name!r}: {first}{more}")


def table_dataset(
    file: str, columns: Sequence[Column], label: str | None, task: str | None
) -> Dataset:
    """A data set of named columns: categories first, then numbers, each in the file's order.

    Args:
        file: As the user named it.
        columns: At least one, of the same length.
        label: Name of the label column; the last one if None.
        task: As for `make_target`.

    Raises:
        UsageError: If rows, features or the label column do not make a problem.
    """
    names = [column.name for column in columns]
    refuse_duplicates(file, names)
    if label is not None and label not in names:
        raise UsageError(
            f"File {file!r}: label column {label!r} asked; it has the columns "
            f"{', '.join(map(repr, names))}."
        )
    chosen = names.index(label) if label is not None else len(names) - 1
    features = [column for number, column in enumerate(columns) if number != chosen]
    if not features:
        raise UsageError(
            f"File {file!r} has one column only, {names[0]!r}; features and a label are needed, in "
            "columns of their own (separated by commas in .csv, by tabs in .tsv and .txt)."
        )
    n = len(columns[0].values)
    require_rows(file, n)
    target = make_target(file, columns[chosen], task)
    for column in features:
        _refuse_identifier(file, column)
    train, test = split_rows(target)
    coded = [_coded(c.texts, train) for c in features if c.texts is not None]
    numeric = [np.asarray(c.values) for c in features if c.texts is None]
    x_train, x_test = _features(n, [codes for codes, _ in coded], numeric, train, test)
    y_train, y_test, remark = split_target(target, train, test)
    return Dataset(
        name=file,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        example_ids=test,
        n_classes=target.n_classes,
        task=target.task,
        cardinalities=tuple(size for _, size in coded),
        source=f"the file {file}",
        preparation=(
            f"{_split_in_words(target)}; {len(numeric)} numeric columns standardised with their "
            f"mean and deviation in the training part, {len(coded)} text columns as category "
            f"numbers, 0 for texts that the training part lacks; {remark}"
        ),
    )


def refuse_duplicates(file: str, names: Sequence[str]) -> None:
    """Refuses two columns of one name, and columns without one.

    Raises:
        UsageError: With the name.
    """
    for number, name in enumerate(names):
        if not name:
            raise UsageError(f"File {file!r}: column {number + 1} has no name; give it one.")
        if name in names[:number]:
            raise UsageError(
                f"File {file!r}: columns {names.index(name) + 1} and {number + 1} are both named "
                f"{name!r}; every column needs a name of its own."
            )


def require_rows(file: str, n: int) -> None:
    """Refuses fewer rows than `FEWEST_ROWS`.

    Raises:
        UsageError: With the number found.
    """
    if n < FEWEST_ROWS:
        raise UsageError(
            f"File {file!r} has {n} rows of data; at least {FEWEST_ROWS} are needed to train and "
            "to judge."
        )


def split_rows(target: Target) -> tuple[Integers, Integers]:
    """Row numbers of the training and the test part: stratified by class, random for numbers.

    Raises:
        UsageError: If no class has enough rows for one in the test part.
    """
    classes = target.y if target.n_classes > 1 else np.zeros(len(target.y), dtype=np.int64)
    train, test = stratified_split(classes)
    if not len(test):
        raise UsageError(
            f"{len(target.y)} rows in {target.n_classes} classes: no class has the 3 rows that "
            "leave one for the test part. Give more rows."
        )
    return train, test


def split_target(
    target: Target, train: Integers, test: Integers
) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Labels of both parts, those of a regression standardised, and the remark on them."""
    y_train, y_test = target.y[train], target.y[test]
    if target.n_classes > 1:
        return y_train, y_test, target.remark
    mean, deviation = float(y_train.mean()), float(y_train.std())
    both = standardise(y_train[:, None], y_test[:, None], per_feature=True)
    remark = (
        f"{target.remark} standardised with {mean:.6g} and {deviation:.6g}, its mean and deviation "
        "in the training part"
    )
    return both[0][:, 0], both[1][:, 0], remark


def _split_in_words(target: Target) -> str:
    kind = "random" if target.n_classes == 1 else "stratified"
    return f"{kind} 80/20 split with a fixed seed"


def _refuse_identifier(file: str, column: Column) -> None:
    if column.texts is None:
        return
    n, different = len(column.texts), len(set(column.texts))
    if different >= IDENTIFIER_SHARE * n:
        raise UsageError(
            f"File {file!r}: the text column {column.name!r} has {different} different values in "
            f"{n} rows (the first is {column.texts[0]!r}): it names the rows, and nothing can be "
            "learnt from it. Remove it, or make it numbers."
        )


def _coded(texts: list[str], train: Integers) -> tuple[Integers, int]:
    """Category numbers 1 … k of the k sorted texts of the training part, 0 for others; k + 1."""
    known = sorted({texts[row] for row in train})
    number = {text: index + 1 for index, text in enumerate(known)}
    return np.array([number.get(text, 0) for text in texts], dtype=np.int64), len(known) + 1


def _features(
    n: int, categories: list[Integers], numeric: list[Floats], train: Integers, test: Integers
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    codes = np.stack(categories, axis=1) if categories else np.empty((n, 0))
    numbers = np.stack(numeric, axis=1) if numeric else np.empty((n, 0))
    scaled = standardise(numbers[train], numbers[test], per_feature=True)
    return (
        np.concatenate([codes[train].astype(np.float32), scaled[0]], axis=1),
        np.concatenate([codes[test].astype(np.float32), scaled[1]], axis=1),
    )


def _number(text: str) -> float | None:
    # Python also reads "1_000", which no other reader of such files does.
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _is_integer(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()
