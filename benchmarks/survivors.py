"""What can be proved of every function of the one-unit space that can be trained.

    python benchmarks/survivors.py OUT.jsonl [--processes 2] [--most N]

One line per function, in an order that is random but always the same, so that what is there after a
while is a sample; the same command goes on. A line has the formula and its claims with status and
value, or why there is no certificate: it is undefined somewhere as a formula, or switches where two
functions meet at a place that is not located. About a second per function and process.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from rescu_cli.errors import RescuError
from rescu_cli.search.formula import Formula
from rescu_cli.search.space import one_unit_space, sorted_out

ORDER = 20171016  # submission date of the paper of the space


def certificate(formula: Formula) -> dict[str, Any]:
    """The claims of one function, or the reason that there are none."""
    from rescu_cli.certify import certify

    began = time.process_time()
    found: dict[str, Any] = {"formula": formula.spec, "claims": None, "reason": None}
    try:
        claims = certify(formula.activation("candidate"))
        found["claims"] = {c.claim: [c.status.value, _plain(c.value)] for c in claims}
    except RescuError as error:
        found["reason"] = str(error)
    return {**found, "seconds": round(time.process_time() - began, 2)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def _kind(reason: str) -> str:
    if "divides by zero" in reason or "real and finite" in reason:
        return "undefined at a place"
    return "a switch that is not located" if "Cannot locate" in reason else "another reason"


def summary(found: list[dict[str, Any]]) -> str:
    counts: Counter[str] = Counter()
    for row in found:
        if row["claims"] is None:
            counts[_kind(row["reason"])] += 1
            continue
        for claim in ("continuous", "smooth", "monotone", "convex", "gradient_lipschitz"):
            counts[f"{claim} {row['claims'][claim][0]}"] += 1
    said = [f"{len(found)} functions"]
    said += [f"{name}: {n} ({100 * n / len(found):.1f} %)" for name, n in sorted(counts.items())]
    return "\n".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--most", type=int, default=None)
    asked = parser.parse_args()
    kept, _, _ = sorted_out(one_unit_space().distinct)
    random.Random(ORDER).shuffle(kept)
    kept = kept[: asked.most]
    known = {row["formula"] for row in lines(asked.out)}
    todo = [formula for formula in kept if formula.spec not in known]
    print(f"{len(kept)} functions, {len(todo)} to do", flush=True)
    with (
        ProcessPoolExecutor(asked.processes) as pool,
        asked.out.open("a", encoding="utf-8") as file,
    ):
        for row in pool.map(certificate, todo):
            file.write(json.dumps(row) + "\n")
            file.flush()
    print(summary(list(lines(asked.out))))


if __name__ == "__main__":
    main()
