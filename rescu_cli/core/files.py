"""Reading JSON; writing a file so that a reader finds the old one or the new one, not half."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from rescu_cli.errors import StoreError, UsageError

TEMPORARY = ".*~"  # what a killed process may leave behind; a reader never looks at these


def write_atomically(path: Path, content: bytes | str) -> None:
    """Temporary file beside ``path``, flushed to the disk, then renamed over it.

    Raises:
        StoreError: If the folder is missing, full or not writable; ``path`` is then untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}~")
    try:
        try:
            # Not tempfile.mkstemp: its mode 0600 would shut out the other members of a group.
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(f"Cannot write {path}: {error.strerror or error}.") from error


def make_folder(path: str | Path) -> Path:
    """The folder, made with those above it if it is missing.

    Raises:
        StoreError: If it cannot be made, e.g. because a file is in its place.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error
    return folder


def read_json(path: Path) -> Any:
    """The data of a JSON file.

    Raises:
        StoreError: If the file cannot be read.
        UsageError: If it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}.") from error


def read_arrays(path: Path, wanted: str) -> dict[str, Any]:
    """The arrays of an ``.npz`` file by name; nothing in it is run.

    Args:
        path: The file.
        wanted: What it should hold, for the message.

    Raises:
        StoreError: If there is no such file.
        UsageError: If it is no archive of plain arrays.
    """
    import numpy as np

    if not path.is_file():
        raise StoreError(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # reason: damaged bytes raise whatever a decoder meets first
        raise UsageError(
            f"{path} is no .npz of plain arrays ({type(error).__name__}); it should hold {wanted}."
        ) from error


def write_json(path: Path, data: Any) -> None:
    """``data`` as indented JSON with a final newline; NaN and infinities are refused."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text)


def is_number(text: str) -> bool:
    """Whether a cell of a file is a number, ``nan`` and ``inf`` included.

    Example:
        >>> is_number("1e-3"), is_number("1,5")
        (True, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return True
