"""The stacked network: every hand-written gradient against autograd, and the initialisation."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import torch

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.experiment.models import MODELS, cnn, load_plan, mlp
from rescu_cli.experiment.models.network import Build, Plan, StackedNetwork
from rescu_cli.experiment.models.parameters import ALIGNMENT, ParameterStack
from rescu_cli.experiment.models.stages import ElementwiseCode, Group

from .samples import Relu, Tanh, make_dataset, make_images, make_table

SIZES = (5, 7, 6, 3)
PLANS = {
    "dense": mlp.dense(5, (7, 6), 3),
    "regression": mlp.dense(5, (7, 6), 1),
    "images": cnn.plan(make_images((2, 5, 6)), (4, 3)),
    "signals": cnn.plan(make_images((1, 11)), (4, 3)),
    "categories": mlp.plan(make_table((4, 3), 2), (7, 6)),
}
DOUBLE = torch.float64


def build(norm: str = "none", plan: Plan = PLANS["dense"], dropout: float = 0.0) -> StackedNetwork:
    """Six models: two seeds each of three activations."""
    groups = [Group(Tanh(), 2), Group(Relu(), 2), Group(Tanh(0.3), 2)]

    def masks(rows: int, features: int) -> torch.Tensor:
        return torch.rand(6, rows, features, generator=torch.Generator().manual_seed(9))

    network = StackedNetwork(plan, groups, Build(norm, dropout, DOUBLE), masks)
    for seed in range(2):
        gains = {seed: 1.0, 2 + seed: 1.4, 4 + seed: 3.0}
        network.initialise(gains, np.random.default_rng(seed))
    return network


def build_one(sizes: tuple[int, ...], code: ElementwiseCode, n_models: int = 1) -> StackedNetwork:
    first, *hidden, last = sizes
    return StackedNetwork(mlp.dense(first, hidden, last), [Group(code, n_models)])


def ordinary(network: StackedNetwork, model: int, norm: str, x: torch.Tensor) -> torch.Tensor:
    """The same model's outputs from the framework's own functions, with autograd.

    The parameters are read from ``network.stack.values``, which has to require a gradient.
    """
    stack, plan = network.stack, network.plan
    activation = (torch.tanh, torch.relu, lambda u: torch.tanh(0.3 * u))[model // 2]
    functional = torch.nn.functional
    h = x
    if plan.cardinalities:
        fields = len(plan.cardinalities)
        starts = torch.tensor([sum(plan.cardinalities[:i]) for i in range(fields)])
        table = stack.value("embedding")[model]
        found = functional.embedding(h[:, :fields].long() + starts, table).flatten(1)
        h = torch.cat([found, h[:, fields:]], 1)
    for number, layer in enumerate(plan.layers):
        weight, bias = stack.value(f"weight{number}")[model], stack.value(f"bias{number}")[model]
        window = layer.window
        if window is None:
            h = h @ weight + bias
        else:
            images = h.reshape(-1, window.height, window.width, window.channels)
            kernel = weight.T.reshape(layer.n_out, *window.kernel, window.channels)
            h = functional.conv2d(
                images.permute(0, 3, 1, 2), kernel.permute(0, 3, 1, 2), bias[0],
                stride=window.stride, padding=window.padding,
            ).permute(0, 2, 3, 1)  # fmt: skip
        if norm != "none":
            scale, shift = (stack.value(f"{n}{number}")[model, 0] for n in ("scale", "shift"))
            rows = h.reshape(-1, layer.n_out)
            if norm == "layer":
                rows = functional.layer_norm(rows, [layer.n_out], scale, shift)
            else:
                rows = functional.batch_norm(rows, None, None, scale, shift, training=True)
            h = rows.reshape(h.shape)
        h = activation(h).flatten(1)
    last = len(plan.layers)
    return h @ stack.value(f"weight{last}")[model].T + stack.value(f"bias{last}")[model].T


def drawn(name: str, noise: torch.Generator) -> torch.Tensor:
    """A batch of 9 examples for each of the six models."""
    plan = PLANS[name]
    if plan.cardinalities:
        columns = [torch.randint(0, n, (6, 9, 1), generator=noise) for n in plan.cardinalities]
        numeric = torch.randn(6, 9, 2, generator=noise, dtype=DOUBLE)
        return torch.cat([*columns, numeric], 2)
    window = plan.layers[0].window
    width = plan.layers[0].n_in
    if window is not None:
        width = window.height * window.width * window.channels
    return torch.randn(6, 9, width, generator=noise, dtype=DOUBLE)


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("name", list(PLANS))
def test_forward_and_backward_are_the_frameworks(name: str, norm: str) -> None:
    """Outputs, loss, and its gradient by every parameter, for every model of the stack."""
    network = build(norm, PLANS[name])
    noise = torch.Generator().manual_seed(0)
    values = network.stack.values
    values.add_(torch.randn(values.shape, generator=noise, dtype=DOUBLE), alpha=0.1)
    x, n_outputs = drawn(name, noise), network.plan.n_outputs
    y = torch.randint(0, max(2, n_outputs), (6, 9), generator=noise)
    targets = torch.nn.functional.one_hot(y, n_outputs).double() if n_outputs > 1 else None
    wanted = y[:, :, None].double() if targets is None else targets
    loss = network.backpropagate(x, wanted.transpose(1, 2))
    found = network.stack.gradients.clone()
    values.requires_grad_()
    total = torch.zeros((), dtype=DOUBLE)
    for model in range(6):
        out = ordinary(network, model, norm, x[model])
        if targets is None:
            one = 0.5 * torch.nn.functional.mse_loss(out[:, 0], y[model].double())
        else:
            one = torch.nn.functional.cross_entropy(out, y[model])
        torch.testing.assert_close(loss[model] / 9, one.detach())
        total = total + one
    (expected,) = torch.autograd.grad(total, values)
    torch.testing.assert_close(found, expected)
    assert found.abs().max() > 0


def test_batch_norm_judges_with_the_moments_of_training() -> None:
    network = build("batch")
    reference = torch.nn.BatchNorm1d(7, dtype=DOUBLE)
    noise = torch.Generator().manual_seed(1)
    weight = network.stack.value("weight0")[0]
    for _ in range(5):
        x = torch.randn(6, 9, 5, generator=noise, dtype=DOUBLE)
        network.outputs(x)
        reference(x[0] @ weight)
    network.train(False)
    reference.eval()
    stage = network._modes[0]
    torch.testing.assert_close(stage.mean[0, 0], reference.running_mean)
    torch.testing.assert_close(stage.variance[0, 0], reference.running_var)
    before = stage.mean.clone()
    network.outputs(x)
    assert torch.equal(stage.mean, before)


def test_dropout_scales_what_it_keeps_and_is_off_when_judged() -> None:
    network, plain = build(dropout=0.5), build()
    x = torch.randn(6, 9, 5, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    network.train(False)
    torch.testing.assert_close(network.outputs(x), plain.outputs(x))
    network.train(True)
    hidden = torch.tanh(x[0] @ network.stack.value("weight0")[0])
    mask = torch.rand(6, 9, 7, generator=torch.Generator().manual_seed(9))[0] >= 0.5
    second = torch.tanh((hidden * mask * 2) @ network.stack.value("weight1")[0])
    mask = torch.rand(6, 9, 6, generator=torch.Generator().manual_seed(9))[0] >= 0.5
    logits = (second * mask * 2) @ network.stack.value("weight2")[0].T
    torch.testing.assert_close(network.outputs(x)[0].T, logits)


def test_dropout_has_the_gradient_of_what_was_kept() -> None:
    """By differences: the masks here are the same at every call."""
    network = build(dropout=0.4)
    noise = torch.Generator().manual_seed(3)
    x = torch.randn(6, 9, 5, generator=noise, dtype=DOUBLE)
    targets = torch.nn.functional.one_hot(torch.randint(0, 3, (6, 9), generator=noise), 3).double()
    targets = targets.transpose(1, 2)
    network.backpropagate(x, targets)
    found, values = network.stack.gradients.clone(), network.stack.values
    for place in (3, 40, 300):
        losses = []
        for step in (1e-6, -2e-6):
            values[place] += step
            losses.append(network.backpropagate(x, targets).sum() / 9)
        values[place] += 1e-6
        assert float(losses[0] - losses[1]) / 2e-6 == pytest.approx(float(found[place]), abs=1e-8)


@pytest.mark.parametrize(
    ("shape", "hidden", "message"),
    [((), (4,), "needs images or signals"), ((1, 3), (4, 4, 4, 4), "shrink")],
)
def test_data_that_do_not_suit_convolutions_are_refused(
    shape: tuple[int, ...], hidden: tuple[int, ...], message: str
) -> None:
    dataset = make_images(shape) if shape else make_dataset()
    with pytest.raises(UsageError, match=message):
        load_plan("cnn", dataset, hidden)


@pytest.mark.parametrize("name", [name for name, row in MODELS.items() if not row.trainer])
def test_every_model_of_the_table_has_a_plan(name: str) -> None:
    plan = load_plan(name, make_images((1, 8, 8)), MODELS[name].hidden)
    assert plan.n_outputs == 3
    assert plan.n_parameters == sum(int(np.prod(shape)) for shape in plan.shapes().values())


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
    torch.testing.assert_close(network.outputs(x), network.outputs(x.repeat(6, 1, 1)))


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
    network = StackedNetwork(mlp.dense(2, (3,), 2), groups)
    network.initialise({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, np.random.default_rng(0))
    weight, readout = network.stack.value("weight0")[0], network.stack.value("weight1")[0]
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    found = network.outputs(x)
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
        load_plan("mpl", make_dataset(), (3,))
