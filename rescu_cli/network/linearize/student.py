"""A toy model whose ReLUs can be left out: its gates, its count, its masks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.network.linearize.gates import REPLACEMENTS, UNITS, Gate
from rescu_cli.network.toy.examples import Examples
from rescu_cli.network.toy.models import build_toy


class Student:
    """A model with gates in the place of its ReLUs.

    Args:
        model: Whose activations are `Gate`, prepared.
    """

    def __init__(self, model: nn.Sequential) -> None:
        self.model = model
        self.gates: dict[str, Gate] = {
            name: module for name, module in model.named_children() if isinstance(module, Gate)
        }

    @property
    def n_relus(self) -> int:
        """ReLUs of the full network."""
        return sum(gate.n_relus for gate in self.gates.values())

    @property
    def n_kept(self) -> int:
        """ReLUs that are left."""
        return sum(gate.n_kept for gate in self.gates.values())

    @property
    def by_layer(self) -> dict[str, int]:
        """ReLUs that are left, per layer."""
        return {name: gate.n_kept for name, gate in self.gates.items()}

    @property
    def stages(self) -> list[list[str]]:
        """Layers after each other whose activations have the same shape are one stage."""
        grouped = groupby(self.gates.items(), lambda item: item[1].size)
        return [[name for name, _ in group] for _, group in grouped]

    def take(self, weights: nn.Module) -> None:
        """The weights of a network of the same layers."""
        own = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, value in weights.named_parameters():
                own[name].copy_(value)

    def keep_best(self, scores: Sequence[Tensor], budget: int) -> None:
        """Keep the cells with the highest scores per ReLU that fit into the budget.

        Cells are taken in the order of score over cost, the first of equals first; one that does
        not fit is passed over. Single units fill the budget exactly; of channels, no cell that was
        left out would still fit.

        Args:
            scores: One tensor per gate, in the shape of its mask; NaN counts as lowest.
            budget: ReLUs, at least 0.
        """
        gates = list(self.gates.values())
        flat = torch.cat([
            (s.detach().double() / g.cost).flatten() for s, g in zip(scores, gates, strict=True)
        ]).nan_to_num(-torch.inf)  # fmt: skip
        costs = torch.cat([torch.full((g.keep.numel(),), g.cost) for g in gates])
        order = torch.sort(flat, descending=True, stable=True).indices
        keep = torch.zeros(len(flat), dtype=torch.bool)
        if int(costs.max()) == 1:
            keep[order[:budget]] = True
        else:
            left = budget
            for index in order.tolist():
                if costs[index] <= left:
                    keep[index] = True
                    left -= int(costs[index])
        parts = torch.split(keep, [g.keep.numel() for g in gates])
        for gate, part in zip(gates, parts, strict=True):
            gate.set(part.reshape(gate.keep.shape))

    def fit_replacements(self, x: Tensor) -> None:
        """Fit parabolas, where there are, layer after layer to what each then receives.

        Args:
            x: Features, (examples, n_features).
        """
        was = self.model.training
        self.model.eval()
        with torch.no_grad():
            for layer in self.model:
                if isinstance(layer, Gate) and isinstance(layer.replacement, nn.Module):
                    fit = getattr(layer.replacement, "fit", None)
                    if fit is not None:
                        fit(x)
                x = layer(x)
        self.model.train(was)


def build_student(
    name: str, examples: Examples, seed: int, *, hidden: Sequence[int] | None = None,
    by: str = "element", replace: str = "identity",
) -> Student:  # fmt: skip
    """A toy model with gates, all ReLUs kept.

    Args:
        name: Of the table of toy models.
        examples: For the shapes.
        seed: Of its weights.
        hidden: Widths, or channels; the table's if None.
        by: What is left out as one: element or channel.
        replace: What takes a ReLU's place: identity or poly2.

    Raises:
        UnknownNameError: If a name is not in its table.
        UsageError: If the data do not suit the model.
    """
    for kind, value, known in (("unit", by, UNITS), ("replacement", replace, REPLACEMENTS)):
        if value not in known:
            raise UnknownNameError(kind, value, known)
    model = build_toy(name, examples, Gate, seed, hidden=hidden)
    x = torch.zeros(1, examples.n_features)
    with torch.no_grad():
        for layer in model:
            x = layer(x)
            if isinstance(layer, Gate):
                layer.prepare(tuple(x.shape[1:]), by, replace)
    return Student(model)


def require_budget(budget: int, n_relus: int) -> None:
    """Refuse budgets that the network cannot have.

    Raises:
        UsageError: If it is negative or above the count.
    """
    if not 0 <= budget <= n_relus:
        raise UsageError(
            f"A budget of {budget} ReLUs asked; this network has {n_relus}, so a budget is between "
            f"0 and {n_relus}."
        )
