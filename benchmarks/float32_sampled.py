"""Checks the exported torch code at one in 2,570 of the floats of float32; prints a table.

    python benchmarks/float32_sampled.py [--step 2570] [ACT ...]

The whole format takes minutes per activation (`float32_exhaustive.py`); this takes seconds.
"""

from __future__ import annotations

import argparse

from rescu_cli import catalogue
from rescu_cli.certify import Verdict, certify
from rescu_cli.core.edges import float_format
from rescu_cli.export import emit
from rescu_cli.export.machine import Monotone, check_machine, held


def row(name: str, step: int) -> str:
    """One line of the table."""
    kind = float_format("float32")
    artifact = emit(catalogue.resolve(name).with_defaults(), "torch")
    truth, _, _ = held(artifact, kind)
    proved = {c.claim for c in certify(truth, ["monotone", "convex"]) if c.status is Verdict.PROVED}
    infinity = float("inf")
    monotone: list[Monotone] = []
    if "monotone" in proved:
        monotone.append(("value", -infinity, infinity, 1))
    if "convex" in proved:
        monotone.append(("gradient", -infinity, infinity, 1))
    report = check_machine(artifact, "float32", monotone, keys=range(77, 2**32, step))
    cells = [name]
    for what in ("value", "gradient"):
        found = report.quantities[what]
        order = "not asked"
        if found.order.between:
            back, ulps = found.order.violations.n, found.order.violations.ulps
            order = f"{back:,} (≤ {ulps:.0f} ulp)" if back else "none"
        counts = [f"{c.n:,}" if c.n else "–" for c in (found.excused, found.underflow)]
        cells += [f"{found.worst.ulps:.2f}", order, *counts]
    return "| " + " | ".join(cells) + f" |{'' if report.ok else ' DISAGREES'}"


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("activations", nargs="*")
    parser.add_argument("--step", type=int, default=2570)
    options = parser.parse_args()
    for name in options.activations or catalogue.names():
        print(row(name, options.step), flush=True)


if __name__ == "__main__":
    main()
