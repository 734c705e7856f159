"""Training: it learns, it repeats itself bit by bit, and no model depends on its company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from math import cos, pi

import numpy as np
import pytest
import torch

from rescu_cli.experiment import train as train_module
from rescu_cli.experiment.data.dataset import Dataset
from rescu_cli.experiment.draws import data_order, generator_for
from rescu_cli.experiment.models.stages import ElementwiseCode, Group
from rescu_cli.experiment.train import Member, Recipe, Trained, train

from .samples import Relu, Tanh, make_dataset

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


def flat(rows: list[list[Trained]]) -> list[Trained]:
    return list(chain.from_iterable(rows))


def same(a: Trained, b: Trained) -> bool:
    return (
        a.probabilities.tobytes() == b.probabilities.tobytes()
        and a.loss == b.loss
        and a.train_loss == b.train_loss
    )


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_it_learns(recipe: Recipe, norm: str) -> None:
    data = make_dataset(300, 90)
    for model in flat(run(data, replace(recipe, epochs=12, norm=norm), [Relu, Tanh], [0, 1])):
        assert model.accuracy > 0.6  # a guess has 0.33
        assert model.loss < 0.8
        assert model.train_loss < 0.8
        assert not model.diverged


def test_scores_are_those_of_the_predictions(dataset: Dataset, recipe: Recipe) -> None:
    [[model]] = run(dataset, recipe, [Tanh], [4])
    assert model.probabilities.shape == (23, 3)
    assert model.probabilities.dtype == np.float32
    assert model.probabilities.sum(1) == pytest.approx(np.ones(23), abs=1e-6)
    assert model.accuracy == (model.probabilities.argmax(1) == dataset.y_test).mean()
    right = model.probabilities[np.arange(23), dataset.y_test].astype(np.float64)
    assert model.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)


def test_same_seed_same_bytes(dataset: Dataset, recipe: Recipe) -> None:
    first, second = (run(dataset, recipe, [Relu, Tanh], [0, 5]) for _ in range(2))
    for a, b in zip(flat(first), flat(second), strict=True):
        assert same(a, b)


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_does_not_depend_on_its_company(
    dataset: Dataset, recipe: Recipe, norm: str, dtype: str
) -> None:
    """Bit for bit, at sizes that divide by nothing: resuming must not change results."""
    recipe = replace(recipe, norm=norm, dtype=dtype)
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
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        other = flat(run(dataset, recipe, [Relu, Tanh], [0, 1, 2]))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert all(same(a, b) for a, b in zip(default, other, strict=True))


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
    assert len({model.probabilities.tobytes() for model in models}) == 4


def test_what_is_varied_differs_and_what_is_not_is_shared() -> None:
    def draws(purpose: str, seed: int, vary: tuple[str, ...]) -> list[float]:
        return generator_for(purpose, seed, vary).standard_normal(3).tolist()

    both = ("init", "order")
    assert draws("init", 0, both) != draws("init", 1, both)
    assert draws("init", 0, both) != draws("order", 0, both)
    assert draws("init", 0, ("order",)) == draws("init", 1, ("order",))
    assert draws("order", 0, ("order",)) != draws("order", 1, ("order",))
    assert draws("order", 3, ("order",)) == draws("order", 3, both)


@pytest.mark.parametrize("vary", [("init",), ("order",)])
def test_one_source_of_variation_alone_makes_models_differ(
    dataset: Dataset, recipe: Recipe, vary: tuple[str, ...]
) -> None:
    a, b = run(dataset, replace(recipe, vary=vary), [Relu], [0, 1])[0]
    assert not same(a, b)


def test_order_is_a_permutation_per_epoch() -> None:
    order = data_order(np.random.default_rng(0), 10, 3)
    assert (np.sort(order, 1) == np.arange(10)).all()
    assert not (order[0] == order[1]).all()


def test_it_is_adam_on_the_cosine_schedule(dataset: Dataset, recipe: Recipe) -> None:
    """The same training by the framework's layers, autograd, optimizer and scheduler."""
    recipe = replace(recipe, dtype="float64", hidden=(7,), epochs=4)
    [[found]] = run(dataset, recipe, [Tanh], [3])
    network = train_module.load_model("mlp")(
        (5, 7, 3),
        [Group(Tanh(), 1)],
        norm="none",
        dtype=torch.float64,
        device=torch.device("cpu"),
    )
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
    assert found.probabilities == pytest.approx(expected.float().numpy(), abs=1e-6)


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
