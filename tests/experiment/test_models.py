"""The stacked network: every hand-written gradient against autograd, and the initialisation."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
import torch

from rescu_cli.errors import UnknownNameError
from rescu_cli.experiment.models import load_model
from rescu_cli.experiment.models.mlp import StackedMLP
from rescu_cli.experiment.models.parameters import ALIGNMENT, ParameterStack
from rescu_cli.experiment.models.stages import ElementwiseCode, Group

from .samples import Relu, Tanh

SIZES = (5, 7, 6, 3)


def build(norm: str = "none", dtype: torch.dtype = torch.float64) -> StackedMLP:
    """Six models: two seeds each of three activations."""
    groups = [Group(Tanh(), 2), Group(Relu(), 2), Group(Tanh(0.3), 2)]
    network = StackedMLP(SIZES, groups, norm=norm, dtype=dtype, device=torch.device("cpu"))
    for seed in range(2):
        gains = {seed: 1.0, 2 + seed: 1.4, 4 + seed: 3.0}
        network.initialise(gains, np.random.default_rng(seed))
    return network


def build_one(sizes: tuple[int, ...], code: ElementwiseCode, n_models: int = 1) -> StackedMLP:
    return StackedMLP(
        sizes,
        [Group(code, n_models)],
        norm="none",
        dtype=torch.float32,
        device=torch.device("cpu"),
    )


def ordinary(network: StackedMLP, model: int, norm: str) -> torch.nn.Sequential:
    """The same model from the framework's own layers, ordinary autograd and all."""
    activation = (torch.nn.Tanh, torch.nn.ReLU, None)[model // 2]
    layers: list[torch.nn.Module] = []
    for layer, (n_in, n_out) in enumerate(pairwise(SIZES)):
        last = layer == len(SIZES) - 2
        linear = torch.nn.Linear(n_in, n_out, dtype=torch.float64)
        weight = network.stack.value(f"weight{layer}")[model]
        linear.weight.data = (weight if last else weight.T).clone()
        linear.bias.data = network.stack.value(f"bias{layer}")[model].reshape(-1).clone()
        layers.append(linear)
        if last:
            break
        if norm == "layer":
            layers.append(torch.nn.LayerNorm(n_out, dtype=torch.float64))
            layers[-1].weight.data = network.stack.value(f"scale{layer}")[model, 0].clone()
            layers[-1].bias.data = network.stack.value(f"shift{layer}")[model, 0].clone()
        layers.append(activation() if activation else Slow())
    return torch.nn.Sequential(*layers)


class Slow(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(0.3 * x)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_forward_and_backward_are_the_frameworks(norm: str) -> None:
    """Logits, loss gradient of every parameter, for every model of the stack."""
    network = build(norm)
    noise = torch.Generator().manual_seed(0)
    network.stack.values.add_(
        torch.randn(network.stack.values.shape, generator=noise, dtype=torch.float64), alpha=0.1
    )
    x = torch.randn(6, 9, 5, generator=noise, dtype=torch.float64)
    y = torch.randint(0, 3, (6, 9), generator=noise)
    targets = torch.nn.functional.one_hot(y, 3).double().transpose(1, 2)
    network.backpropagate(x, targets)
    for model in range(6):
        reference = ordinary(network, model, norm)
        logits = reference(x[model])
        torch.testing.assert_close(network.logits(x)[model].T, logits.detach())
        torch.nn.functional.cross_entropy(logits, y[model]).backward()
        linears = [m for m in reference if isinstance(m, torch.nn.Linear)]
        norms = [m for m in reference if isinstance(m, torch.nn.LayerNorm)]
        for layer, linear in enumerate(linears):
            found = network.stack.gradient(f"weight{layer}")[model]
            found = found if linear is linears[-1] else found.T
            torch.testing.assert_close(found, linear.weight.grad)
            bias = network.stack.gradient(f"bias{layer}")[model].reshape(-1)
            torch.testing.assert_close(bias, linear.bias.grad)
        for layer, module in enumerate(norms):
            scale = network.stack.gradient(f"scale{layer}")[model, 0]
            shift = network.stack.gradient(f"shift{layer}")[model, 0]
            torch.testing.assert_close(scale, module.weight.grad)
            torch.testing.assert_close(shift, module.bias.grad)


def test_a_wrong_activation_gradient_would_be_noticed() -> None:
    """Control of the comparison above: with another gradient it fails."""

    class Wrong(Tanh):
        def gradient(self, x: torch.Tensor) -> torch.Tensor:
            return 1.01 * super().gradient(x)

    gradients = []
    for code in (Tanh(), Wrong()):
        network = build_one(SIZES, code)
        network.initialise({0: 1.0}, np.random.default_rng(0))
        x = torch.ones(1, 4, 5)
        network.backpropagate(x, torch.eye(3)[:, [0, 1, 2, 0]][None])
        gradients.append(network.stack.gradient("weight0").clone())
    with pytest.raises(AssertionError):
        torch.testing.assert_close(*gradients)


def test_shared_data_gives_the_same_logits_as_copies() -> None:
    network = build()
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(network.logits(x), network.logits(x.repeat(6, 1, 1)))


def test_same_seed_gives_every_activation_the_same_draws_scaled_by_its_gain() -> None:
    network = build()
    gains = [1.0, 1.4, 3.0]
    for name in ("weight0", "weight1"):
        weights = network.stack.value(name)
        for number, gain in enumerate(gains):
            torch.testing.assert_close(weights[2 * number] / gain, weights[0])
        assert not torch.equal(weights[0], weights[1])
    readout = network.stack.value("weight2")
    assert torch.equal(readout[0], readout[2])
    assert torch.equal(readout[0], readout[4])
    assert (network.stack.value("bias0") == 0).all()


def test_gain_matched_deviation_and_default_range() -> None:
    sizes = (400, 300, 10)
    network = build_one(sizes, Relu(), 2)
    network.initialise({0: sqrt(2), 1: None}, np.random.default_rng(0))
    first, second = network.stack.value("weight0")
    assert first.std().item() == pytest.approx(sqrt(2 / 400), rel=0.01)
    limit = 1 / sqrt(400)
    assert second.abs().max().item() == pytest.approx(limit, rel=0.001)
    assert second.abs().max().item() <= limit
    assert second.std().item() == pytest.approx(limit / sqrt(3), rel=0.01)
    readout, uniform = network.stack.value("weight1")
    assert readout.std().item() == pytest.approx(sqrt(1 / 300), rel=0.05)
    assert uniform.abs().max().item() <= 1 / sqrt(300)
    bias = network.stack.value("bias0")
    assert (bias[0] == 0).all()
    assert 0 < bias[1].abs().max().item() <= limit


def test_gain_keeps_the_mean_square_of_the_signal() -> None:
    """What the gain is for: activations neither grow nor shrink with depth."""
    sizes = (512, 512, 512, 512, 512, 2)
    x = torch.randn(64, 512, generator=torch.Generator().manual_seed(0))
    network = build_one(sizes, Relu())
    network.initialise({0: sqrt(2)}, np.random.default_rng(0))
    h = x[None]
    for layer in range(4):
        h = torch.relu(torch.baddbmm(network.stack.value(f"bias{layer}"), h,
                                     network.stack.value(f"weight{layer}")))  # fmt: skip
    assert h.square().mean().item() == pytest.approx(1.0, rel=0.2)


def test_groups_of_unequal_size_get_their_own_activation() -> None:
    groups = [Group(Tanh(), 1), Group(Relu(), 3)]
    cpu = torch.device("cpu")
    network = StackedMLP((2, 3, 2), groups, norm="none", dtype=torch.float32, device=cpu)
    network.initialise({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, np.random.default_rng(0))
    weight, readout = network.stack.value("weight0")[0], network.stack.value("weight1")[0]
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    found = network.logits(x)
    torch.testing.assert_close(found[0], readout @ torch.tanh(x @ weight).T)
    for model in (1, 2, 3):
        torch.testing.assert_close(found[model], readout @ torch.relu(x @ weight).T)


def test_layer_norm_starts_as_plain_normalisation() -> None:
    network = build("layer")
    assert (network.stack.value("scale0") == 1).all()
    assert (network.stack.value("shift0") == 0).all()


def test_parameters_are_contiguous_aligned_and_apart() -> None:
    stack = ParameterStack({"a": (3, 5), "b": (1, 7)}, 3, torch.float32, torch.device("cpu"))
    assert len(stack.values) % ALIGNMENT == 0
    stack.value("a").fill_(1)
    stack.value("b").fill_(2)
    assert stack.value("a").is_contiguous()
    assert stack.value("a").eq(1).all()
    assert stack.value("b").eq(2).all()
    assert (stack.values == 1).sum() == 45
    assert (stack.values == 2).sum() == 21
    assert stack.value("b").data_ptr() % 64 == 0


def test_unknown_model_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="mlp"):
        load_model("mpl")
