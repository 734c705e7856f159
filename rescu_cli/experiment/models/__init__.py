"""The table of models. A new one is one file with ``plan(dataset, hidden) -> Plan`` and one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from rescu_cli.errors import UnknownNameError

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset
    from rescu_cli.experiment.models.network import Plan
    from rescu_cli.experiment.train import Trained


@dataclass(frozen=True)
class Row:
    """One model: where its plan is, and how it is trained unless asked otherwise.

    Args:
        plan: Module and function.
        summary: For the help.
        hidden: Widths, or channels.
        epochs: Passes over the training part.
        optimizer: ``adam``, along half a cosine, or ``adagrad``, at a constant rate.
        lr: Learning rate.
        batch_size: Examples per step.
        score: What is reported of a classification: ``accuracy`` or ``auc``.
        trainer: Module and function with the arguments of `rescu_cli.experiment.train.train`, for a
            model that is no chain of stages; empty for one that is.
        takes_no_activation: Whether all activations would be one and the same model.
    """

    plan: str
    summary: str
    hidden: tuple[int, ...] = (128, 64)
    epochs: int = 30
    optimizer: str = "adam"
    lr: float = 1e-3
    batch_size: int = 64
    score: str = "accuracy"
    trainer: str = ""
    takes_no_activation: bool = False


MODELS: dict[str, Row] = {
    "mlp": Row("rescu_cli.experiment.models.mlp:plan", "dense layers"),
    "cnn": Row(
        "rescu_cli.experiment.models.cnn:plan", "strided convolutions in one or two dimensions",
        hidden=(16, 32),
    ),
    "ctr": Row(
        "rescu_cli.experiment.models.mlp:plan",
        "embeddings and dense layers, one pass over the data with AdaGrad",
        hidden=(64, 32), epochs=1, optimizer="adagrad", lr=0.05, batch_size=256, score="auc",
    ),
    "retnet": Row(
        "rescu_cli.experiment.models.retnet:plan",
        "retention on text, gated by the activation; one width per block",
        hidden=(32, 32), epochs=10, lr=3e-3, batch_size=32,
        trainer="rescu_cli.experiment.models.retnet:train",
    ),
    "retnet_ungated": Row(
        "rescu_cli.experiment.models.retnet:plan",
        "the same without a gate, the control: no activation takes part",
        hidden=(32, 32), epochs=10, lr=3e-3, batch_size=32,
        trainer="rescu_cli.experiment.models.retnet:train_ungated", takes_no_activation=True,
    ),
}  # fmt: skip


def load_plan(name: str, dataset: Dataset, hidden: Sequence[int]) -> Plan:
    """The shape of one model of the table for some data.

    Raises:
        UnknownNameError: If the table has no such name.
        UsageError: If the model does not suit the data.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, sorted(MODELS))
    return cast("Plan", _function(MODELS[name].plan)(dataset, hidden))


def load_trainer(name: str) -> Callable[..., list[Trained]] | None:
    """What trains a model of the table; None for a chain of stages, which `train` trains itself."""
    found = MODELS[name].trainer
    return cast("Callable[..., list[Trained]]", _function(found)) if found else None


def _function(place: str) -> Callable[..., object]:
    module, function = place.split(":")
    return cast("Callable[..., object]", getattr(import_module(module), function))
