"""Experiments: train many seeds of many activations, and measure how much the models differ.

Names load on first use, so that importing this package loads neither torch nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.experiment.comparison import compare as compare
    from rescu_cli.experiment.data import DATASETS as DATASETS
    from rescu_cli.experiment.data import load_dataset as load_dataset
    from rescu_cli.experiment.data.dataset import Dataset as Dataset
    from rescu_cli.experiment.front import sweep as sweep
    from rescu_cli.experiment.metrics import METRICS as METRICS
    from rescu_cli.experiment.metrics import measure as measure
    from rescu_cli.experiment.models import MODELS as MODELS
    from rescu_cli.experiment.pd import prediction_difference as prediction_difference
    from rescu_cli.experiment.predictions import Predictions as Predictions
    from rescu_cli.experiment.predictions import load_predictions as load_predictions
    from rescu_cli.experiment.report import Report as Report
    from rescu_cli.experiment.spec import ExperimentSpec as ExperimentSpec
    from rescu_cli.experiment.spec import hidden_sizes as hidden_sizes
    from rescu_cli.experiment.splits import compare_splits as compare_splits
    from rescu_cli.experiment.stats import equivalence as equivalence
    from rescu_cli.experiment.stats import seeds_needed as seeds_needed

_HOME = {
    "DATASETS": "data",
    "Dataset": "data.dataset",
    "ExperimentSpec": "spec",
    "METRICS": "metrics",
    "MODELS": "models",
    "Predictions": "predictions",
    "Report": "report",
    "compare": "comparison",
    "compare_splits": "splits",
    "equivalence": "stats",
    "hidden_sizes": "spec",
    "load_dataset": "data",
    "load_predictions": "predictions",
    "measure": "metrics",
    "prediction_difference": "pd",
    "seeds_needed": "stats",
    "sweep": "front",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
