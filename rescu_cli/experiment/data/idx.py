"""A folder with the four idx files of MNIST, or of a data set in the same format."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import StoreError, UsageError
from rescu_cli.experiment.data.dataset import Dataset

Bytes = NDArray[np.uint8]
STEMS = {
    "x_train": ("train-images", 3),
    "y_train": ("train-labels", 1),
    "x_test": ("t10k-images", 3),
    "y_test": ("t10k-labels", 1),
}
UNSIGNED_BYTE = 8
LARGEST_FILE = 2**31
"""Values; the size in a damaged head may be anything."""


def load_folder(folder: Path, name: str) -> Dataset:
    """Grey images and labels; classes are the sorted labels of the training part.

    Args:
        folder: Has ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and the same with
            ``t10k``; each may end in ``.gz``, and ``.idx3`` may stand for ``-idx3``.
        name: As the user wrote it.

    Raises:
        StoreError: If a file is missing or not in the format.
        UsageError: If images and labels do not fit together.
    """
    x_train, y_train, x_test, y_test = (
        read_idx(find_file(folder, stem, dimensions), dimensions)
        for stem, dimensions in STEMS.values()
    )
    for part, x, y in (("train", x_train, y_train), ("t10k", x_test, y_test)):
        if len(x) != len(y) or not x.size:
            raise UsageError(
                f"Data {name!r}: {len(x)} {part} images of {x.shape[1:]} pixels and {len(y)} "
                "labels; both must have the same number, not 0."
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise UsageError(
            f"Data {name!r}: training images have {x_train.shape[1:]} pixels, test images "
            f"{x_test.shape[1:]}; both must have the same."
        )
    known, classes = np.unique(y_train, return_inverse=True)
    unknown = sorted(set(np.unique(y_test).tolist()) - set(known.tolist()))
    if len(known) < 2 or unknown:
        raise UsageError(
            f"Data {name!r}: training needs at least two classes and all of the test's; it has "
            f"{known.tolist()[:20]}, and the test also {unknown[:20]}."
        )
    scaled = _grey_levels(x_train)
    mapping = ", ".join(f"{label} → {number}" for number, label in enumerate(known[:20]))
    return Dataset(
        name=name,
        x_train=scaled[x_train.reshape(len(x_train), -1)],
        y_train=classes.astype(np.int64),
        x_test=scaled[x_test.reshape(len(x_test), -1)],
        y_test=np.searchsorted(known, y_test).astype(np.int64),
        example_ids=np.arange(len(y_test), dtype=np.int64),
        n_classes=len(known),
        shape=(1, *x_train.shape[1:]),
        source=f"the folder {name}, in the format of MNIST (Y. LeCun, C. Cortes, C. Burges)",
        preparation=(
            "training and test part as in the files; one mean and one deviation for all pixels, "
            f"from the training part; labels {mapping}"
        ),
    )


def find_file(folder: Path, stem: str, dimensions: int) -> Path:
    """The first that is there of the four ways to write a file's name.

    Raises:
        StoreError: If there is none.
    """
    names = [
        f"{stem}{mark}idx{dimensions}-ubyte{ending}" for mark in "-." for ending in ("", ".gz")
    ]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise StoreError(
        f"Folder {str(folder)!r} has no {names[0]} (.gz); a folder is read as MNIST's four files: "
        "train-images, train-labels, t10k-images and t10k-labels."
    )


def read_idx(path: Path, dimensions: int) -> Bytes:
    """An array of bytes: 0, 0, 8, number of dimensions, big-endian sizes, then the values.

    Raises:
        StoreError: If the file cannot be read, has another type, or another length than it says.
    """
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            head = file.read(4 + 4 * dimensions)
            if len(head) != 4 + 4 * dimensions or tuple(head[:4]) != (
                0, 0, UNSIGNED_BYTE, dimensions,
            ):  # fmt: skip
                raise StoreError(
                    f"File {str(path)!r} begins with {tuple(head[:4])}; an idx file of bytes in "
                    f"{dimensions} dimensions begins with (0, 0, 8, {dimensions})."
                )
            shape = tuple(int(size) for size in np.frombuffer(head, dtype=">u4", offset=4))
            if prod(shape) > LARGEST_FILE:
                raise StoreError(
                    f"File {str(path)!r} says it has {shape} values; up to {LARGEST_FILE} are read."
                )
            values = file.read(prod(shape) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(f"File {str(path)!r} is a damaged gzip file: {error}") from error
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"File {str(path)!r} cannot be read: {error}.") from error
    if len(values) != prod(shape):
        more = "more" if len(values) > prod(shape) else f"{len(values)}"
        raise StoreError(
            f"File {str(path)!r} says it has {shape}, so {prod(shape)} values; found {more}."
        )
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)


def _grey_levels(x: Bytes) -> NDArray[np.float32]:
    """(grey − mean)/deviation of the 256 grey levels, over all pixels of x; float32, (256,)."""
    counts = np.bincount(x.reshape(-1), minlength=256)
    levels = np.arange(256, dtype=np.float64)
    mean = float(counts @ levels) / x.size
    deviation = (float(counts @ (levels - mean) ** 2) / x.size) ** 0.5
    return ((levels - mean) / (deviation or 1.0)).astype(np.float32)
