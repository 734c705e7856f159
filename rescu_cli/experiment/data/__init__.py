"""The table of data sets. A new one is one file with ``load() -> Dataset`` and one row here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from rescu_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset

DATASETS: dict[str, str] = {
    "digits": "rescu_cli.experiment.data.digits:load",
    "breast_cancer": "rescu_cli.experiment.data.breast_cancer:load",
}


def load_dataset(name: str) -> Dataset:
    """Loads one data set of the table.

    Raises:
        UnknownNameError: If the table has no such name.
    """
    if name not in DATASETS:
        raise UnknownNameError("data set", name, sorted(DATASETS))
    module, function = DATASETS[name].split(":")
    return cast("Dataset", getattr(import_module(module), function)())
