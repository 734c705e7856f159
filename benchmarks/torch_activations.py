"""The exported SmeLU beside torch's own SiLU, forward and backward; prints ratios and targets.

    python benchmarks/torch_activations.py [--threads 1] [--size 4194304] [--rounds 25]

Ratios are taken within rounds, so that a machine that is busy for a while falls on both alike; the
ratio of the fastest samples is printed beside their median. Memory is counted, not timed.
"""

from __future__ import annotations

import argparse

from rescu_cli.bench import BenchReport, benchmark

SMELU, SILU = "smelu:beta=1", ("swish:k=1", "native")
TARGETS = {"compiled": 1.0, "eager": 2.0}


def times(report: BenchReport) -> None:
    print(
        f"\n{report.size:,} elements of {report.dtype}, {report.threads} threads, "
        f"{report.processor}, torch {report.torch}, load average {report.load}"
    )
    print(
        f"{'SmeLU / native F.silu':24}{'forward':>10}{'both':>8}{'both, fastest':>15}{'target':>8}"
    )
    for mode, target in TARGETS.items():
        row = report.row(SMELU, mode)
        if row.failed is not None:
            print(f"{mode}: not measured: {row.failed}")
            continue
        forward, both = (
            report.ratio((SMELU, mode), SILU, what) for what in ("forward", "forward_backward")
        )
        fastest = row.timing("forward_backward").best
        fastest /= report.row(*SILU).timing("forward_backward").best
        verdict = "met" if both <= target else "missed"
        print(f"{mode:24}{forward:10.2f}{both:8.2f}{fastest:15.2f}{target:8.1f}  {verdict}")


def memory(dtype: str) -> None:
    report = benchmark([SMELU], dtype=dtype, size=10_000, rounds=1)
    for row in report.rows:
        if row.failed is not None:
            print(f"{dtype:10}{row.mode:10}not measured: {row.failed}")
            continue
        kept = ", ".join(f"{s.which} ({s.dtype})" for s in row.saved)
        one = len(row.saved) == 1 and row.saved[0].dtype == dtype
        print(f"{dtype:10}{row.mode:10}{kept:24}{'one tensor: met' if one else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    for dtype in ("float32", "bfloat16"):
        times(
            benchmark(
                ["swish:k=1", SMELU], dtype=dtype, threads=options.threads, size=options.size,
                rounds=options.rounds,
            )
        )  # fmt: skip
    print("\nkept for the backward pass")
    for dtype in ("float32", "bfloat16", "float16"):
        memory(dtype)


if __name__ == "__main__":
    main()
