"""Small versions of benchmarks/coverage.py and benchmarks/calibration.py: do intervals hold?"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rescu_cli.experiment import analyse
from rescu_cli.experiment.metrics import measure
from rescu_cli.experiment.stats import Estimate, jackknife, mean_estimate

ROOT = Path(__file__).parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    spec = spec_from_file_location(name, ROOT / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n_models", [5, 20])
def test_intervals_over_seeds_cover_what_they_should(n_models: int) -> None:
    """At least 88 % of nominal 95 % intervals; those of pairs taken as independent far less."""
    simulate = script("coverage").simulate
    generator = np.random.default_rng(1)
    truth = np.mean([measure("pd_pairwise_l1", simulate(20, generator)).value for _ in range(400)])
    hits = np.zeros(2)
    for _ in range(400):
        found = measure("pd_pairwise_l1", simulate(n_models, generator))
        pairs = found.pairs[np.triu_indices(n_models, 1)]
        for k, estimate in enumerate(
            (jackknife(found.value, found.leave_one_out), mean_estimate(pairs))
        ):
            low, high = estimate.interval()
            hits[k] += low <= truth <= high
    assert hits[0] / 400 >= 0.88
    assert hits[1] / 400 < 0.8  # the control: pairs are not independent


@pytest.mark.parametrize("n_seeds", [5, 10])
def test_no_difference_is_seldom_called_one(n_seeds: int) -> None:
    shares = script("calibration").false_positives(n_seeds, 500)
    assert len(shares) == 10
    assert max(shares.values()) <= 0.06


def test_intervals_that_are_too_short_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control of the test above: half the standard error finds differences everywhere."""

    def half(value: float, without: np.ndarray) -> Estimate:
        honest = jackknife(value, without)
        return Estimate(value, None if honest.se is None else honest.se / 2, honest.df)

    monkeypatch.setattr(analyse, "jackknife", half)
    assert script("calibration").false_positives(10, 200)["pd_l1"] > 0.1
