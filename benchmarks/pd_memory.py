"""Time and peak memory of `rescu pd` on 10 million examples of 20 models, against 1 GB.

    python benchmarks/pd_memory.py [MILLIONS_OF_EXAMPLES] [MODELS]

The file, float32, is written a piece at a time into a temporary folder and deleted afterwards. The
peak is that of the process `rescu pd`; the pages of the file that the system keeps are not its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

TARGET = 1e9
PIECE = 2**20


def write_member(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    piece: Callable[[int, int], np.ndarray],
) -> None:
    """Stores an array as numpy.savez does; `piece(start, stop)` gives some of its flat values."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        size = int(np.prod(shape))
        for start in range(0, size, PIECE):
            stop = min(start + PIECE, size)
            member.write(piece(start, stop).astype(dtype).tobytes())


def write_file(path: Path, n_models: int, n_examples: int) -> None:
    """Models that agree on a truth per example and differ by noise of their own."""

    def probabilities(start: int, stop: int) -> np.ndarray:
        truth = np.sin(0.7 * (np.arange(start, stop) % n_examples))
        noise = np.random.default_rng(start).standard_normal(stop - start)
        return 1 / (1 + np.exp(-3 * truth - 0.3 * noise))

    def labels(start: int, stop: int) -> np.ndarray:
        return np.sin(0.7 * np.arange(start, stop)) > 0

    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        write_member(archive, "predictions", (n_models, n_examples), "<f4", probabilities)
        write_member(archive, "labels", (n_examples,), "<i8", labels)
        write_member(archive, "example_ids", (n_examples,), "<i8", np.arange)


def main(n_examples: int, n_models: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.npz"
        write_file(path, n_models, n_examples)
        print(f"{n_models} models, {n_examples:,} examples: {path.stat().st_size / 1e6:,.0f} MB")
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "rescu_cli", "pd", "--json", str(path)],
            stdout=subprocess.PIPE,
            check=True,
        )
        wall = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"wall {wall:.1f} s, CPU {usage.ru_utime + usage.ru_stime:.1f} s")
    print(f"peak resident memory {peak / 1e6:,.0f} MB: "
          f"{'met' if peak < TARGET else 'MISSED'}, target {TARGET / 1e6:,.0f} MB")  # fmt: skip
    [one] = json.loads(done.stdout)["result"]["files"]
    print(", ".join(f"{key} {found['value']:.6f}" for key, found in one["pd"].items()))


if __name__ == "__main__":
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    main(round(millions * 1e6), int(sys.argv[2]) if len(sys.argv) > 2 else 20)
