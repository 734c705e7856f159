"""Random functions by the thousand, every verdict about them held against evaluation.

    python benchmarks/honesty.py [--cases 20000] [--start 0] [--seed 1] [--workers 2] [--out FILE]

Case n of a seed is always the same function. Each line of the output is one case; the same command
again goes on where it stopped, and ends with a summary. A case fails when a proved claim is
contradicted, a witness does not violate its claim, evidence does not replay (one case in 40), or
the program raises, crashes or hangs. Exit status 1 if one did.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from rescu_cli.certify import certify
from tests.theorems.honest_cases import make
from tests.theorems.honest_oracle import fallen, lies

EVIDENCE_EVERY = 40
HANG = 600
"""Seconds after which a case is given up; thirteen claims may take twenty seconds each."""


def case(seed: int, n: int) -> dict[str, Any]:
    """What became of one case; failures are data."""
    record: dict[str, Any] = {"n": n, "seed": seed}
    start, step = time.process_time(), "make"
    try:
        rng = Random(f"{seed}:{n}")
        made = make(rng)
        record |= {"kind": made.kind, "engines": made.engines and list(made.engines)}
        step = "certify"
        found = certify(made.activation, engines=made.engines)
        record["seconds"] = round(time.process_time() - start, 2)
        record["verdicts"] = {c.claim: [c.status.value, c.method] for c in found}
        step = "evaluate"
        failures = [str(lie) for lie in lies(made.activation, found, rng)]
        if n % EVIDENCE_EVERY == 0:
            step = "evidence"
            failures += fallen(made.activation)
            record["replayed"] = True
    except Exception:  # noqa: BLE001  # reason: any failure is a finding
        failures = [f"{step}: {traceback.format_exc(limit=-3)}"]
    return record | {"failures": failures}


def work(seed: int, numbers: list[int], out: Path, current: Any) -> None:
    for n in numbers:
        current.value = n
        line = json.dumps(case(seed, n)) + "\n"
        with out.open("a") as file:
            file.write(line)


def done(out: Path, seed: int) -> dict[int, dict[str, Any]]:
    if not out.exists():
        return {}
    records = (json.loads(line) for line in out.read_text().splitlines())
    return {r["n"]: r for r in records if r["seed"] == seed}


def run(seed: int, numbers: list[int], workers: int, out: Path) -> None:
    """Shares the cases out; a worker that dies or hangs is recorded and replaced."""
    waiting = [numbers[i::workers] for i in range(workers)]
    active: list[tuple[Any, Any, list[int], float, int]] = []
    while waiting or active:
        while waiting:
            share = waiting.pop()
            if share:
                current = multiprocessing.Value("q", share[0])
                process = multiprocessing.Process(target=work, args=(seed, share, out, current))
                process.start()
                active.append((process, current, share, time.monotonic(), share[0]))
        time.sleep(0.5)
        still = []
        for process, current, share, since, last in active:
            if current.value != last:
                since, last = time.monotonic(), current.value
            hung = process.is_alive() and time.monotonic() - since > HANG
            if hung:
                process.kill()
                process.join()
            if process.is_alive():
                still.append((process, current, share, since, last))
            elif hung or process.exitcode:
                what = "hangs" if hung else f"dies with {process.exitcode}"
                record = {"n": last, "seed": seed, "failures": [f"the process {what}"]}
                with out.open("a") as file:
                    file.write(json.dumps(record) + "\n")
                waiting.append(share[share.index(last) + 1 :])
        active = still


def summary(records: list[dict[str, Any]]) -> int:
    """Prints the counts; returns the number of failed cases."""
    failed = [r for r in records if r["failures"]]
    kinds = Counter(r.get("kind") for r in records)
    print(f"{len(records)} cases: " + ", ".join(f"{k} {n}" for k, n in kinds.most_common()))
    print(f"{sum('replayed' in r for r in records)} certificates replayed")
    counts = Counter(
        (claim, status, method or "") for r in records
        for claim, (status, method) in r.get("verdicts", {}).items()
    )  # fmt: skip
    columns = [(s, m) for s in ("proved", "refuted") for m in ("exact", "z3", "ball")]
    columns.append(("undecided", ""))
    print(f"{'claim':20}" + "".join(f"{' '.join(c).strip():>15}" for c in columns))
    for claim in dict.fromkeys(k[0] for k in counts):
        print(f"{claim:20}" + "".join(f"{counts[claim, *c]:>15}" for c in columns))
    total = [sum(n for k, n in counts.items() if k[1:] == c) for c in columns]
    print(f"{'all':20}" + "".join(f"{n:>15}" for n in total))
    slow = sorted(records, key=lambda r: r.get("seconds", 0), reverse=True)[:5]
    print(
        "slowest: " + ", ".join(f"{r['n']} ({r.get('kind')}, {r.get('seconds')} s)" for r in slow)
    )
    print(f"failed cases: {len(failed)}")
    for r in failed:
        print(f"  case {r['n']} ({r.get('kind')}, {r.get('engines')}): {r['failures'][0][-600:]}")
    return len(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("honesty.jsonl"))
    parser.add_argument("--summary", action="store_true", help="of what was run; runs nothing")
    given = parser.parse_args()
    wanted = range(given.start, given.start + given.cases)
    if not given.summary:
        before = done(given.out, given.seed)
        run(given.seed, [n for n in wanted if n not in before], given.workers, given.out)
    return 1 if summary(list(done(given.out, given.seed).values())) else 0


if __name__ == "__main__":
    sys.exit(main())
