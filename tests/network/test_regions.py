"""Regions of networks: the invariants of a partition, against rational arithmetic and sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rescu_cli.catalogue import resolve
from rescu_cli.errors import UsageError
from rescu_cli.network.loading import activation_layer, dense_chain
from rescu_cli.network.regions import compute, cutting
from rescu_cli.network.regions.compute import Regions, regions
from rescu_cli.network.regions.matrices import affine_map
from rescu_cli.network.regions.program import Affine, read_program
from rescu_cli.network.regions.slices import Slice, load_slice
from rescu_cli.network.regions.surrogate import surrogate

SQUARE = Slice.plane((-2.0, -2.0), (2.0, 2.0))


def chain(
    *widths: int, activation: str = "relu", seed: int = 0, bias: bool = True
) -> nn.Sequential:
    generator = np.random.default_rng(seed)
    weights = [
        generator.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
        for n_in, n_out in zip(widths, widths[1:], strict=False)
    ]
    biases: list[Any] = [0.4 * generator.standard_normal(len(w)) if bias else None for w in weights]
    return dense_chain(weights, biases, activation)


class Residual(nn.Module):
    """Skips, a functional ReLU, a constant, a product with a number, a size that is read."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(2, 7), nn.Linear(7, 7), nn.Linear(7, 3)
        self.constant = nn.Parameter(torch.randn(7))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        h = h + 0.5 * nn.functional.leaky_relu(self.second(h), 0.1) - self.constant
        return self.last(torch.abs(h).view(x.size(0), -1))  # type: ignore[no-any-return]


def convolutional() -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 2, bias=False), nn.Hardtanh(), nn.Flatten(), nn.Linear(2, 2),
    )  # fmt: skip
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    norm.running_mean.fill_(0.3)
    assert norm.running_var is not None
    norm.running_var.fill_(1.7)
    return model


def pooled() -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv1d(1, 3, 3), nn.MaxPool1d(3, 2, padding=1, ceil_mode=True),
        nn.AvgPool1d(2), nn.Flatten(), nn.LeakyReLU(0.2), nn.Linear(6, 1),
    )  # fmt: skip


def points(n: int, seed: int = 0) -> Slice:
    return Slice.through(np.random.default_rng(seed).standard_normal((3, n)))


CASES: dict[str, tuple[Callable[[], nn.Module], Slice, tuple[int, ...] | None]] = {
    "dense": (lambda: chain(2, 10, 10, 1), SQUARE, None),
    "three outputs": (lambda: chain(2, 9, 6, 3, seed=1), SQUARE, None),
    "no bias": (lambda: chain(2, 8, 8, 1, bias=False), SQUARE, None),
    "leaky": (lambda: chain(2, 8, 6, 2, activation="leaky_relu:alpha=0.1"), SQUARE, None),
    "five inputs": (lambda: chain(5, 9, 5, 2), points(5), None),
    "residual": (Residual, SQUARE, None),
    "hardtanh": (lambda: nn.Sequential(nn.Linear(2, 6), nn.Hardtanh(-0.5, 0.7), nn.Linear(6, 2)), SQUARE, None),
    "relu6": (lambda: nn.Sequential(nn.Linear(2, 6), nn.ReLU6(), nn.Linear(6, 1)), Slice.plane((-9, -9), (9, 9)), None),
    "convolution": (convolutional, points(16), (1, 4, 4)),
    "pooling": (pooled, points(8, 1), None),
}  # fmt: skip


def build(case: str) -> tuple[nn.Module, Slice, tuple[int, ...] | None]:
    torch.manual_seed(0)
    make, where, shape = CASES[case]
    return make().double().eval(), where, shape


def outputs(model: nn.Module, where: Slice, places: Any, shape: tuple[int, ...] | None) -> Any:
    x = torch.from_numpy(where.points(places))
    with torch.no_grad():
        return model(x if shape is None else x.reshape(-1, *shape)).numpy()


