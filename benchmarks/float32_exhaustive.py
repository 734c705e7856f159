"""Times ``rescu verify ACT --float float32``: all 2³² inputs, as a whole process.

    python benchmarks/float32_exhaustive.py [ACT ...]

Prints wall and CPU seconds, and the largest resident memory of the process. By default SmeLU.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time


def measure(name: str) -> tuple[float, float, float, int]:
    """(wall s, CPU s, GB, exit status) of one check."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rescu_cli", "verify", name, "--float", "float32"], check=False
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 2**20, done.returncode


def main() -> int:
    """Measure what is named on the command line."""
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    status = 0
    for name in sys.argv[1:] or ["smelu"]:
        wall, cpu, memory, code = measure(name)
        took = f"{wall:.0f} s wall, {cpu:.0f} s CPU, {memory:.2f} GB"
        print(f"{name}: {took}, exit {code}", flush=True)
        status = max(status, code)
    return status


if __name__ == "__main__":
    sys.exit(main())
