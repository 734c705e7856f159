"""The replication of docs/replication.md, by its protocol; takes about a quarter of an hour.

    python benchmarks/replication.py [--seeds 32] [--out FOLDER] [--only digits,mnist1d,ctr]

The protocol was written before any of its runs, in docs/replication.md, and this script is all of
it. For each data set: every activation, tuned over the same learning rates, with the same seeds;
the comparison with ReLU at the end of training and, on digits and mnist1d, at equal validation
loss; the front of SmeLU over beta beside fixed activations. Printed are the tables of the page as
Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rescu_cli as rescu
from rescu_cli.experiment import Report

ACTIVATIONS = ("relu", "smelu:beta=0.5", "smelu:beta=1", "smelu:beta=2", "swish", "gelu",
               "softplus")  # fmt: skip
RATES = (1e-3, 3e-3, 1e-2)
DATA: dict[str, dict[str, Any]] = {
    "digits": {"data": "digits", "tune": RATES},
    "mnist1d": {"data": "mnist1d", "tune": RATES},
    "ctr": {"data": "ctr:n=50000", "model": "ctr", "tune": (0.02, 0.05, 0.1)},
}
SCORE = {"digits": "accuracy", "mnist1d": "accuracy", "ctr": "auc"}
DIFFERENCE = {"digits": "pd_pairwise_l1", "mnist1d": "pd_pairwise_l1", "ctr": "pd_relative"}
BETAS = "beta=0.1:4:8"


def rates(report: Report) -> dict[str, float]:
    return {key["spec"]: key["lr"] for key in report.spec["activations"]}


def table(name: str, report: Report) -> list[str]:
    """One row per activation; against ReLU with the adjusted p and the verdict."""
    score, difference, chosen = SCORE[name], DIFFERENCE[name], rates(report)
    lines = [
        f"| activation | rate | {score} | against ReLU | loss | {difference} | against ReLU |",
        "| --- | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    for result in report.activations:
        value = result.pd[difference]
        cells = [
            f"`{result.activation}`", f"{chosen[result.activation] or report.spec['lr']:g}",
            around(result.score.mean, result.score.ci), against(report, result.activation, score),
            around(result.loss.mean, result.loss.ci), around(value.value, value.ci),
            against(report, result.activation, difference),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def around(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return "–"
    return f"{value:.4f} ± {(interval[1] - interval[0]) / 2:.4f}"


def against(report: Report, activation: str, metric: str) -> str:
    for one in report.comparisons:
        if one.a == activation and one.metric == metric and one.difference is not None:
            p = "–" if one.p_adjusted is None else f"{one.p_adjusted:.2g}"
            return f"{one.difference:+.4f}, p = {p}: {one.verdict}"
    return "baseline"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("replication"))
    parser.add_argument("--only", default=",".join(DATA))
    options = parser.parse_args()
    for name in options.only.split(","):
        given = {**DATA[name], "seeds": options.seeds}
        report = rescu.compare(ACTIVATIONS, out=options.out / name, **given)
        print(f"\n### {name}\n", *table(name, report), sep="\n", flush=True)
        if name != "ctr":  # one pass has no epochs to choose from
            matched = rescu.compare(
                ACTIVATIONS, out=options.out / f"{name}-matched", match="loss", **given
            )
            mark = matched.spec["stop_at"]
            title = f"\nAt equal validation loss ({mark:.4f}):\n"
            print(title, *table(name, matched), sep="\n", flush=True)
        plain = {k: v for k, v in given.items() if k != "tune"}
        found = rescu.sweep(
            "smelu", BETAS, metric=DIFFERENCE[name], out=options.out / f"{name}-front",
            margin=0.005, **plain,
        )  # fmt: skip
        print(
            "\nThe front over beta:\n", *front(found.to_dict(), SCORE[name]), sep="\n", flush=True
        )


def front(result: dict[str, Any], score: str) -> list[str]:
    lines = [f"| activation | {score} | {result['metric']} | dominated | within the margin |",
             "| --- | ---: | ---: | --- | --- |"]  # fmt: skip
    for p in result["points"]:
        lines.append(
            f"| `{p['activation']}` | {p['score']:.4f} | {p['pd']:.4f} | "
            f"{'yes' if p['dominated'] else 'no'} | {'yes' if p['admissible'] else 'not shown'} |"
        )
    best = result["best"]
    lines.append(f"\nBest within the margin: {best['activation'] if best else 'none'}.")
    return lines


if __name__ == "__main__":
    main()