def at(found: Regions, places: Any) -> tuple[Any, Any]:
    """The region of each place and the affine map there; −1 for places on no inside."""
    v, owner, after = found.cells.vertices, found.cells.owner, found.cells.following
    edge = v[after] - v
    side = edge[:, 0] * (places[:, None, 1] - v[:, 1]) - edge[:, 1] * (places[:, None, 0] - v[:, 0])
    inside = np.minimum.reduceat(side, found.cells.starts[:-1], axis=1) > 0
    assert (inside.sum(1) <= 1).all(), "regions overlap"
    which = np.where(inside.any(1), inside.argmax(1), -1)
    m = found.maps[which]
    assert len(owner) == len(v)
    return which, m[:, 0] * places[:, :1] + m[:, 1] * places[:, 1:] + m[:, 2]


@pytest.mark.parametrize("case", CASES)
def test_regions_tile_the_box_and_the_network_is_affine_on_each(case: str) -> None:
    model, where, shape = build(case)
    found = regions(model, where, shape=shape)
    assert found.complete and len(found.cells) > 3
    assert found.cells.areas().sum() == pytest.approx(where.area, rel=1e-12)
    assert (found.cells.areas() > 0).all()
    generator = np.random.default_rng(1)
    places = generator.uniform(where.low, where.high, (2000, 2))
    which, affine = at(found, places)
    assert (which >= 0).mean() > 0.999
    true = outputs(model, where, places, shape)
    scale = np.abs(true).max()
    assert np.abs(affine - true)[which >= 0].max() < 1e-13 * scale


