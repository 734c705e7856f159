"""Regions of networks: count, time, memory; `python benchmarks/regions_scaling.py`.

One network 2-384-384-384-1 on boxes of growing size, so that only the number of regions changes,
and networks of growing width on [−2, 2]². Each line is a process of its own, whose peak resident
memory is read. Random networks, He weights, biases N(0, 0.4²).
"""

from __future__ import annotations

import os
import subprocess
import sys

WIDE = 384
BOXES = (0.02, 0.06, 0.2, 0.6, 1.8, 4.0)
WIDTHS = (16, 32, 64, 128, 256)

ONE = """
import sys, time
import numpy as np
from rescu_cli.network.loading import dense_chain
from rescu_cli.network.regions.compute import regions
from rescu_cli.network.regions.slices import Slice

width, half = int(sys.argv[1]), float(sys.argv[2])
generator = np.random.default_rng(0)
sizes = (2, width, width, width, 1)
weights = [generator.standard_normal((o, i)) * np.sqrt(2 / i) for i, o in zip(sizes, sizes[1:])]
net = dense_chain(weights, [0.4 * generator.standard_normal(len(w)) for w in weights])
best = float("inf")
for _ in range(3 if width <= 128 or half < 0.5 else 1):
    start = time.perf_counter()
    found = regions(net, Slice.plane((-half, -half), (half, half)))
    best = min(best, time.perf_counter() - start)
print(len(found.cells), best, found.cells.areas().sum() / (4 * half**2) - 1)
"""


def measure(width: int, half: float) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", ONE, str(width), str(half)], stdout=subprocess.PIPE, text=True
    )
    text = worker.stdout.read() if worker.stdout else ""
    _, status, usage = os.wait4(worker.pid, 0)
    if status:
        sys.exit(f"width {width} failed")
    n, seconds, off = text.split()
    each = float(seconds) / int(n) * 1e6
    print(
        f"{width:6}{2 * half:7.2f}{int(n):11,}{float(seconds):10.3f}{each:11.1f}"
        f"{usage.ru_maxrss / 1024:9.0f}{float(off):10.1e}",
        flush=True,
    )


def main() -> None:
    print(f"{'width':>6}{'box':>7}{'regions':>11}{'seconds':>10}{'µs/region':>11}{'peak MB':>9}"
          f"{'area':>10}")  # fmt: skip
    for width in WIDTHS:
        measure(width, 2.0)
    for half in BOXES:
        measure(WIDE, half)


if __name__ == "__main__":
    main()
