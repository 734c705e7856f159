"""How much of memcpy's bandwidth the generated C code reaches on large arrays.

    python benchmarks/c_bandwidth.py [--threads 2] [--repeat 15]

Every thread works on its share of the arrays, once with memcpy, once with the generated loop; the
two take turns, so that whatever else the machine does meets both. The bytes that count are those
that must move: read x and write y (forward), read x and dy and write dx (backward).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from rescu_cli import catalogue
from rescu_cli.export import emit

DRIVER = """
#define _POSIX_C_SOURCE 200809L
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "artifact.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    const size_t n = (size_t)atol(argv[1]);
    const int repeat = atoi(argv[2]);
    float *x = aligned_alloc(64, n * 4), *d = aligned_alloc(64, n * 4);
    float *y = aligned_alloc(64, n * 4);
    (void)argc;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)((double)(i % 4096) / 512.0 - 4.0);
        d[i] = 1;
        y[i] = 0;
    }
    for (int r = 0; r <= repeat; r++) {
        double t[4];
        for (int which = 0; which < 3; which++) {
            t[which] = now();
#pragma omp parallel
            {
                const size_t share = n / (size_t)omp_get_num_threads() / 16 * 16;
                const size_t at = share * (size_t)omp_get_thread_num();
                if (which == 0) memcpy(y + at, x + at, share * 4);
                if (which == 1) FORWARD(share, x + at, y + at GIVEN);
                if (which == 2) BACKWARD(share, x + at, d + at, y + at GIVEN);
            }
            t[which + 1] = now();
        }
        if (r) printf("%.9f %.9f %.9f\\n", t[1] - t[0], t[2] - t[1], t[3] - t[2]);
    }
    return 0;
}
"""


def measure(name: str, threads: int, repeat: int, n: int) -> dict[str, float]:
    """Medians of the ratios to memcpy, in bytes that must move per second."""
    artifact = emit(catalogue.get(name), "c")
    free = artifact.activation.free_parameters
    given = "".join(f", {float(p.default)}f" for p in free if p.default is not None)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "artifact.h").write_text(artifact.text)
        text = DRIVER.replace("FORWARD", f"{artifact.name}_forwardf")
        text = text.replace("BACKWARD", f"{artifact.name}_backwardf").replace("GIVEN", given)
        (here / "main.c").write_text(text)
        flags = ["-O3", "-march=native", "-fno-trapping-math", "-std=c11", "-fopenmp"]
        subprocess.run(["gcc", *flags, "main.c", "-o", "main", "-lm"], cwd=here, check=True)
        done = subprocess.run(
            ["./main", str(n), str(repeat)], cwd=here, check=True, capture_output=True, text=True,
            env={"OMP_NUM_THREADS": str(threads)},
        )  # fmt: skip
    rows = [[float(v) for v in line.split()] for line in done.stdout.splitlines()]
    copy = statistics.median(row[0] for row in rows)
    return {
        "memcpy_gb_per_s": 8e-9 * n / copy,
        "forward": statistics.median(row[0] / row[1] for row in rows),
        "backward": statistics.median(1.5 * row[0] / row[2] for row in rows),
    }


def main() -> None:
    """Print one JSON object per activation."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--size", type=int, default=2**26, help="floats per array")
    options = parser.parse_args()
    for name in ("relu", "smelu", "hard_swish", "rescu_smootherstep"):
        found = measure(name, options.threads, options.repeat, options.size)
        print(json.dumps({"activation": name, "threads": options.threads, **found}), flush=True)


if __name__ == "__main__":
    main()