@pytest.mark.parametrize("case", CASES)
def test_floats_find_what_fractions_find(case: str) -> None:
    model, where, shape = build(case)
    rounded = regions(model, where, shape=shape)
    exact = regions(model, where, shape=shape, exact=True)
    assert exact.arithmetic == "rational"
    assert len(rounded.cells) == len(exact.cells)
    a, b = (np.sort(one.cells.areas()) for one in (rounded, exact))
    assert np.abs(a - b).max() < 1e-12 * where.area
    assert sorted(rounded.cells.counts) == sorted(exact.cells.counts)
    x, y = (sum(one.length for one in each.boundary) for each in (rounded, exact))
    assert x == pytest.approx(y, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_sampling_never_finds_a_piece_that_is_missing(case: str) -> None:
    """Numerical slopes at many points are slopes of some region: none is left out."""
    model, where, shape = build(case)
    found = regions(model, where, shape=shape)
    places = np.random.default_rng(2).uniform(where.low, where.high, (4000, 2))
    x = torch.from_numpy(where.points(places))
    x = (x if shape is None else x.reshape(-1, *shape)).requires_grad_()
    slope = torch.autograd.grad(model(x)[:, 0].sum(), x)[0].reshape(len(places), -1).numpy()
    sampled = slope @ where.directions.T
    known = found.maps[:, :2, 0]
    distance = np.abs(sampled[:, None] - known[None]).max(2).min(1)
    assert distance.max() < 1e-9 * max(1.0, np.abs(known).max())


@given(st.integers(1, 9), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_one_layer_has_one_region_more_than_lines_and_crossings(n: int, seed: int) -> None:
    model = chain(2, n, 1, seed=seed)
    first = model[0]
    assert isinstance(first, nn.Linear)
    lines = np.c_[first.weight.detach().numpy(), first.bias.detach().numpy()]
    corners = np.array([[x, y, 1] for x in (-2, 2) for y in (-2, 2)])
    hit = [line for line in lines if (corners @ line).min() < 0 < (corners @ line).max()]
    inside = 0
    for a, b in combinations(hit, 2):
        place = np.linalg.solve(np.array([a[:2], b[:2]]), -np.array([a[2], b[2]]))
        inside += bool((np.abs(place) < 2).all())
    assert len(regions(model, SQUARE).cells) == 1 + len(hit) + inside


def test_the_count_does_not_depend_on_the_order_or_the_scale_of_units() -> None:
    model = chain(2, 12, 9, 1)
    n = len(regions(model, SQUARE).cells)
    generator = np.random.default_rng(3)
    order, scale = generator.permutation(12), torch.from_numpy(generator.uniform(0.1, 10, 12))
    with torch.no_grad():
        a, b = model[0], model[2]
        assert isinstance(a, nn.Linear) and isinstance(b, nn.Linear)
        a.weight.copy_(a.weight[order] * scale[:, None])
        a.bias.copy_(a.bias[order] * scale)
        b.weight.copy_(b.weight[:, order] / scale)
    assert len(regions(model, SQUARE).cells) == n


def test_linear_units_make_one_region() -> None:
    found = regions(chain(2, 9, 9, 2, activation="identity"), SQUARE)
    assert len(found.cells) == 1
    assert found.cells.areas()[0] == 16.0


def diamond() -> nn.Sequential:
    """|x| + |y| − 1."""
    w = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    return dense_chain([w, np.ones((1, 4))], [None, np.array([-1.0])])


def test_the_boundary_of_a_known_network_has_the_known_length() -> None:
    found = regions(diamond(), SQUARE)
    assert len(found.cells) == 4
    assert found.boundary[0].length == pytest.approx(4 * np.sqrt(2), rel=1e-14)
    assert len(found.boundary[0].segments) == 4


@pytest.mark.parametrize("case", CASES)
def test_the_output_is_zero_on_the_boundary_and_both_classes_lead_where_it_decides(
    case: str,
) -> None:
    model, where, shape = build(case)
    found = regions(model, where, shape=shape)
    for one in found.boundary:
        for share in (0.2, 0.5, 0.9):
            places = one.segments[:, 0] * (1 - share) + one.segments[:, 1] * share
            if not len(places):
                continue
            f = outputs(model, where, places, shape)
            i, j = one.pair
            difference = f[:, i] - (f[:, j] if j >= 0 else 0.0)
            scale = max(1.0, float(np.abs(f).max()))
            assert np.abs(difference).max() < 1e-12 * scale
            if j >= 0:
                leads = f[:, i] >= f.max(1) - 1e-12 * scale
                assert (leads == one.decides).all()
    if not sum(one.length for one in found.boundary):
        f = outputs(model, where, np.random.default_rng(5).uniform(where.low, where.high, (2000, 2)), shape)  # fmt: skip
        alike = np.sign(f[:, 0]) if f.shape[1] == 1 else f.argmax(1)
        assert len(set(alike.tolist())) == 1, "a boundary is missing"


def test_every_change_of_the_winning_class_is_on_the_boundary() -> None:
    """Along many lines through the box, the number of changes is the number of crossings."""
    model, where, _ = build("three outputs")
    found = regions(model, where)
    generator = np.random.default_rng(4)
    total = 0
    for _ in range(60):
        a, b = generator.uniform(-2, 2, (2, 2))
        share = np.linspace(0, 1, 4001)[:, None]
        winner = outputs(model, where, a + (b - a) * share, None).argmax(1)
        changes = int((np.diff(winner) != 0).sum())
        crossings = 0
        for one in found.boundary:
            p, q = one.segments[one.decides].transpose(1, 0, 2)
            d, e = b - a, q - p
            det = d[0] * e[:, 1] - d[1] * e[:, 0]
            s = ((p - a)[:, 0] * e[:, 1] - (p - a)[:, 1] * e[:, 0]) / det
            t = ((p - a)[:, 0] * d[1] - (p - a)[:, 1] * d[0]) / det
            crossings += int(((s > 0) & (s < 1) & (t > 0) & (t <= 1)).sum())
        assert crossings == changes
        total += changes
    assert total > 20


small = st.integers(-2, 2).map(float)


@given(
    st.lists(st.tuples(small, small, small), min_size=1, max_size=5),
    st.lists(small, min_size=20, max_size=20), st.lists(small, min_size=4, max_size=4),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_degenerate_lines_are_handled(
    lines: list[tuple[float, float, float]], second: list[float], biases: list[float]
) -> None:
    """Whole numbers: lines through corners and crossings, parallel, coincident, constant units."""
    table = np.array(lines)
    w1 = np.array(second[: 4 * len(lines)]).reshape(4, -1)
    model = dense_chain([table[:, :2], w1, np.ones((1, 4))], [table[:, 2], np.array(biases), None])
    rounded, exact = (regions(model, SQUARE, exact=e) for e in (False, True))
    assert len(rounded.cells) == len(exact.cells)
    assert rounded.cells.areas().sum() == pytest.approx(16.0, rel=1e-14)
    assert np.allclose(np.sort(rounded.cells.areas()), np.sort(exact.cells.areas()), atol=1e-13)
    a, b = (each.boundary[0] for each in (rounded, exact))
    assert a.length == pytest.approx(b.length, abs=1e-12) and a.n_flat == b.n_flat
    places = rounded.cells.centres()
    f = outputs(model, SQUARE, places, None)
    which = np.arange(len(places))
    m = rounded.maps[which]
    assert np.allclose(m[:, 0] * places[:, :1] + m[:, 1] * places[:, 1:] + m[:, 2], f, atol=1e-12)


def test_a_tolerance_that_is_too_wide_loses_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: the comparison with fractions sees a region that is missing."""
    model = chain(2, 10, 10, 1)
    n = len(regions(model, SQUARE, exact=True).cells)
    monkeypatch.setattr(cutting, "TOLERANCE", 0.02)
    with pytest.raises(UsageError, match="differ by"):
        regions(model, SQUARE)
    monkeypatch.setattr(compute, "AGREEMENT", 10.0)
    assert len(regions(model, SQUARE).cells) < n


def test_dead_layers_and_a_zero_output_are_told() -> None:
    w = np.ones((3, 2))
    dead = dense_chain([w, np.ones((1, 3))], [np.full(3, -100.0), None])
    found = regions(dead, SQUARE)
    assert len(found.cells) == 1 and found.boundary[0].n_flat == 1
    assert found.boundary[0].length == 0


def test_it_stops_where_asked_and_says_so() -> None:
    model = chain(2, 32, 32, 1)
    whole = regions(model, SQUARE)
    some = regions(model, SQUARE, max_regions=len(whole.cells))
    assert some.complete
    # Only portions are left out: force small ones.
    from rescu_cli.network.regions import partition

    before = partition.NUMBERS_AT_ONCE
    partition.NUMBERS_AT_ONCE = 32 * 20
    try:
        few = regions(model, SQUARE, max_regions=50)
        again = regions(model, SQUARE)
    finally:
        partition.NUMBERS_AT_ONCE = before
    assert not few.complete and 50 <= len(few.cells) < len(whole.cells)
    assert few.cells.areas().sum() < 16
    assert len(again.cells) == len(whole.cells)
    assert np.allclose(np.sort(again.cells.areas()), np.sort(whole.cells.areas()), atol=1e-15)
    with pytest.raises(UsageError, match="More than 50"):
        regions(model, SQUARE, exact=True, max_regions=50)


def test_layers_are_counted_one_after_another() -> None:
    model = chain(2, 12, 9, 7, 1)
    found = regions(model, SQUARE)
    for depth, layer in enumerate(found.layers, 1):
        inside = nn.Sequential(*list(model.children())[: 2 * depth])
        assert layer.n_regions == len(regions(inside, SQUARE).cells)
        assert layer.area == pytest.approx(16.0)
    assert [layer.n_units for layer in found.layers] == [12, 9, 7]
    assert 0 < found.layers[0].eccentricity < 1


@pytest.mark.parametrize(
    ("corners", "wanted"),
    [
        ([[0, 0], [2, 0], [2, 2], [0, 2]], 0.0),
        ([[0, 0], [4, 0], [4, 1], [0, 1]], np.sqrt(15) / 4),
        ([[1, 1], [2, 1], [1.5, 1 + np.sqrt(3) / 2]], 0.0),
    ],
)
def test_eccentricities_of_known_shapes(corners: Any, wanted: float) -> None:
    from rescu_cli.network.regions.polygons import Polygons

    one = Polygons(np.array(corners, dtype=float) + 7.0, np.array([0, len(corners)]))
    assert one.eccentricities()[0] == pytest.approx(wanted, abs=1e-6)
    for size in (1e-300, 1e-160, 1e160):  # squares of the lengths are beyond float64
        scaled = Polygons(np.array(corners, dtype=float) * size, np.array([0, len(corners)]))
        assert scaled.eccentricities()[0] == pytest.approx(wanted, abs=1e-6)


# -- smooth networks ----------------------------------------------------------------------------


def test_the_zones_of_a_smelu_layer_are_those_of_two_parallel_lines_for_each_unit() -> None:
    smooth = chain(2, 8, 5, 1, activation="smelu:beta=0.5", seed=2)
    first = smooth[0]
    assert isinstance(first, nn.Linear)
    w, b = first.weight.detach().numpy(), first.bias.detach().numpy()
    twice = dense_chain([np.r_[w, w], np.ones((1, 16))], [np.r_[b - 0.5, b + 0.5], None])
    found = regions(smooth, SQUARE)
    assert len(found.cells) == len(regions(twice, SQUARE).cells)
    assert found.zones is not None and found.boundary == ()
    places = found.cells.centres()
    z = places @ w.T + b
    assert (found.zones == (np.abs(z) < 0.5).sum(1)).all()


@pytest.mark.parametrize("name", ["smelu:beta=1", "gelu", "softplus", "swish", "rescu_gaussian"])
@pytest.mark.parametrize("n_lines", [2, 8])
def test_the_proved_error_of_a_stand_in_holds(name: str, n_lines: int) -> None:
    model = chain(2, 6, 5, 1, activation=name)
    found = regions(model, SQUARE, approx=n_lines)
    assert found.output_error is not None
    places = np.random.default_rng(0).uniform(-2, 2, (4000, 2))
    which, affine = at(found, places)
    off = np.abs(affine - outputs(model, SQUARE, places, None))[which >= 0].max()
    assert 0 < off <= found.output_error + 1e-12
    assert off > found.output_error / 200, "the bound says nothing"


@pytest.mark.parametrize(
    "name", ["smelu:beta=1", "gelu", "gsmelu:alpha=0.5,beta=2,g_minus=0.1,g_plus=1"]
)
def test_the_proved_error_of_one_activation_is_near_the_largest(name: str) -> None:
    activation = resolve(name).with_defaults()
    made = surrogate(activation, 6, Fraction(-3), Fraction(3))
    z = np.linspace(-3, 3, 20001)
    layer = activation_layer(name)
    true = layer(torch.from_numpy(z)).detach().numpy()
    stand_in = np.array([float(made.pieces.value(Fraction(v))) for v in z[::20]])
    off = np.abs(stand_in - true[::20]).max()
    assert off <= made.sup_error
    if name != "gelu":  # constant curvature: the bound is attained
        assert off > 0.98 * made.sup_error


def test_twice_the_lines_give_a_quarter_of_the_error() -> None:
    model = chain(2, 6, 1, activation="smelu:beta=1")
    errors = [regions(model, SQUARE, approx=k).output_error for k in (2, 4, 8)]
    assert errors[0] == pytest.approx(4 * errors[1]) == pytest.approx(16 * errors[2])  # type: ignore[operator]


def test_a_surrogate_gradient_bends_no_region() -> None:
    """HeLU is ReLU to whoever looks at its values."""
    relu, helu = (chain(2, 9, 7, 1, activation=name) for name in ("relu", "helu:alpha=0.5"))
    assert len(regions(helu, SQUARE).cells) == len(regions(relu, SQUARE).cells)


def test_a_network_that_was_swapped_is_known() -> None:
    from rescu_cli.network import swap

    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1))
    assert regions(swap(model, "smelu:beta=1").model, SQUARE).zones is not None


# -- what is refused ----------------------------------------------------------------------------


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Product(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class Quotient(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 1 / (x + 3)


class Mixing(nn.Module):
    """Takes the mean over the batch too."""

    def forward(self, x: Tensor) -> Tensor:
        return x - torch.mean(x, 0, keepdim=True)


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


class Two(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def spoiled() -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 2))
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: chain(2, 4, 1, activation="gelu"), "pwl:K"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), activation_layer("smelu:beta=1")), "pwl:K"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh()), "is a Tanh"),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)), "is a LayerNorm"),
        (Branching, "cannot be traced"),
        (Product, "of two tensors"),
        (Sine, "calls sin"),
        (Two, "several outputs"),
        (Quotient, "quotients by numbers"),
        (Mixing, "mix the examples"),
        (spoiled, "not finite"),
        (lambda: nn.Sequential(nn.Linear(3, 2)), "does not take inputs of shape"),
        (lambda: nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), "running statistics"),
    ],
)  # fmt: skip
def test_what_has_no_affine_regions_is_refused_by_name(
    make: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        regions(make(), SQUARE)


def test_slices_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="empty"):
        Slice.plane((1.0, 0.0), (1.0, 1.0))
    with pytest.raises(UsageError, match="finite"):
        Slice.plane((float("nan"), 0.0), (1.0, 1.0))
    with pytest.raises(UsageError, match="parallel"):
        Slice.through(np.array([[0.0, 0, 0], [1, 1, 1], [2, 2, 2]]))
    with pytest.raises(UsageError, match="pwl:0"):
        regions(chain(2, 3, 1, activation="gelu"), SQUARE, approx=0)
    np.savez(tmp_path / "s.npz", origin=np.zeros(3), directions=np.eye(3)[:2])
    with pytest.raises(UsageError, match="--box"):
        load_slice(tmp_path / "s.npz")
    found, shape = load_slice(tmp_path / "s.npz", ((0, 0), (1, 2)))
    assert found.area == 2.0 and shape == (3,)
    np.savez(tmp_path / "s.npz", points=np.zeros((2, 3)))
    with pytest.raises(UsageError, match="should hold"):
        load_slice(tmp_path / "s.npz")


def test_areas_are_those_of_the_input_space() -> None:
    """A slice along oblique directions of any length is measured in the inputs' own unit."""
    oblique = Slice.spanned(
        np.zeros(3), np.array([3.0, 0, 0]), np.array([1.0, 5, 0]), (-2.0, -2.0), (2.0, 2.0)
    )
    plane = chain(2, 6, 1)
    first = plane[0]
    assert isinstance(first, nn.Linear)
    wide = nn.Linear(3, 6).double()
    with torch.no_grad():
        wide.weight.copy_(torch.cat([first.weight, torch.ones(6, 1)], 1))
        wide.bias.copy_(first.bias)
    space = nn.Sequential(wide, *list(plane.children())[1:])
    a, b = regions(plane, SQUARE), regions(space, oblique)
    assert np.allclose(np.sort(a.cells.areas()), np.sort(b.cells.areas()))
    assert a.boundary[0].length == pytest.approx(b.boundary[0].length)
    assert replace(oblique, low=(-1.0, -1.0)).area == 9.0


# -- what a hostile reader found -----------------------------------------------------------------


def test_slopes_are_the_weights_themselves_whatever_is_added() -> None:
    """Not fl(fl(w + b) − b): a large bias must not round the weights."""
    generator = np.random.default_rng(0)
    w = generator.standard_normal((3, 2))
    for bias in (7.0, 1e13, -1e300):
        program = read_program(dense_chain([w], [np.full(3, bias)]))
        step = program.steps[0]
        assert isinstance(step, Affine)
        found = affine_map(program, step, {program.entry: (2,)})
        assert (found.matrices[program.entry] == w).all() and (found.constant == bias).all()


class Constants(nn.Module):
    """Numbers and tensors that are added, in several spellings."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Parameter(torch.tensor([0.5, -1.5, 3.0]))
        self.a = nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x) + 0.25)
        h = torch.add(2.0 - h, self.c, alpha=3) * self.c / 4
        h = nn.functional.pad(h, (0, 1), value=1.5)
        return (h - 7).sub(1.0, alpha=0.5)  # type: ignore[no-any-return]


def test_constants_are_added_once() -> None:
    torch.manual_seed(1)
    model = Constants().double()
    found = regions(model, SQUARE)
    places = np.random.default_rng(0).uniform(-2, 2, (300, 2))
    which, affine = at(found, places)
    assert np.abs(affine - outputs(model, SQUARE, places, None))[which >= 0].max() < 1e-12


class Transposed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act = nn.Linear(2, 4), activation_layer("gelu")

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.a(x)).permute(1, 0)  # type: ignore[no-any-return]


class Dropping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5)


class Square(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.mul(input=x, other=x)


class Floor(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.div(x, 0.5, rounding_mode="floor")


class Overwriting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.act = nn.Linear(2, 4), activation_layer("gelu")

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        return self.act(torch.relu_(h)) + h  # type: ignore[no-any-return]


class First(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[0]


class Data(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x.data) + 0


def variance() -> nn.Module:
    model = nn.Sequential(nn.BatchNorm1d(2), nn.ReLU())
    assert isinstance(model[0], nn.BatchNorm1d) and model[0].running_var is not None
    model[0].running_var.fill_(-1.0)
    return model


def huge() -> nn.Module:
    return dense_chain([np.full((1, 2), 1e300), np.full((1, 1), 1e300)], [None, None])


@pytest.mark.parametrize(
    ("make", "approx"),
    [
        (Transposed, 4), (Overwriting, 4), (Dropping, None), (Square, None), (Floor, None),
        (First, None), (Data, None), (variance, None), (huge, None),
        (lambda: nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(float("nan"))), None),
    ],
)  # fmt: skip
def test_a_network_that_is_not_what_it_looks_like_is_refused(
    make: Callable[[], nn.Module], approx: int | None
) -> None:
    torch.manual_seed(0)
    with np.errstate(all="ignore"), pytest.raises(UsageError):
        regions(make(), SQUARE, approx=approx)


def test_far_from_the_origin_nothing_is_lost() -> None:
    """A box of width 4 at a million: the same regions as about the origin."""
    near = chain(2, 9, 6, 1)
    first = near[0]
    assert isinstance(first, nn.Linear)
    away = np.array([2.0**20, -(2.0**21)])
    moved = nn.Linear(2, 9).double()
    with torch.no_grad():
        moved.weight.copy_(first.weight)
        moved.bias.copy_(first.bias - first.weight @ torch.from_numpy(away))
    far = nn.Sequential(moved, *list(near.children())[1:])
    low, high = away - 2, away + 2
    found = regions(far, Slice.plane((low[0], low[1]), (high[0], high[1])))
    here = regions(near, SQUARE)
    assert len(found.cells) == len(here.cells)
    assert np.allclose(np.sort(found.cells.areas()), np.sort(here.cells.areas()), atol=1e-7)
    assert found.boundary[0].length == pytest.approx(here.boundary[0].length, abs=1e-6)
    assert (found.cells.vertices.min(0) == low).all()


def test_irrational_tails_are_in_the_bound() -> None:
    activation = resolve("gsmelu:g_plus=sqrt(2)").with_defaults()
    made = surrogate(activation, 10_000, Fraction(-10), Fraction(10**9))
    value, stand_in = activation.pieces[-1].value, made.pieces.value(Fraction(10**9))
    exact = value.subs(next(iter(value.free_symbols)), 10**9)
    off = float(abs(sp.N(exact - sp.Rational(stand_in.numerator, stand_in.denominator), 40)))
    assert 1e-8 < off <= made.sup_error


def test_a_slope_of_one_bends_nothing_and_an_end_at_infinity_is_none() -> None:
    flat = nn.Sequential(nn.Linear(2, 5), nn.LeakyReLU(1.0), nn.Linear(5, 1))
    assert len(regions(flat, SQUARE).cells) == 1
    torch.manual_seed(0)
    open_ended = nn.Sequential(nn.Linear(2, 5), nn.Hardtanh(float("-inf"), 1.0))
    assert len(regions(open_ended, SQUARE).cells) > 1
