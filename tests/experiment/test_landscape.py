"""The landscape: the centre is the trained net, directions are filter-normalised and shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rescu_cli.catalogue import resolve
from rescu_cli.errors import UsageError
from rescu_cli.experiment import landscape as landscape_module
from rescu_cli.experiment.landscape import (
    Landscape,
    landscape,
    nonconvex_share,
    roughness,
    sharpness,
)
from rescu_cli.experiment.models import cnn, mlp
from rescu_cli.experiment.surface import (
    Parameters,
    filter_normalised,
    perturbed_losses,
    random_directions,
    unit_axes,
)
from rescu_cli.plot import figure_bytes, plot_landscape

from .samples import make_dataset, make_images, make_table

SMALL: dict[str, Any] = {"data": make_dataset(200, 40), "hidden": (8, 6), "epochs": 3, "grid": 7}
PLANS = [mlp.dense(5, (7, 6), 3), cnn.plan(make_images((1, 9)), (4, 3)), mlp.plan(make_table((4, 3), 2), (5,))]  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Landscape:
    return landscape([resolve("relu"), resolve("smelu")], seeds=2, examples=10_000, **SMALL)


def test_the_centre_is_the_loss_of_the_trained_network(found: Landscape) -> None:
    """On all training examples: what the training itself reported, in float32."""
    assert found.examples == 200
    for slices in found.slices:
        for one in slices:
            numbers = found.numbers(one)
            assert numbers["centre"] == pytest.approx(one.train_loss, rel=1e-5)
            assert one.cuts[0, one.cuts.shape[1] // 2] == numbers["centre"]


def test_cuts_are_the_middle_lines_of_the_surface(found: Landscape) -> None:
    one = found.slices[0][0]
    assert np.array_equal(one.cuts[0, ::10], one.loss[3])
    assert np.array_equal(one.cuts[1, ::10], one.loss[:, 3])


@pytest.mark.parametrize("plan", PLANS, ids=["dense", "convolution", "embedding"])
def test_every_unit_of_a_direction_is_as_long_as_its_weights(plan: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in plan.shapes("layer").items()
    }
    drawn, other = random_directions(plan, "layer", 0)
    direction = filter_normalised(plan, drawn, weights)
    axes = unit_axes(plan)
    for name, part in direction.items():
        if name not in axes:
            assert not part.any()
            continue
        lengths = [torch.linalg.vector_norm(t, dim=axes[name]) for t in (part, weights[name])]
        torch.testing.assert_close(*lengths)
        # The control: what was drawn is not so long.
        assert not torch.allclose(torch.linalg.vector_norm(drawn[name], dim=axes[name]), lengths[1])
        assert not torch.equal(drawn[name], other[name])


def test_directions_depend_on_plan_and_seed_alone() -> None:
    first, again, other = (random_directions(PLANS[0], "none", s)[0] for s in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["weight0"], other["weight0"])


# -- what a whole run moves along -------------------------------------------------------------


class Walk:
    """What was asked of `perturbed_losses` while a landscape was computed, call by call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.weights: list[Parameters] = []
        self.directions: list[tuple[Parameters, Parameters]] = []
        monkeypatch.setattr(landscape_module, "perturbed_losses", self._losses)

    def _losses(self, plan: Any, norm: str, code: Any, weights: Parameters,
                directions: tuple[Parameters, Parameters], *others: Any) -> Any:  # fmt: skip
        self.weights.append(weights)
        self.directions.append(directions)
        return perturbed_losses(plan, norm, code, weights, directions, *others)


DEPTH = len(SMALL["hidden"])
AXES = {**{f"weight{i}": 0 for i in range(DEPTH)}, f"weight{DEPTH}": 1}
"""Over what the weights of a unit of that network lie: written down here, not asked."""


def undone(direction: Parameters) -> Parameters:
    """Each unit's part at length 1: what is left of the draws when no norm is known."""
    return {name: direction[name] / torch.linalg.vector_norm(direction[name], dim=axis, keepdim=True)
            for name, axis in AXES.items()}  # fmt: skip


