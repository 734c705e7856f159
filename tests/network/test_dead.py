"""Dead units: the definitions, in whole numbers, at every activation that runs."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rescu_cli import catalogue
from rescu_cli.core.surrogate import shift_backward
from rescu_cli.errors import StoreError, UnknownNameError, UsageError
from rescu_cli.network import swap
from rescu_cli.network.dead.inputs import fitting, read_inputs
from rescu_cli.network.dead.measure import dead_rates
from rescu_cli.network.dead.rates import OffCounts
from rescu_cli.network.dead.training import dead_over_training
from rescu_cli.network.loading import Elementwise, layer_of
from rescu_cli.network.toy.training import Training
from tests.network.samples import Branching, Every

X = np.random.default_rng(0).standard_normal((57, 4)).astype(np.float32)


def defined(off: np.ndarray) -> tuple[float, float, float]:
    """Static, dynamic and total rate by their words, input by input; off has shape (N, U)."""
    everywhere = off.all(0)
    dynamic = np.mean([(row & ~everywhere).sum() / off.shape[1] for row in off])
    return everywhere.mean(), dynamic, np.mean([row.sum() / off.shape[1] for row in off])


def small(seed: int = 0, bias: float = 0.0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 2))
    with torch.no_grad():
        net[0].bias[:3] = bias
    return net


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


# -- the numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 57, 500])
@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_rates_are_the_definition_whatever_the_batches(batch_size: int, threshold: float) -> None:
    net = small(bias=-9.0)
    found = dead_rates(net, X, batch_size=batch_size, threshold=threshold)
    hidden = net[1](net[0](torch.from_numpy(X)))
    for place, values in zip(found.places, (hidden, net[3](net[2](hidden))), strict=True):
        off = (values.detach().abs() <= threshold).numpy()
        assert (place.off.static, place.off.dynamic, place.off.total) == pytest.approx(
            defined(off), abs=1e-15
        )
        assert place.off.n_off == off.sum()
    assert found.places[0].off.n_static >= 3
    assert found.off.n_units == 14
    assert found.off.n_off == sum(p.off.n_off for p in found.places)


def test_static_and_dynamic_make_the_total_exactly() -> None:
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        n = int(torch.randint(1, 40, (), generator=generator))
        off = torch.randint(0, n + 1, (5, 3), generator=generator)
        counts = OffCounts.of(off, n)
        assert counts.n_off == int(off.sum())
        assert counts.n_static * n + counts.n_off_dynamic == counts.n_off
        assert counts.n_static == int((off == n).sum())


def test_counts_that_cannot_be_are_refused() -> None:
    for wrong in ((0, 1, 0, 0), (3, 0, 0, 0), (3, 5, 4, 0), (3, 5, 1, 9), (3, 5, 0, -1)):
        with pytest.raises(UsageError, match="cannot be counts"):
            OffCounts(*wrong)
    with pytest.raises(UsageError, match="cannot be added"):
        OffCounts(1, 2, 0, 0) + OffCounts(1, 3, 0, 0)


def test_no_unit_is_dead_where_the_activation_is_never_0() -> None:
    net = nn.Sequential(nn.Linear(4, 9), nn.Softplus(), nn.Linear(9, 5), nn.Sigmoid())
    assert dead_rates(net, X).off.n_off == 0
    assert dead_rates(net, X, threshold=1e6).off.static == 1.0


def test_of_a_convolution_elements_and_whole_channels_are_counted() -> None:
    net = nn.Sequential(nn.Conv1d(1, 6, 3), nn.ReLU())
    x = X[:, None, :]
    (place,) = dead_rates(net, x, batch_size=10).places
    values = net(torch.from_numpy(x)).detach()
    off = (values == 0).numpy()
    assert place.shape == (6, 2)
    assert place.off.n_off == off.sum()
    assert place.channels is not None
    assert place.channels.n_units == 6
    assert (place.channels.static, place.channels.dynamic, place.channels.total) == pytest.approx(
        defined(off.all(2)), abs=1e-15
    )
    assert dead_rates(small(), X).places[0].channels is None


@pytest.mark.parametrize("module", [nn.Tanh(), nn.GELU(), nn.ReLU(), nn.Softplus(), nn.PReLU()])
def test_saturation_counts_small_slopes(module: nn.Module) -> None:
    net = nn.Sequential(nn.Linear(4, 9), module)
    z, step = net[0](torch.from_numpy(4 * X)).detach(), 1e-3
    with torch.no_grad():
        precise = deepcopy(module).double()
        slopes = (precise(z.double() + step) - precise(z.double() - step)) / (2 * step)
    near = ((slopes.abs() - 0.05).abs() < 1e-3) | (z.abs() < step)
    found = dead_rates(net, 4 * X, tolerance=0.05).places[0].saturated
    assert found is not None
    assert abs(found.n_off - int((slopes.abs() < 0.05).sum())) <= int(near.sum())


def test_saturation_of_a_surrogate_is_that_of_what_it_passes_backward() -> None:
    z = np.array([[-0.2, -0.02, 0.3]], dtype=np.float32)
    relu, helu = (
        dead_rates(nn.Sequential(layer_of(catalogue.resolve(t).with_defaults())), z)
        for t in ("relu", "helu")
    )
    assert relu.off.n_off == helu.off.n_off == 2
    assert relu.saturated is not None and helu.saturated is not None
    assert (relu.saturated.n_off, helu.saturated.n_off) == (2, 1)


# -- what is seen ---------------------------------------------------------------------------


def test_modules_calls_methods_and_shared_layers_are_each_seen_once() -> None:
    found = dead_rates(Every(), X)
    names = [p.name for p in found.places]
    assert names == [
        "stem.1", "(model): torch.relu", "many.0.act", "many.0: F.relu", "many.1.act",
        "many.1: F.relu", "named.a", "named.b", "shared", "shared (2)", "(model): Tensor.relu_",
        "(model): F.relu", "(model): Tensor.relu",
    ]  # fmt: skip
    assert all(p.off.n_inputs == len(X) for p in found.places)


def test_in_place_layers_are_differentiated_at_their_input() -> None:
    """relu_ overwrites its input; its slope at the overwritten 0 would be 0 in any case, tanh's not."""
    net = nn.Sequential(nn.Linear(4, 6), nn.ELU(inplace=True))
    plain = nn.Sequential(net[0], nn.ELU())
    saturated = [dead_rates(n, X, tolerance=0.5).saturated for n in (net, plain)]
    assert saturated[0] == saturated[1]
    assert saturated[0] is not None and saturated[0].n_off > 0


