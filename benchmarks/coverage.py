"""Simulated coverage of nominal 95 % intervals for a prediction difference; takes a minute.

    python benchmarks/coverage.py [RUNS]

Binary models whose logits share few directions, each model with its own coefficients, so that the
pairs of models depend on each other as they do in experiments. Intervals for the mean pairwise
difference: pairs taken as independent, percentile bootstrap over models, delete-one jackknife.
"""

from __future__ import annotations

import sys

import numpy as np

from rescu_cli.experiment.metrics import measure
from rescu_cli.experiment.predictions import Predictions
from rescu_cli.experiment.stats import jackknife, mean_estimate

N_EXAMPLES, N_DIRECTIONS, N_BOOTSTRAP = 40, 4, 400


def simulate(n_models: int, generator: np.random.Generator) -> Predictions:
    directions = np.random.default_rng(0).standard_normal((N_DIRECTIONS, N_EXAMPLES))
    spread = np.exp(0.3 * generator.standard_normal((n_models, 1)))
    logits = 0.3 * spread * (generator.standard_normal((n_models, N_DIRECTIONS)) @ directions)
    p = 1 / (1 + np.exp(-logits))
    both = np.stack([1 - p, p], axis=2)
    labels = np.ones(N_EXAMPLES, dtype=int)
    return Predictions("simulated", both, labels, np.arange(N_EXAMPLES), np.arange(n_models))


def bootstrap(pairs: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    n = len(pairs)
    values = []
    for _ in range(N_BOOTSTRAP):
        drawn = generator.integers(0, n, n)
        values.append(pairs[np.ix_(drawn, drawn)].sum() / (n * (n - 1)))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def main(n_runs: int) -> None:
    generator = np.random.default_rng(1)
    truth = np.mean([measure("pd_pairwise_l1", simulate(20, generator)).value for _ in range(2000)])
    print(f"{'models':>8}{'pairs':>10}{'bootstrap':>12}{'jackknife':>12}   ({n_runs} runs)")
    for n_models in (5, 10, 20):
        hits = np.zeros(3)
        for _ in range(n_runs):
            found = measure("pd_pairwise_l1", simulate(n_models, generator))
            upper = found.pairs[np.triu_indices(n_models, 1)]
            intervals = (
                mean_estimate(upper).interval(),
                bootstrap(found.pairs, generator),
                jackknife(found.value, found.leave_one_out).interval(),
            )
            hits += [low <= truth <= high for low, high in intervals]
        print(
            f"{n_models:8}"
            + "".join(f"{h / n_runs:>{w}.0%}" for h, w in zip(hits, (10, 12, 12), strict=True))
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
