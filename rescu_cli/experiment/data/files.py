"""Users' own data: arrays (.npz), tables (.csv, .tsv, .txt, .parquet), folders of idx files.

Nothing in a file is run: arrays of Python objects, which NumPy would unpickle, are refused.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.core.files import is_number
from rescu_cli.errors import MissingDependencyError, StoreError, UsageError
from rescu_cli.experiment.data.columns import (
    LARGEST_NUMBER,
    Column,
    column_of_texts,
    is_missing,
    make_target,
    refuse_duplicates,
    refuse_missing,
    require_finite,
    require_rows,
    split_rows,
    split_target,
    table_dataset,
)
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.data.split import standardise


def load_file(text: str, label: str | None = None, task: str | None = None) -> Dataset:
    """Reads the user's own data.

    Args:
        text: Path of an ``.npz``, ``.csv``, ``.tsv``, ``.txt`` or ``.parquet`` file, or of a folder
            with the four idx files of MNIST.
        label: The label column; the last one, or the array ``y``, if None.
        task: ``classification`` or ``regression``; seen from the labels if None.

    Raises:
        StoreError: If the file cannot be read as what its ending says.
        UsageError: If what it holds is not a problem to train on.
        MissingDependencyError: For ``.parquet`` without pyarrow.
    """
    from rescu_cli.experiment.data import criteo, idx

    path = Path(text)
    if path.is_dir():
        _refuse_options(text, "a folder of idx files", label, task)
        return idx.load_folder(path, text)
    if not path.is_file():
        raise StoreError(f"Data {text!r}: there is no such file or folder.")
    ending = path.suffix.lower()
    if ending in (".tsv", ".txt") and criteo.is_criteo(path):
        _refuse_options(text, "a file in Criteo's format", label, task)
        return criteo.load_criteo(path, text)
    readers: dict[str, Callable[[], Dataset]] = {
        ".npz": lambda: _load_npz(path, text, label, task),
        ".csv": lambda: _load_text(path, text, ",", label, task),
        ".tsv": lambda: _load_text(path, text, "\t", label, task),
        ".txt": lambda: _load_text(path, text, "\t", label, task),
        ".parquet": lambda: _load_parquet(path, text, label, task),
    }
    if ending not in readers:
        raise UsageError(
            f"Data {text!r}: a file ending in {ending!r} asked; possible are {', '.join(readers)}."
        )
    with readable(text):
        return readers[ending]()


@contextmanager
def readable(text: str) -> Iterator[None]:
    """Turns what the operating system and the decoder raise into a `StoreError`."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise StoreError(
            f"File {text!r} is not UTF-8: byte 0x{error.object[error.start]:02x} cannot be there. "
            "Save it as UTF-8."
        ) from None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"File {text!r} cannot be read: {error.strerror or error}.") from error


def _refuse_options(text: str, what: str, label: str | None, task: str | None) -> None:
    if label is not None or task == "regression":
        raise UsageError(
            f"Data {text!r} is {what}, whose labels and task are known; leave '--label' and "
            "'--task' away."
        )


def _load_text(
    path: Path, text: str, delimiter: str, label: str | None, task: str | None
) -> Dataset:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names, fields, lines = _read_rows(csv.reader(file, delimiter=delimiter, strict=True), text)
    refuse_duplicates(text, names)
    if all(is_number(name) for name in names):
        raise StoreError(
            f"File {text!r}: the first line must have the names of the columns; found the numbers "
            f"{', '.join(names[:5])}."
        )
    require_rows(text, len(lines))
    place = _place("line", lines)
    missing = [
        (row, name)
        for name, values in zip(names, fields, strict=True)
        for row, value in enumerate(values)
        if is_missing(value)
    ]
    refuse_missing(text, missing, place)
    columns = [
        column_of_texts(text, name, values, place)
        for name, values in zip(names, fields, strict=True)
    ]
    return table_dataset(text, columns, label, task)


