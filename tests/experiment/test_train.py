"""Training: it learns, it repeats itself bit by bit, and no model depends on its company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from math import cos, pi
from typing import Any

import numpy as np
import pytest
import torch

from rescu_cli.experiment import train as train_module
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.draws import PURPOSES, data_order, generator_for, seen_rows
from rescu_cli.experiment.models import mlp
from rescu_cli.experiment.models.network import Build, StackedNetwork
from rescu_cli.experiment.models.parameters import ParameterStack
from rescu_cli.experiment.models.stages import ElementwiseCode, Group
from rescu_cli.experiment.optimizers import OPTIMIZERS
from rescu_cli.experiment.train import Member, Recipe, Trained, train

from .samples import Relu, Tanh, make_dataset, make_images, make_regression, make_table

GAINS = {Relu: 2**0.5, Tanh: 1.6}


def run(
    dataset: Dataset,
    recipe: Recipe,
    codes: Sequence[type[ElementwiseCode]],
    seeds: Sequence[int],
    init: str = "gain",
) -> list[list[Trained]]:
    """Every activation with every seed; one row per activation."""
    members = [
        Member(number, GAINS[code] if init == "gain" else None, seed)
        for number, code in enumerate(codes)
        for seed in seeds
    ]
    found = train([code() for code in codes], members, dataset, recipe)
    return [found[i : i + len(seeds)] for i in range(0, len(found), len(seeds))]


def right(model: Trained, dataset: Dataset) -> np.ndarray:
    return np.asarray(model.predictions.argmax(1) == dataset.y_test)


def flat(rows: list[list[Trained]]) -> list[Trained]:
    return list(chain.from_iterable(rows))


def same(a: Trained, b: Trained) -> bool:
    return (
        a.predictions.tobytes() == b.predictions.tobytes()
        and a.loss == b.loss
        and a.train_loss == b.train_loss
    )


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_it_learns(recipe: Recipe, norm: str) -> None:
    data = make_dataset(300, 90)
    for model in flat(run(data, replace(recipe, epochs=12, norm=norm), [Relu, Tanh], [0, 1])):
        assert right(model, data).mean() > 0.6  # a guess has 0.33
        assert model.loss < 0.8
        assert model.train_loss < 0.8
        assert not model.diverged


def test_scores_are_those_of_the_predictions(dataset: Dataset, recipe: Recipe) -> None:
    [[model]] = run(dataset, recipe, [Tanh], [4])
    assert model.predictions.shape == (23, 3)
    assert model.predictions.dtype == np.float32
    assert model.predictions.sum(1) == pytest.approx(np.ones(23), abs=1e-6)
    likely = model.predictions[np.arange(23), dataset.y_test].astype(np.float64)
    assert model.loss == pytest.approx(-np.log(likely).mean(), rel=1e-5)
    assert (len(model.curve), model.validation, model.epoch) == (recipe.epochs, (), recipe.epochs)


def test_same_seed_same_bytes(dataset: Dataset, recipe: Recipe) -> None:
    first, second = (run(dataset, recipe, [Relu, Tanh], [0, 5]) for _ in range(2))
    for a, b in zip(flat(first), flat(second), strict=True):
        assert same(a, b)


class TanhPair(Tanh):
    """The same numbers, from one call."""

    def pair(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return Tanh.value(self, x), Tanh.gradient(self, x)

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("the slope came with the value")


class WrongPair(TanhPair):
    """A control: the slope of a pair is the one that is used."""

    def pair(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return super().pair(x)[0], torch.ones_like(x)


@pytest.mark.parametrize("hidden", [(7, 6), (130, 520)])  # the second in several tiles
def test_slopes_may_come_with_the_values(
    dataset: Dataset, recipe: Recipe, hidden: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(GAINS, TanhPair, GAINS[Tanh])
    monkeypatch.setitem(GAINS, WrongPair, GAINS[Tanh])
    recipe = replace(recipe, hidden=hidden)
    usual, pairs, wrong = run(dataset, recipe, [Tanh, TanhPair, WrongPair], range(9))
    assert all(same(a, b) for a, b in zip(usual, pairs, strict=True))
    assert not any(same(a, b) for a, b in zip(usual, wrong, strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm": "layer"},
        {"norm": "batch"},
        {"dropout": 0.3, "vary": ("init", "order", "dropout", "split")},
        {"model": "cnn", "hidden": (5, 3), "norm": "batch"},
        {"model": "ctr", "optimizer": "adagrad", "norm": "layer"},
    ],
)
def test_a_model_does_not_depend_on_its_company(
    recipe: Recipe, changes: dict[str, Any], dtype: str
) -> None:
    """Bit for bit, at sizes that divide by nothing: resuming must not change results."""
    recipe = replace(recipe, **changes, dtype=dtype)
    kinds = {"cnn": make_images((1, 13)), "ctr": make_table((7, 4), 3)}
    dataset = kinds.get(recipe.model, make_dataset())
    together = run(dataset, recipe, [Relu, Tanh], [0, 1, 2, 7, 5])
    for position, seed in enumerate([0, 1, 2, 7, 5]):
        [[alone]] = run(dataset, recipe, [Tanh], [seed])
        assert same(alone, together[1][position])
    pair = run(dataset, recipe, [Tanh, Relu], [7, 2])
    assert same(pair[1][0], together[0][3])
    assert same(pair[0][1], together[1][2])


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_does_not_matter(
    dataset: Dataset, recipe: Recipe, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = flat(run(dataset, recipe, [Relu, Tanh], [0, 1, 2]))
    monkeypatch.setattr(train_module, "MODELS_PER_THREAD", 2)
    monkeypatch.setattr(train_module, "NUMBERS_PER_CALL", 1)
    stacks: list[int] = []
    together = train_module.run_together

    def noticed(task: Any, shares: Sequence[Any], progress: Any) -> list[Any]:
        stacks.append(len(shares))
        return together(task, shares, progress)

    monkeypatch.setattr(train_module, "run_together", noticed)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        other = flat(run(dataset, recipe, [Relu, Tanh], [0, 1, 2]))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert stacks == [threads]
    assert all(same(a, b) for a, b in zip(default, other, strict=True))


def test_threads_share_only_calls_that_are_long(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many activations with a few models each are calls so short that threads wait for the lock."""
    found: list[int] = []

    def noticed(task: Any, shares: Sequence[Any], progress: Any) -> list[Any]:
        found.append(len(shares))
        return [task(share, lambda _: None) for share in shares]

    monkeypatch.setattr(train_module, "run_together", noticed)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        data = make_dataset(256, 8)
        recipe = replace(recipe, hidden=(32,), batch_size=64, epochs=1)
        run(data, recipe, [Relu], range(24))  # 24 · 64 · 32 numbers in a call
        run(data, recipe, [Relu, Tanh] * 4, range(3))  # as many models, an eighth of the numbers
    finally:
        torch.set_num_threads(before)
    assert found == [2, 1]


