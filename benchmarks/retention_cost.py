"""What one more token costs, by retention's state and by attention over a cache, to 32k tokens.

    python benchmarks/retention_cost.py [--to 32768] [--heads 8] [--head-width 64] [--out DIR]

One thread. Prints a table; with --out also writes cost.json, cost.png and cost.svg.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from rescu_cli.plot import figure_bytes, plot_retention_cost
from rescu_cli.sequence.retention.cost import cost_curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, default=32_768)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--head-width", type=int, default=64)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    lengths = [1]
    while lengths[-1] < asked.to:
        lengths.append(min(2 * lengths[-1], asked.to))
    rows = cost_curve(lengths, n_heads=asked.heads, head_width=asked.head_width)
    print("| tokens before | retention µs | attention µs | ratio | state KiB | cache KiB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        ours, theirs = row["retention"], row["attention"]
        print(
            f"| {row['length']:,} | {1e6 * ours['seconds']:.0f} | {1e6 * theirs['seconds']:,.0f} | "
            f"{theirs['seconds'] / ours['seconds']:.3g} | {ours['bytes'] / 1024:,.0f} | "
            f"{theirs['bytes'] / 1024:,.0f} |"
        )
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "cost.json").write_text(json.dumps(rows, indent=1))
        figure = plot_retention_cost(rows)
        for ending in ("png", "svg"):
            (asked.out / f"cost.{ending}").write_bytes(figure_bytes(figure, ending))


if __name__ == "__main__":
    main()
