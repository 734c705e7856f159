"""Reading files that a disk, a copy or a hand may have changed: sound, damaged, or not readable."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rescu_cli.errors import StoreError
from rescu_cli.experiment.predictions import read_arrays


class DamagedError(Exception):
    """A file does not hold what was written; the text says how it is known."""


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        StoreError: If the system does not let us read it; it may then be sound.
        DamagedError: If it is something else.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise DamagedError("it is not a JSON object")
    return data


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an npz file.

    Raises:
        StoreError: If the system does not let us read it; it may then be sound.
        DamagedError: If it is something else.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the format of what is then refused anyway
            return read_arrays(path)
    except Exception as error:  # reason: wrong bytes make the reader raise anything
        cause = error.__cause__ or error
        raise DamagedError(f"it cannot be read as an .npz file: {cause}") from error
