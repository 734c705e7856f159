"""Multilayer perceptrons; for data with categories, behind one embedding per field."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rescu_cli.experiment.models.network import Layer, Plan

if TYPE_CHECKING:
    from rescu_cli.experiment.data.dataset import Dataset

EMBEDDING = 8
"""Numbers per category."""


def plan(dataset: Dataset, hidden: Sequence[int]) -> Plan:
    """Dense layers of the given widths."""
    n_categorical = len(dataset.cardinalities)
    first = dataset.n_features - n_categorical + n_categorical * EMBEDDING
    return dense(first, hidden, dataset.n_classes, dataset.cardinalities)


def dense(
    n_features: int, hidden: Sequence[int], n_outputs: int, cardinalities: tuple[int, ...] = ()
) -> Plan:
    """The same for numbers of features and outputs."""
    layers = tuple(Layer(n_in, n_out) for n_in, n_out in pairwise((n_features, *hidden)))
    return Plan(
        layers=layers,
        n_read=hidden[-1],
        n_outputs=n_outputs,
        cardinalities=cardinalities,
        embedding=EMBEDDING if cardinalities else 0,
    )