def test_default_initialisation_differs(dataset: Dataset, recipe: Recipe) -> None:
    a, b = (run(dataset, recipe, [Relu], [0], init)[0][0] for init in ("gain", "default"))
    assert not same(a, b)


def test_a_model_of_the_real_size_does_not_depend_on_its_company(recipe: Recipe) -> None:
    data = make_dataset(200, 40, n_features=64)
    recipe = replace(recipe, hidden=(128, 64), batch_size=64, epochs=1)
    together = run(data, recipe, [Relu, Tanh], range(10))
    [[alone]] = run(data, recipe, [Tanh], [9])
    assert same(alone, together[1][9])


def test_a_leaky_seed_is_caught(
    dataset: Dataset, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control of the test above: draws from one common stream depend on the company."""
    stream = np.random.default_rng(0)
    monkeypatch.setattr(train_module, "generator_for", lambda purpose, seed, vary: stream)
    together = run(dataset, recipe, [Tanh], [0, 1])
    [[alone]] = run(dataset, recipe, [Tanh], [1])
    assert not same(alone, together[0][1])


def test_no_global_state_is_touched(dataset: Dataset, recipe: Recipe) -> None:
    torch_state, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_state = np.random.get_state()[1].copy()
    run(dataset, recipe, [Relu], [0])
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_global_seeds_have_no_influence(dataset: Dataset, recipe: Recipe) -> None:
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        results.append(run(dataset, recipe, [Relu], [0])[0][0])
    assert same(*results)


def test_seeds_and_activations_differ(dataset: Dataset, recipe: Recipe) -> None:
    models = flat(run(dataset, recipe, [Relu, Tanh], [0, 1]))
    assert len({model.predictions.tobytes() for model in models}) == 4


def test_what_is_varied_differs_and_what_is_not_is_shared() -> None:
    def draws(purpose: str, seed: int, vary: tuple[str, ...]) -> list[float]:
        return generator_for(purpose, seed, vary).standard_normal(3).tolist()

    both = ("init", "order")
    assert draws("init", 0, both) != draws("init", 1, both)
    assert draws("init", 0, both) != draws("order", 0, both)
    assert draws("init", 0, ("order",)) == draws("init", 1, ("order",))
    assert draws("order", 0, ("order",)) != draws("order", 1, ("order",))
    assert draws("order", 3, ("order",)) == draws("order", 3, both)


@pytest.mark.parametrize("source", list(PURPOSES))
def test_one_source_of_variation_alone_makes_models_differ(
    dataset: Dataset, recipe: Recipe, source: str
) -> None:
    a, b = run(dataset, replace(recipe, vary=(source,), dropout=0.2), [Relu], [0, 1])[0]
    assert not same(a, b)


@pytest.mark.parametrize("model", ["mlp", "cnn", "ctr"])
def test_with_nothing_varied_all_seeds_give_the_same_bits(recipe: Recipe, model: str) -> None:
    """The control: what is left would be the machine's own irreproducibility."""
    kinds = {"cnn": make_images((1, 13)), "ctr": make_table((7, 4), 3)}
    recipe = replace(recipe, vary=(), dropout=0.2, model=model, hidden=(5, 3))
    first, *others = run(kinds.get(model, make_dataset()), recipe, [Relu], [0, 1, 9])[0]
    assert all(same(first, other) for other in others)


def test_a_varied_split_shows_each_seed_a_share_of_the_training_part() -> None:
    rows = [seen_rows(generator_for("split", seed, ("split",)), 50, ("split",)) for seed in (0, 1)]
    assert [len(r) for r in rows] == [40, 40]
    assert set(rows[0]) != set(rows[1])
    assert len(seen_rows(generator_for("split", 0, ()), 50, ())) == 50


def test_predictions_are_those_of_the_epoch_that_is_good_enough(
    dataset: Dataset, recipe: Recipe
) -> None:
    """Stopped where the validation loss first reaches a mark: the same bits as then."""
    held = dataset.validation(0.25)
    small = replace(dataset, x_train=held.x_train, y_train=held.y_train)
    members = [Member(0, GAINS[Tanh], seed) for seed in (0, 1)]
    recipe = replace(recipe, epochs=8)
    whole = train([Tanh()], members, small, recipe, validation=held)
    losses = whole[0].validation
    assert len(losses) == 8 and losses[2] < losses[0]
    stopped = train([Tanh()], members, small, replace(recipe, stop_at=losses[2]), validation=held)
    assert stopped[0].epoch == 3
    assert stopped[0].validation == losses
    assert stopped[0].predictions.tobytes() != whole[0].predictions.tobytes()
    never = train([Tanh()], members, small, replace(recipe, stop_at=-1.0), validation=held)
    assert all(same(a, b) and a.epoch == 8 for a, b in zip(never, whole, strict=True))


def test_a_regression_learns_its_function(recipe: Recipe) -> None:
    data = make_regression()
    recipe = replace(recipe, hidden=(32,), epochs=60)
    [[model]] = run(data, recipe, [Tanh], [0])
    residual = model.predictions[:, 0] - data.y_test
    assert model.predictions.shape == (50, 1)
    assert model.loss == pytest.approx(float((residual.astype(np.float64) ** 2).mean() / 2))
    assert residual.var() < 0.2 * data.y_test.var()


def test_embeddings_learn_what_categories_mean(recipe: Recipe) -> None:
    data = make_table((7, 4), 3)
    recipe = replace(recipe, model="ctr", optimizer="adagrad", lr=0.1, epochs=10)
    [[model]] = run(data, recipe, [Tanh], [0])
    assert right(model, data).mean() > max(data.y_test.mean(), 1 - data.y_test.mean()) + 0.1


def test_order_is_a_permutation_per_epoch() -> None:
    order = data_order(np.random.default_rng(0), 10, 3)
    assert (np.sort(order, 1) == np.arange(10)).all()
    assert not (order[0] == order[1]).all()


def test_it_is_adam_on_the_cosine_schedule(dataset: Dataset, recipe: Recipe) -> None:
    """The same training by the framework's layers, autograd, optimizer and scheduler."""
    recipe = replace(recipe, dtype="float64", hidden=(7,), epochs=4)
    [[found]] = run(dataset, recipe, [Tanh], [3])
    network = StackedNetwork(mlp.dense(5, (7,), 3), [Group(Tanh(), 1)], Build(dtype=torch.float64))
    network.initialise({0: 1.6}, generator_for("init", 3, recipe.vary))
    hidden, readout = torch.nn.Linear(5, 7).double(), torch.nn.Linear(7, 3).double()
    hidden.weight.data = network.stack.value("weight0")[0].T.clone()
    readout.weight.data = network.stack.value("weight1")[0].clone()
    hidden.bias.data.zero_()
    readout.bias.data.zero_()
    model = torch.nn.Sequential(hidden, torch.nn.Tanh(), readout)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr)
    n_steps = 4 * 4
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + cos(pi * step / n_steps))
    )
    x, y = torch.tensor(dataset.x_train).double(), torch.tensor(dataset.y_train)
    order = data_order(generator_for("order", 3, recipe.vary), 61, 4)
    for epoch in range(4):
        for start in range(0, 61, 16):
            rows = torch.from_numpy(order[epoch, start : start + 16])
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        expected = torch.softmax(model(torch.tensor(dataset.x_test).double()), 1)
    assert found.predictions == pytest.approx(expected.float().numpy(), abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_divergence_is_recorded_not_hidden(dataset: Dataset, recipe: Recipe) -> None:
    class Explodes(Relu):
        def value(self, x: torch.Tensor) -> torch.Tensor:
            return torch.exp(50 * torch.relu(x))

    gain = GAINS[Relu]
    members = [Member(0, 1.0, 0), Member(1, gain, 0), Member(0, 1.0, 1), Member(1, gain, 1)]
    results = train([Explodes(), Relu()], members, dataset, recipe)
    assert results[0].diverged
    assert results[2].diverged
    assert not results[1].diverged
    assert not results[3].diverged
    [[alone, _]] = run(dataset, recipe, [Relu], [0, 1])
    assert same(alone, results[1])


def test_batch_larger_than_the_data_and_of_one(dataset: Dataset, recipe: Recipe) -> None:
    for size in (1, 61, 1000):
        [[model]] = run(dataset, replace(recipe, batch_size=size, epochs=1), [Relu], [0])
        assert not model.diverged


def test_progress_counts_epochs(dataset: Dataset, recipe: Recipe) -> None:
    seen: list[int] = []
    train([Relu(), Tanh()], [Member(1, 1.4, 0), Member(0, 1.4, 0)], dataset, recipe, seen.append)
    assert seen[-1] == 3
    assert seen == sorted(set(seen))


def test_adagrad_is_the_frameworks() -> None:
    stack = ParameterStack({"a": (3, 5)}, 2, torch.float64, torch.device("cpu"))
    noise = torch.Generator().manual_seed(0)
    stack.values.copy_(torch.randn(stack.values.shape, generator=noise, dtype=torch.float64))
    expected = stack.values.clone().requires_grad_()
    reference = torch.optim.Adagrad([expected], lr=0.1)
    optimizer = OPTIMIZERS["adagrad"](stack, 4)
    for number in range(4):
        stack.gradients.copy_(torch.randn(expected.shape, generator=noise, dtype=torch.float64))
        expected.grad = stack.gradients.clone()
        reference.step()
        optimizer.prepare(0.1, number)
        optimizer.step()
    torch.testing.assert_close(stack.values, expected.detach())
