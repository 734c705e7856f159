"""Reading .npz files: whole, or some examples at a time without holding the rest.

An .npz is a zip archive of .npy members. A member stored as it is (`numpy.savez`) is read in place;
a compressed one (`numpy.savez_compressed`) is first unpacked to a temporary file. Members are read
rather than mapped: mapped pages count as memory of the process, and a file that is cut while it is
mapped ends the process without a word.
"""

from __future__ import annotations

import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from rescu_cli.errors import StoreError

_COPIED_AT_ONCE = 2**20
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a member: the lengths of its name and extra field


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what damaged archives raise into a StoreError."""
    try:
        yield
    except FileNotFoundError:
        raise StoreError(f"No file {path}.") from None
    except (
        OSError, ValueError, EOFError, KeyError, RuntimeError, OverflowError, struct.error,
        zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    ) as error:  # fmt: skip
        raise StoreError(
            f"{path} cannot be read as an .npz file of plain arrays ({error}); it may be "
            "truncated or hold pickled objects. Delete it and write it again."
        ) from error


def bare_array(path: Path) -> StoreError:
    """For a .npy file where an .npz was expected."""
    return StoreError(f"{path} is one bare array, not an .npz file. Delete it and write it again.")


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file; pickled objects are never loaded.

    Raises:
        StoreError: If the file is missing, truncated or not an npz of plain arrays.
    """
    # Opened here: given a path, np.load leaves the file open when it is damaged.
    with readable(path), path.open("rb") as file:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            return {name: found[name] for name in found.files}
    raise bare_array(path)


@dataclass(frozen=True, eq=False)
class Member:
    """An array of an npz file, of which parts are read when asked for.

    Args:
        path: Of the npz file, for messages.
        file: Holds the array's bytes, from ``offset`` on.
        offset: In bytes.
        shape: As of the array.
        dtype: As of the array.
        fortran: Whether the first index runs fastest.
    """

    path: Path
    file: IO[bytes]
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    def __getitem__(self, rows: slice, /) -> NDArray[Any]:
        """``array[start:stop]``."""
        start, stop, _ = rows.indices(self.shape[0])
        return self.part(start, stop, 0)

    def part(self, start: int, stop: int, axis: int) -> NDArray[Any]:
        """Positions ``start`` … ``stop`` − 1 of one axis, everything of the others.

        Raises:
            StoreError: If the file is now shorter than it was when opened.
        """
        lying = self.shape[::-1] if self.fortran else self.shape
        at = len(lying) - 1 - axis if self.fortran else axis
        found = np.empty((*lying[:at], stop - start, *lying[at + 1 :]), self.dtype)
        inner = prod(lying[at + 1 :]) * self.dtype.itemsize
        rows = found.reshape(prod(lying[:at]), -1)
        for k, row in enumerate(rows):
            self._read_into(row, self.offset + (k * lying[at] + start) * inner)
        return found.T if self.fortran else found

    def scalar(self) -> Any:
        """The value of an array without axes."""
        found = np.empty(1, self.dtype)
        self._read_into(found, self.offset)
        return found[0]

    def _read_into(self, row: NDArray[Any], offset: int) -> None:
        wanted = row.view(np.uint8).data if row.nbytes else b""
        with readable(self.path):
            self.file.seek(offset)
            n_read = self.file.readinto(wanted) if row.nbytes else 0  # type: ignore[attr-defined]
            if n_read != row.nbytes:
                raise EOFError("it was cut while it was read")


class Archive:
    """An npz file held open; use it in a ``with`` statement.

    Raises:
        StoreError: If the file is missing, truncated or not an npz.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with ExitStack() as opened, readable(path):
            self._file = opened.enter_context(path.open("rb"))
            if self._file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise bare_array(path)
            self._zip = opened.enter_context(zipfile.ZipFile(self._file))
            self._open = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    @property
    def names(self) -> list[str]:
        """Of the arrays."""
        return [name.removesuffix(".npy") for name in self._zip.namelist()]

    def member(self, name: str) -> Member:
        """One array, read once to its end so that its checksum is known to be right.

        Raises:
            StoreError: If it is truncated, damaged, or holds pickled objects.
        """
        with readable(self.path):
            info = self._zip.getinfo(f"{name}.npy")
            with self._zip.open(info) as stream:
                shape, fortran, dtype = _array_header(stream, name)
                header = stream.tell()
                if info.compress_type == zipfile.ZIP_STORED:
                    file: IO[bytes] = self._file
                    offset = self._data_offset(info) + header
                    size = _length(stream)
                else:
                    file, offset = self._unpacked(stream), 0
                    size = file.seek(0, 2)
            expected = prod(shape) * dtype.itemsize
            if size < expected:
                raise ValueError(f"{name} has {size} bytes where its shape needs {expected}")
        return Member(self.path, file, offset, shape, dtype, fortran)

    def _data_offset(self, info: zipfile.ZipInfo) -> int:
        self._file.seek(info.header_offset)
        n_name, n_extra = _LOCAL_HEADER.unpack(self._file.read(_LOCAL_HEADER.size))
        return int(info.header_offset + _LOCAL_HEADER.size + n_name + n_extra)

    def _unpacked(self, stream: IO[bytes]) -> IO[bytes]:
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # reason: lives with the archive
        self._open.callback(file.close)
        while piece := stream.read(_COPIED_AT_ONCE):
            try:
                file.write(piece)
            except OSError as error:
                raise StoreError(
                    f"{self.path} is compressed and cannot be unpacked into "
                    f"{tempfile.gettempdir()}: {error.strerror or error}. Free some space there, "
                    "name another folder in TMPDIR, or save the file with numpy.savez."
                ) from error
        return file


def _array_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype of the .npy that starts here."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"{name} is a .npy of version {version}; read are 1.0 and 2.0")
    shape, fortran, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds pickled objects")
    if any(size < 0 for size in shape):
        raise ValueError(f"{name} has the shape {shape}")
    return shape, fortran, dtype


def _length(stream: IO[bytes]) -> int:
    """Bytes left; reading to the end makes zipfile compare the checksum."""
    n = 0
    while piece := stream.read(_COPIED_AT_ONCE):
        n += len(piece)
    return n