def _read_rows(reader: Any, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    """Names, the fields of each column, and the line of each row; empty lines are skipped."""
    names: list[str] = []
    columns: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not row:
                continue
            if not names:
                names = [name.strip() for name in row]
                columns = [[] for _ in names]
                continue
            if len(row) != len(names):
                raise StoreError(
                    f"File {text!r}: line {reader.line_num} has {len(row)} fields; the first line "
                    f"names {len(names)} columns."
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise StoreError(f"File {text!r}: line {reader.line_num}: {error}.") from error
    if not names:
        raise StoreError(f"File {text!r} is empty; its first line must name the columns.")
    return names, columns, lines


def _place(word: str, numbers: list[int]) -> Callable[[int], str]:
    return lambda row: f"{word} {numbers[row]}"


def _row(row: int) -> str:
    return f"row {row}"


def _load_parquet(path: Path, text: str, label: str | None, task: str | None) -> Dataset:
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise MissingDependencyError("pyarrow", f"File {text!r}", "pip install pyarrow") from None
    # Its errors have no base of their own; all of them say that the file is not what it seems.
    try:
        table = parquet.ParquetFile(str(path)).read()
    except Exception as error:
        raise StoreError(f"File {text!r} is not a Parquet file: {error}") from error
    refuse_duplicates(text, table.column_names)
    require_rows(text, table.num_rows)
    found = [
        (name, values, _nulls(values))
        for name, values in zip(table.column_names, table.columns, strict=True)
    ]
    refuse_missing(text, [(row, name) for name, _, rows in found for row in rows], _row)
    columns = [_parquet_column(text, name, values) for name, values, _ in found]
    return table_dataset(text, columns, label, task)


def _nulls(column: Any) -> list[int]:
    nulls = np.asarray(column.is_null(nan_is_null=True))
    return [int(row) for row in np.flatnonzero(nulls)]


def _parquet_column(text: str, name: str, column: Any) -> Column:
    kind = str(column.type)
    if kind.startswith("dictionary"):
        column = column.combine_chunks().dictionary_decode()
        kind = str(column.type)
    if kind in ("string", "large_string", "string_view"):
        texts = [str(value).strip() for value in column.to_pylist()]
        refuse_missing(text, [(r, name) for r, t in enumerate(texts) if is_missing(t)], _row)
        return Column(name, texts)
    if kind == "bool" or kind.startswith(("int", "uint", "float", "double", "half", "decimal")):
        values = np.array([float(value) for value in column.to_pylist()], dtype=np.float64)
        require_finite(text, name, values, _row)
        return Column(name, values, whole=kind.startswith(("int", "uint", "bool")))
    raise UsageError(
        f"File {text!r}: column {name!r} has the type {kind}; possible are numbers, booleans and "
        "strings."
    )


def _load_npz(path: Path, text: str, label: str | None, task: str | None) -> Dataset:
    arrays = _read_npz(path, text)
    name = "y" if label is None else label
    if {"x_train", "y_train", "x_test", "y_test"} <= set(arrays):
        if label is not None:
            raise UsageError(
                f"File {text!r} has y_train and y_test as labels; leave '--label' away."
            )
        return _split_arrays(text, arrays, task)
    if {"x", name} <= set(arrays):
        return _whole_arrays(text, arrays["x"], name, arrays[name], task)
    if arrays and not {"x", "x_train"} & set(arrays) and all(a.ndim == 1 for a in arrays.values()):
        return _named_arrays(text, arrays, label, task)
    shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items()) or "nothing"
    raise UsageError(
        f"File {text!r} has {shapes}; it must have x and {name}, or x_train, y_train, x_test and "
        "y_test, or columns of one dimension."
    )


def _read_npz(path: Path, text: str) -> dict[str, NDArray[Any]]:
    """All arrays of the archive.

    Raises:
        StoreError: If it is no such archive, or an array would have to be unpickled.
    """
    try:
        # Opened here, since NumPy leaves the file open where the archive is damaged.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise StoreError(f"File {text!r} is one array; save several with numpy.savez.")
            return {key: np.asarray(archive[key]) for key in archive.files}
    # A damaged or encrypted archive may raise any of these, depending on where the damage is.
    except (ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise StoreError(
            f"File {text!r} is not an archive of plain arrays as numpy.savez writes it: {error}"
        ) from error


def _named_arrays(
    text: str, arrays: dict[str, NDArray[Any]], label: str | None, task: str | None
) -> Dataset:
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"File {text!r}: columns must be equally long; found {lengths}.")
    require_rows(text, next(iter(lengths.values())))
    columns = [_array_column(text, key, array) for key, array in arrays.items()]
    return table_dataset(text, columns, label, task)


def _array_column(text: str, name: str, array: NDArray[Any]) -> Column:
    """One array of shape (rows,) as a column: text, booleans or real numbers.

    Raises:
        UsageError: For another dtype, missing values, or infinity.
    """
    if array.dtype.kind == "U":
        texts = [str(value).strip() for value in array]
        refuse_missing(text, [(r, name) for r, t in enumerate(texts) if is_missing(t)], _row)
        return Column(name, texts)
    if array.dtype.kind not in "biuf":
        raise UsageError(
            f"File {text!r}: the array {name!r} has the dtype {array.dtype}; possible are numbers, "
            "booleans and text."
        )
    values = array.astype(np.float64)
    refuse_missing(text, [(int(r), name) for r in np.flatnonzero(np.isnan(values))], _row)
    require_finite(text, name, values, _row)
    return Column(name, values, whole=array.dtype.kind in "biu")


def _whole_arrays(
    text: str, x: NDArray[Any], label: str, y: NDArray[Any], task: str | None
) -> Dataset:
    """Arrays x and y, split here."""
    _require_pair(text, "x", x, label, y)
    require_rows(text, len(x))
    target = make_target(text, _array_column(text, label, y), task)
    train, test = split_rows(target)
    y_train, y_test, remark = split_target(target, train, test)
    kind = "random" if target.n_classes == 1 else "stratified"
    return _arrays_dataset(
        text, x[train], y_train, x[test], y_test, test, target.n_classes,
        f"{kind} 80/20 split with a fixed seed; {remark}",
    )  # fmt: skip


def _split_arrays(text: str, arrays: dict[str, NDArray[Any]], task: str | None) -> Dataset:
    """Arrays that the user has split."""
    x_train, x_test = arrays["x_train"], arrays["x_test"]
    y_train, y_test = arrays["y_train"], arrays["y_test"]
    _require_pair(text, "x_train", x_train, "y_train", y_train)
    _require_pair(text, "x_test", x_test, "y_test", y_test)
    require_rows(text, len(x_train) + len(x_test))
    if x_train.shape[1:] != x_test.shape[1:] or not len(x_train) or not len(x_test):
        raise UsageError(
            f"File {text!r}: examples of x_train and x_test must have one shape, and both parts "
            f"some examples; found {x_train.shape} and {x_test.shape}."
        )
    if (y_train.dtype.kind == "U") != (y_test.dtype.kind == "U"):
        raise UsageError(
            f"File {text!r}: y_train and y_test must both be text or both numbers; found "
            f"{y_train.dtype} and {y_test.dtype}."
        )
    target = make_target(text, _array_column(text, "y", np.concatenate([y_train, y_test])), task)
    n = len(y_train)
    train, test = np.arange(n), np.arange(n, n + len(y_test))
    parts = split_target(target, train, test)
    return _arrays_dataset(
        text, x_train, parts[0], x_test, parts[1], np.arange(len(y_test), dtype=np.int64),
        target.n_classes, f"split by the file; {parts[2]}",
    )  # fmt: skip


def _require_pair(text: str, x_name: str, x: NDArray[Any], y_name: str, y: NDArray[Any]) -> None:
    if x.ndim < 2 or x.ndim > 4 or y.shape != x.shape[:1]:
        raise UsageError(
            f"File {text!r}: {x_name} must be (examples, features), or (examples, [channels,] "
            f"height, width), and {y_name} (examples,); found {x.shape} and {y.shape}."
        )
    if x.dtype.kind not in "biuf":
        raise UsageError(
            f"File {text!r}: {x_name} has the dtype {x.dtype}; features in one array are numbers."
        )
    finite = np.abs(x) <= LARGEST_NUMBER
    if not finite.all():
        places = [tuple(map(int, place)) for place in np.argwhere(~finite)[:5]]
        raise UsageError(
            f"File {text!r}: {x_name} is missing, infinite or too large at "
            f"{places} ({int((~finite).sum())} in all). Nothing is filled in for you: replace "
            "these values."
        )


def _arrays_dataset(
    text: str, x_train: NDArray[Any], y_train: NDArray[Any], x_test: NDArray[Any],
    y_test: NDArray[Any], ids: NDArray[np.int64], n_classes: int, preparation: str,
) -> Dataset:  # fmt: skip
    """Arrays of two dimensions are tables, of three or four images with one scale for all."""
    image = x_train.ndim > 2
    shape = x_train.shape[1:] if x_train.ndim == 4 else (1, *x_train.shape[1:])
    scaled = standardise(
        x_train.reshape(len(x_train), -1), x_test.reshape(len(x_test), -1), per_feature=not image
    )
    scale = "one mean and deviation for all pixels" if image else "each feature standardised"
    return Dataset(
        name=text,
        x_train=scaled[0],
        y_train=y_train,
        x_test=scaled[1],
        y_test=y_test,
        example_ids=ids,
        n_classes=n_classes,
        task="regression" if n_classes == 1 else "classification",
        shape=shape if image else (),
        source=f"the file {text}",
        preparation=f"{preparation}; {scale}, from the training part",
    )
