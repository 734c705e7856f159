"""How often `compare` finds a difference where there is none; takes some minutes.

    python benchmarks/calibration.py [RUNS] [SEEDS…]

Three "activations" whose models are drawn from one distribution: binary models whose logits share
few directions, with coefficients that the models of one seed share in part, as trainings do that
begin alike. Each run goes through the analysis of an experiment as it is, Holm and all. Printed is
the share of runs in which any of the two comparisons with the baseline is called lower or higher,
for each metric. Two-sided tests at 5 % that hold stay below 5 %.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rescu_cli.experiment.analyse import Trial, analyse
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.spec import ActivationKey, ExperimentSpec
from rescu_cli.experiment.store import CellRecord

N_EXAMPLES, N_DIRECTIONS, SHARED = 40, 4, 0.5
NAMES = ("relu", "smelu", "tanh")


def simulate(n_seeds: int, generator: np.random.Generator) -> list[Trial]:
    """One trial per activation; nothing distinguishes them."""
    directions = np.random.default_rng(0).standard_normal((N_DIRECTIONS, N_EXAMPLES))
    labels = (np.random.default_rng(2).random(N_EXAMPLES) < 0.5).astype(np.int64)
    common = generator.standard_normal((n_seeds, N_DIRECTIONS))
    trials = []
    for name in NAMES:
        own = generator.standard_normal((n_seeds, N_DIRECTIONS))
        spread = np.exp(0.3 * generator.standard_normal((n_seeds, 1)))
        drawn = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        logits = (2 * labels - 1) * 0.5 + 0.5 * spread * (drawn @ directions)
        p = (1 / (1 + np.exp(-logits))).astype(np.float32)
        predictions = Predictions(
            name, np.stack([1 - p, p], axis=2), labels, np.arange(N_EXAMPLES), np.arange(n_seeds)
        )
        trials.append(Trial(key(name), records(name, predictions), predictions))
    return trials


def key(name: str) -> ActivationKey:
    return ActivationKey(name, name, str(NAMES.index(name)) * 64, 1.0)


def records(name: str, predictions: Predictions) -> tuple[CellRecord, ...]:
    p, labels = predictions.probabilities, predictions.labels
    right = (p.argmax(2) == labels).mean(1)
    loss = -np.log(p[:, np.arange(len(labels)), labels]).mean(1)
    return tuple(
        CellRecord(
            id=f"{name}{seed}", activation=name, seed=seed, score=float(right[seed]),
            loss=float(loss[seed]), train_loss=0.0, curve=(), validation=(), epoch=1,
            diverged=False, seconds=0.0, predictions_sha256="", torch="", threads=1,
        )
        for seed in range(len(p))
    )  # fmt: skip


def false_positives(n_seeds: int, n_runs: int, seed: int = 0) -> dict[str, float]:
    """By metric, the share of runs in which some difference is called one."""
    generator = np.random.default_rng([seed, n_seeds])
    spec = ExperimentSpec(
        activations=tuple(key(name) for name in NAMES), data="simulated", data_digest="0" * 64,
        baseline=NAMES[0], seeds=tuple(range(n_seeds)),
    )  # fmt: skip
    found: dict[str, int] = {}
    for _ in range(n_runs):
        report = analyse(spec, Path("nowhere"), simulate(n_seeds, generator))
        called = {c.metric for c in report.comparisons if c.verdict != "no difference shown"}
        for metric in {c.metric for c in report.comparisons}:
            found[metric] = found.get(metric, 0) + (metric in called)
    return {metric: count / n_runs for metric, count in sorted(found.items())}


def main(n_runs: int, sizes: list[int]) -> None:
    table = {n: false_positives(n, n_runs) for n in sizes}
    print(f"{'metric':22}" + "".join(f"{n:>4} seeds" for n in sizes) + f"   ({n_runs} runs)")
    for metric in table[sizes[0]]:
        print(f"{metric:22}" + "".join(f"{table[n][metric]:>10.1%}" for n in sizes))


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:]]
    main(numbers[0] if numbers else 2000, numbers[1:] or [5, 10, 20])
