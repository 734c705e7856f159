"""The landscape: the centre is the trained net, directions are filter-normalised and shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rescu_cli.catalogue import resolve
from rescu_cli.errors import UsageError
from rescu_cli.experiment.landscape import (
    Landscape,
    filter_normalised,
    landscape,
    nonconvex_share,
    random_directions,
    roughness,
    sharpness,
    unit_axes,
)
from rescu_cli.experiment.models import cnn, mlp
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
