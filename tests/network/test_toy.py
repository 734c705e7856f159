"""Toy models: their shapes, their seeds, and that training teaches them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.data import load_dataset
from rescu_cli.network.toy.models import TOYS, build_toy
from rescu_cli.network.toy.training import Training, accuracy, fit
from tests.experiment.samples import make_dataset, make_images, make_regression, make_table


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("shape", [(1, 9), (2, 5, 6)])
def test_a_toy_maps_features_to_logits_and_is_made_by_its_seed(
    name: str, shape: tuple[int, ...]
) -> None:
    data = make_images(shape)
    one, same, other = (build_toy(name, data, nn.ReLU, seed) for seed in (0, 0, 1))
    x = torch.from_numpy(data.x_test.copy())
    assert one(x).shape == (len(data.y_test), data.n_classes)
    assert torch.equal(one(x), same(x)) and not torch.equal(one(x), other(x))


@pytest.mark.parametrize("name", TOYS)
def test_training_teaches_and_repeats_itself(name: str) -> None:
    data = load_dataset("digits")
    found = []
    for _ in range(2):
        model = build_toy(name, data, nn.ReLU, 0)
        before = accuracy(model, data.x_test, data.y_test)
        fit(model, data, Training(epochs=3), 0)
        found.append(model(torch.from_numpy(data.x_test.copy())))
        assert before < 0.4 and accuracy(model, data.x_test, data.y_test) > 0.8
    assert torch.equal(found[0], found[1])


def test_only_the_parameters_named_are_trained_and_the_calls_come() -> None:
    data = make_dataset()
    model = build_toy("mlp", data, nn.ReLU, 0, hidden=(5,))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    calls: list[Any] = []
    fit(
        model, data, Training(epochs=2, batch_size=16), 0,
        parameters=model.get_submodule("readout").parameters(),
        after_step=lambda: calls.append("step"), after_epoch=calls.append,
    )  # fmt: skip
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"readout.weight", "readout.bias"}
    per_epoch = -(-len(data.y_train) // 16)
    assert calls == [*["step"] * per_epoch, 1, *["step"] * per_epoch, 2]


@pytest.mark.parametrize(
    ("make", "name", "hidden", "message"),
    [
        (make_dataset, "cnn", None, "is a table"),
        (make_regression, "mlp", None, "cannot be used here"),
        (lambda: make_table((3,), 1), "mlp", None, "cannot be used here"),
        (make_dataset, "mlp", (), "at least one layer"),
        (make_dataset, "mlp", (3, 0), "at least one layer"),
    ],
)
def test_what_does_not_suit_is_refused(make: Any, name: str, hidden: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_toy(name, make(), nn.ReLU, 0, hidden=hidden)
    with pytest.raises(UnknownNameError):
        build_toy("transformer", make_dataset(), nn.ReLU, 0)
    with pytest.raises(UsageError, match="must be positive"):
        Training(epochs=0)