def same_draws(one: Parameters, other: Parameters) -> bool:
    ours, theirs = undone(one), undone(other)
    return all(torch.allclose(ours[name], theirs[name], rtol=0, atol=1e-12) for name in AXES)


def test_every_activation_moves_along_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both directions, in a whole run with two seeds; they differ by the units' lengths alone."""
    walk = Walk(monkeypatch)
    names = ["relu", "smelu:beta=1", "softplus"]
    landscape([resolve(name) for name in names], seeds=2, **SMALL)
    assert len(walk.directions) == 2 * len(names)
    by_seed = [slice(0, len(names)), slice(len(names), None)]
    for which in (0, 1):
        for part in by_seed:
            first, *others = [pair[which] for pair in walk.directions[part]]
            for other in others:
                assert same_draws(first, other)
                # The controls: they are not the same tensors, for the lengths are each one's own.
                assert all(not torch.allclose(first[name], other[name]) for name in AXES)
        # And the other seed has other draws.
        assert not same_draws(walk.directions[0][which], walk.directions[len(names)][which])
    for weights, pair in zip(walk.weights, walk.directions, strict=True):
        assert not same_draws(*pair)
        for direction in pair:
            assert set(direction) == set(weights) > set(AXES)
            assert not any(direction[name].any() for name in direction if name not in AXES)
            for name, axis in AXES.items():
                lengths = [
                    torch.linalg.vector_norm(t[name], dim=axis) for t in (direction, weights)
                ]
                torch.testing.assert_close(*lengths)


def test_draws_of_each_activation_alone_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: directions that are drawn anew for every network, normalised as they are."""
    walk = Walk(monkeypatch)
    drawn_anew = iter(range(100, 200))

    def normalised(plan: Any, direction: Parameters, weights: Parameters) -> Parameters:
        other, _ = random_directions(plan, "none", next(drawn_anew))
        return filter_normalised(plan, other, weights)

    monkeypatch.setattr(landscape_module, "filter_normalised", normalised)
    landscape([resolve("relu"), resolve("smelu")], **SMALL)
    (first, _), (other, _) = walk.directions
    assert not same_draws(first, other)


def test_the_same_again_is_the_same(found: Landscape) -> None:
    again = landscape([resolve("smelu")], seeds=1, examples=10_000, **SMALL)
    assert np.allclose(again.slices[0][0].loss, found.slices[1][0].loss, rtol=1e-12)


def test_numbers_of_known_surfaces() -> None:
    axis = np.linspace(-2, 2, 41)
    a, b = np.meshgrid(axis, axis)
    assert sharpness(3 + a**2 + 2 * b**2, axis, 1.0) == pytest.approx(2.0)
    assert nonconvex_share(a**2 + b**2, 0.1) == 0.0
    assert nonconvex_share(a**2 - b**2, 0.1) == 1.0
    assert 0.4 < nonconvex_share(a**3 + b**2, 0.1) < 0.6
    parabola = np.stack([axis**2, axis**2])
    assert roughness(parabola) < 1e-12
    assert roughness(np.stack([np.abs(axis), np.abs(axis)])) == pytest.approx(0.1)


def test_result_and_figure(found: Landscape) -> None:
    document = found.to_dict()
    assert document["dimensions"] == 2 and document["n_parameters"] > 100
    for row in document["activations"]:
        assert len(row["sharpness"]["per_seed"]) == 2 and row["sharpness"]["ci"] is not None
    drawing = figure_bytes(plot_landscape(document), "svg").decode()
    assert "2 dimensions out of" in drawing and "SmeLU" in drawing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": 6}, "must be odd"),
        ({"span": 0.0}, "Span 0.0"),
        ({"seeds": 0}, "0 seeds"),
        ({"norm": "batch"}, "batch norm is not defined"),
        ({"lr": 1e30}, "diverged with seed 0"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        landscape([resolve("relu")], **{**SMALL, **changes})
