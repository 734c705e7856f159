"""The table of models. A new one is one file with a stacked class and one row here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from rescu_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from rescu_cli.experiment.models.mlp import StackedMLP

MODELS: dict[str, str] = {
    "mlp": "rescu_cli.experiment.models.mlp:StackedMLP",
}


def load_model(name: str) -> type[StackedMLP]:
    """The stacked class of one model of the table.

    Raises:
        UnknownNameError: If the table has no such name.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, sorted(MODELS))
    module, attribute = MODELS[name].split(":")
    return cast("type[StackedMLP]", getattr(import_module(module), attribute))
