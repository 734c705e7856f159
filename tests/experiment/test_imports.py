"""What importing the package loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import rescu_cli
import rescu_cli.experiment as experiment

ROOT = Path(rescu_cli.__file__).parents[1]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_the_package_is_light() -> None:
    loaded = loaded_by("import rescu_cli.experiment")
    assert not loaded & {"torch", "sklearn", "scipy", "numpy", "sympy"}


@pytest.mark.parametrize(
    "statement",
    [
        "from rescu_cli.experiment import METRICS, seeds_needed, hidden_sizes, Report",
        "from rescu_cli.experiment import compare, prediction_difference",
        "from rescu_cli.experiment import load_dataset; load_dataset('digits')",
    ],
)
def test_torch_and_scikit_learn_load_only_for_training(statement: str) -> None:
    assert not loaded_by(statement) & {"torch", "sklearn", "scipy.stats", "matplotlib"}


def test_every_public_name_is_there() -> None:
    for name in experiment.__all__:
        assert getattr(experiment, name) is not None
    assert set(experiment.__all__) <= set(dir(experiment))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        experiment.nonsense  # noqa: B018