def test_forwards_that_cannot_be_traced_are_seen_too() -> None:
    assert [p.name for p in dead_rates(Branching(), X).places] == ["inner", "(model): F.relu"]


def test_branches_that_some_inputs_take_have_rates_of_their_own() -> None:
    class Splitting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = functional.relu(x)
            return torch.tanh(x) if bool(x[0, 0] > 0.5) else x

    x = X.copy()
    x[:, 0] = 0.0
    x[:20, 0] = 1.0
    found = dead_rates(Splitting(), x, batch_size=10)
    assert [p.off.n_inputs for p in found.places] == [57, 20]
    assert any("reached by 20 of 57 inputs" in note for note in found.notes)
    assert found.off.n_units == 4  # the branch is not in the rate of all


def test_exported_layers_and_swapped_calls_are_seen() -> None:
    class Calling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(self.act(x) - 0.1)

    plain, swapped = Calling(), Calling()
    swap(swapped, "helu:alpha=0.05")  # the same values
    ours, theirs = dead_rates(plain, X), dead_rates(swapped, X)
    assert [p.off for p in ours.places] == [p.off for p in theirs.places]
    assert [p.kind for p in theirs.places] == ["HeLU(alpha=1/20)", "helu:alpha=0.05"]
    forward = vars(swapped)["forward"]
    dead_rates(swapped, X)
    assert vars(swapped)["forward"] is forward
    net = nn.Sequential(Elementwise(shift_backward(catalogue.resolve("relu"), "0.1")))
    assert dead_rates(net, X).places[0].kind == "relu_shifted:shift=0.1"


