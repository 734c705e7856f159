"""The copies of small public data sets that scikit-learn ships inside its package."""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import MissingDependencyError

Table = tuple[NDArray[np.float64], NDArray[np.int64]]


def load_shipped(name: str, file_name: str, skip_rows: int) -> Table:
    """Features and labels of one shipped data set.

    Reads the table straight from the package's folder, since importing ``sklearn.datasets`` takes
    about a second. Where the folder is laid out differently, scikit-learn's own loader answers.

    Args:
        name: scikit-learn's name, e.g. ``digits`` for ``sklearn.datasets.load_digits``.
        file_name: The table in ``sklearn/datasets/data``, last column the label.
        skip_rows: Header lines of the table.

    Returns:
        Features, float64, shape (n, n_features), and labels, int64, shape (n,).

    Raises:
        MissingDependencyError: If scikit-learn is not installed.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None:
        raise MissingDependencyError(
            "scikit-learn", f"Data set {name!r}", "pip install scikit-learn"
        )
    for folder in spec.submodule_search_locations or ():
        path = Path(folder) / "datasets" / "data" / file_name
        if path.is_file():
            return read_table(path, skip_rows)
    return load_with_sklearn(name)


def read_table(path: Path, skip_rows: int) -> Table:
    """Reads comma-separated numbers, gzipped or not; the last column is the label."""
    read: Any = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", skiprows=skip_rows, dtype=np.float64)
    return table[:, :-1], table[:, -1].astype(np.int64)


def load_with_sklearn(name: str) -> Table:
    """The same through ``sklearn.datasets.load_<name>``."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.int64)
