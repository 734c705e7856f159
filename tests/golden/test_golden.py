"""Emitted text, word for word, beside the numbers it must compute.

The text shows in a diff what a change of the lowering does to the code that users paste; the
numbers, from the reference, show whether it still computes the same function. Update both with
``pytest tests/golden --update-golden``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rescu_cli
from rescu_cli import catalogue
from rescu_cli.core.reference import Reference
from rescu_cli.export import TARGETS, emit, lower
from rescu_cli.export.loader import load

HERE = Path(__file__).parent / "files"
SUBJECTS = (
    "relu",
    "smelu",
    "smelu:beta=0.5",
    "gsmelu",
    "swish",
    "hard_swish",
    "rescu_smootherstep",
)
POINTS = (-30.0, -2.5, -1.0, -0.4375, 0.0, 0.25, 0.5, 1.0, 1.75, 12.0)


def compare(path: Path, text: str, update: bool) -> None:
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing; run: pytest tests/golden --update-golden"
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name} differs; if that is meant, run: pytest tests/golden --update-golden"
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_text(subject: str, target: str, update_golden: bool) -> None:
    activation = catalogue.resolve(subject)
    artifact = emit(activation, target)
    text = artifact.text.replace(f"rescu {rescu_cli.__version__}", "rescu VERSION")
    compare(HERE / f"{activation.slug}.{target}.txt", text, update_golden)


def test_programs(update_golden: bool) -> None:
    """One file for the whole catalogue: the arithmetic that every target prints."""
    parts = [f"== {name}\n{lower(catalogue.get(name))}\n" for name in catalogue.names()]
    compare(HERE / "programs.txt", "\n".join(parts), update_golden)


def numbers(name: str) -> dict[str, Any]:
    reference = Reference(catalogue.get(name).with_defaults())
    return {
        "value": [reference(x) for x in POINTS],
        "gradient": [reference(x, "gradient") for x in POINTS],
    }


def test_numbers_of_the_reference(update_golden: bool) -> None:
    table = {"x": list(POINTS), **{name: numbers(name) for name in catalogue.names()}}
    compare(HERE / "numbers.json", json.dumps(table, indent=1) + "\n", update_golden)


@pytest.mark.parametrize("name", catalogue.names())
def test_artifacts_compute_the_recorded_numbers(name: str) -> None:
    table = json.loads((HERE / "numbers.json").read_text(encoding="utf-8"))
    x = np.array(table["x"])
    in_numpy = load(emit(catalogue.get(name), "numpy"))
    in_torch = load(emit(catalogue.get(name), "torch"))
    for what, suffix in (("value", ""), ("gradient", "_gradient")):
        expected = np.array(table[name][what])
        found = getattr(in_numpy, name + suffix)(x)
        assert np.allclose(found, expected, rtol=2e-13, atol=1e-15)
        tensor = getattr(in_torch, f"{name}_{what}")(torch.from_numpy(x))
        assert np.allclose(tensor.numpy(), expected, rtol=2e-13, atol=1e-15)