def test_a_layer_of_ones_own_is_counted_when_it_is_named() -> None:
    class Mine(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.clamp(min=0)

    net = nn.Sequential(nn.Linear(4, 5), Mine())
    with pytest.raises(UsageError, match="--layer NAME"):
        dead_rates(net, X)
    found = dead_rates(net, X, layers=["1"])
    relus = dead_rates(nn.Sequential(net[0], nn.ReLU()), X)
    assert found.places[0].off == relus.places[0].off
    with pytest.raises(UsageError, match="no module 'two'"):
        dead_rates(net, X, layers=["two"])


def test_what_cannot_be_seen_or_followed_is_said() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.memory = nn.LSTM(4, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            y, _ = self.memory(x[:, None, :])
            return functional.relu(functional.relu(y).flatten(0, 1).T)

    found = dead_rates(Mixed(), X)
    assert [p.name for p in found.places] == ["(model): F.relu"]
    assert any("torch's LSTM kernel" in note for note in found.notes)
    assert any("first axis" in note for note in found.notes)


def test_a_transformer_in_eval_mode_is_seen_behind_its_fused_kernel() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, dim_feedforward=6, batch_first=True, activation="relu")
    found = dead_rates(nn.Sequential(nn.Unflatten(1, (1, 4)), layer), X)
    assert [(p.kind, p.shape) for p in found.places] == [("F.relu", (1, 6))]


# -- the model is left alone ----------------------------------------------------------------


def test_modes_hooks_weights_and_gradients_are_as_before() -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5))
    net.train()
    net[1].eval()
    modes = [m.training for m in net.modules()]
    state = {k: v.clone() for k, v in net.state_dict().items()}
    first, second = dead_rates(net, X), dead_rates(net, X, batch_size=3)
    assert first.places == second.places  # dropout and batch statistics would differ
    assert [m.training for m in net.modules()] == modes
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(UsageError):
        dead_rates(net, X[:, :3])
    assert [m.training for m in net.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_watching_does_not_change_what_is_computed() -> None:
    net = Every().eval()
    before = net(torch.from_numpy(X))
    dead_rates(net, X)
    assert torch.equal(net(torch.from_numpy(X)), before)


# -- bad input ------------------------------------------------------------------------------


def test_data_that_do_not_fit_name_both_shapes() -> None:
    with pytest.raises(UsageError, match=r"shape \(57, 3\) \(its first weight is \(9, 4\)\)"):
        dead_rates(small(), X[:, :3])


def test_numbers_that_are_not_finite_are_refused_with_their_place() -> None:
    net = small()
    with torch.no_grad():
        net[2].weight[1, 3] = float("nan")
    with pytest.raises(UsageError, match=r"2\.weight\[1, 3\] is nan"):
        dead_rates(net, X)
    x = X.copy()
    x[5, 2] = np.inf
    with pytest.raises(UsageError, match=r"Input \[5, 2\] is inf"):
        dead_rates(small(), x)
    huge = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    with torch.no_grad():
        huge[0].weight.fill_(3e38)
    with pytest.raises(UsageError, match="puts out a NaN or an infinity"):
        dead_rates(huge, np.full((2, 4), 1e3, dtype=np.float32))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": -0.1}, "0 or more"),
        ({"threshold": float("nan")}, "0 or more"),
        ({"tolerance": 0.0}, "must be positive"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dead_rates(small(), X, **options)  # type: ignore[arg-type]


def test_a_model_without_activations_and_empty_data_are_refused() -> None:
    with pytest.raises(UsageError, match="No activation was found"):
        dead_rates(nn.Linear(4, 3), X)
    for empty in (X[:0], X[0]):
        with pytest.raises(UsageError, match="N of at least 1"):
            dead_rates(small(), empty)


def test_inputs_are_read_as_they_are_and_reshaped_where_that_fits(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.npz"
    np.savez(path, x=X, other=np.zeros(3))
    assert np.array_equal(read_inputs(path), X)
    np.savez(path, y=X)
    with pytest.raises(UsageError, match=r"array x .* it has y \(57, 4\)"):
        read_inputs(path)
    np.savez(path, x=np.array(["a"]))
    with pytest.raises(UsageError, match="not numbers"):
        read_inputs(path)
    path.write_bytes(b"no archive")
    with pytest.raises(StoreError, match="cannot be read"):
        read_inputs(path)
    with pytest.raises(StoreError, match="no file"):
        read_inputs(tmp_path / "gone.npz")
    conv = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU())
    assert fitting(conv, X[:, :4], (1, 4))[0].shape == (57, 1, 4)
    assert fitting(small(), X, (1, 4))[0].shape == (57, 4)
    assert fitting(small(), X[:, :3], ())[1] is None


def test_the_api_takes_a_part_of_a_data_set() -> None:
    import rescu_cli as rescu

    net = nn.Sequential(nn.Linear(64, 3), nn.ReLU())
    sizes = {p: rescu.dead_units(net, "digits", part=p).n_inputs for p in ("test", "train", "all")}
    assert sizes["test"] + sizes["train"] == sizes["all"] == 1797
    with pytest.raises(UnknownNameError):
        rescu.dead_units(net, "digits", part="middle")


# -- HeLU and training ----------------------------------------------------------------------


def rescued(layer: nn.Module) -> float:
    """By how much a unit rises whose pre-activations all lie in (−0.04, −0.02)."""
    z = torch.linspace(-0.039, -0.021, 30)[:, None]
    unit = nn.Linear(1, 1)
    with torch.no_grad():
        unit.weight.fill_(1.0)
        unit.bias.fill_(0.0)
    optimizer = torch.optim.SGD(unit.parameters(), lr=0.05)
    assert bool(((unit(z) > -0.04) & (unit(z) < -0.02)).all())
    before = float(unit.bias.detach())
    for _ in range(50):
        optimizer.zero_grad()
        loss = (layer(unit(z)) - 1).square().mean()
        if loss.requires_grad:
            loss.backward()
        optimizer.step()
    assert torch.isfinite(unit.bias).all()
    return float(unit.bias.detach()) - before


def test_helu_rescues_a_unit_that_stays_dead_under_relu() -> None:
    layers = {t: layer_of(catalogue.resolve(t).with_defaults())
              for t in ("relu", "helu:alpha=0.05", "helu:alpha=0.01")}  # fmt: skip
    assert rescued(layers["relu"]) == 0.0
    assert rescued(layers["helu:alpha=0.05"]) > 0.5
    assert rescued(layers["helu:alpha=0.01"]) == 0.0  # its band ends above the unit


class _Tiny:
    """Two classes in a plane, as `Examples`."""

    name, n_classes, n_features, task = "tiny", 2, 2, "classification"
    cardinalities: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    def __init__(self) -> None:
        generator = np.random.default_rng(1)
        x = generator.standard_normal((120, 2)).astype(np.float32)
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
        self.x_train, self.y_train = x[:80], y[:80]
        self.x_test, self.y_test = x[80:], y[80:]


def test_looking_at_units_over_training_does_not_change_it() -> None:
    runs = [
        dead_over_training(_Tiny(), nn.ReLU, 2**0.5, 3, Training(epochs=4), hidden=[8], every=e)
        for e in (1, 3, 4)
    ]
    assert [[m.epoch for m in run] for run in runs] == [[0, 1, 2, 3, 4], [0, 3, 4], [0, 4]]
    assert runs[0][-1] == runs[1][-1] == runs[2][-1]
    assert runs[0][3] == runs[1][1]
    with pytest.raises(UsageError, match="at least 1"):
        dead_over_training(_Tiny(), nn.ReLU, 1.0, 0, Training(epochs=1), every=0)


def test_stuck_units_are_those_that_no_input_can_move() -> None:
    """Under ReLU off everywhere and stuck are one; leaky ReLU has none stuck; HeLU no more than off."""
    for name in ("relu", "helu:alpha=0.05", "leaky_relu:alpha=0.01"):
        activation = catalogue.resolve(name)
        last = dead_over_training(_Tiny(), lambda a=activation: layer_of(a), 1.0, 0,
                                  Training(epochs=5, lr=0.1), hidden=[30])[-1]  # fmt: skip
        assert last.stuck is not None
        if name == "relu":
            assert last.stuck.n_static == last.off.n_static
        elif name.startswith("leaky"):
            assert last.stuck.n_off == 0
        else:
            assert last.stuck.n_static <= last.off.n_static
