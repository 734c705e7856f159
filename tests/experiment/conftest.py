"""Fixtures of the experiment package's tests."""

from __future__ import annotations

import pytest

from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.train import Recipe

from .samples import make_dataset


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        model="mlp",
        hidden=(7, 6),
        norm="none",
        vary=("init", "order"),
        epochs=3,
        lr=1e-2,
        batch_size=16,
        dtype="float32",
        device="cpu",
    )
