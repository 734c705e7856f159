"""Test examples as pictures: grey images as PNG, signals as a line."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rescu_cli.experiment.data.dataset import Dataset


def draw_examples(dataset: Dataset, positions: Sequence[int]) -> dict[int, str]:
    """HTML of a picture for each position of the test part; empty where the data has no pictures.

    Drawn are data of shape (1, height, width) and (1, length), in one scale for all positions.
    """
    shape = dataset.shape
    if len(shape) not in (2, 3) or shape[0] != 1 or not positions:
        return {}
    first = len(dataset.cardinalities)
    x = dataset.x_test[list(positions), first:].astype(np.float64)
    spread = x.max() - x.min()
    scaled = (x - x.min()) / (spread if spread > 0 else 1.0)
    draw = _image if len(shape) == 3 else _line
    return {
        position: draw(row.reshape(shape[1:]))
        for position, row in zip(positions, scaled, strict=True)
    }


def _image(grey: NDArray[np.float64]) -> str:
    data = b64encode(png(np.round(grey * 255).astype(np.uint8))).decode()
    height, width = grey.shape
    return (
        f'<img class="picture" alt="the example" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
    )


def _line(signal: NDArray[np.float64]) -> str:
    x = np.linspace(1, 99, len(signal))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, 49 - 48 * signal, strict=True))
    return (
        '<svg class="picture" role="img" aria-label="the example" viewBox="0 0 100 50" '
        f'preserveAspectRatio="none"><polyline points="{points}" vector-effect="non-scaling-stroke"'
        "/></svg>"
    )


def png(grey: NDArray[Any]) -> bytes:
    """A grey image, uint8 of shape (height, width), as PNG."""
    height, width = grey.shape
    lines = np.pad(grey, ((0, 0), (1, 0)))  # each line begins with its filter, 0
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
