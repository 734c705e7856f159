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


def test_a_layer_that_cannot_be_differentiated_does_not_shift_the_places_behind_it() -> None:
    """Where its forward fails a second time, hooks have entered its child and not left it."""

    class Child(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                raise ValueError("no gradients here")
            return x.abs()

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.child, self.last = nn.Sequential(Child()), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(self.last(self.child(x)))

    found = dead_rates(Outer(), X, layers=["child"])
    assert [p.name for p in found.places] == ["child", "(model): F.relu"]
    assert [p.saturated is None for p in found.places] == [True, False]


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
            return (x + x.abs()) / 2

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


class SequenceFirst(nn.Module):
    """(batch, time) → (time, batch, features) inside, as code around recurrent layers does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.layer(x[..., None].transpose(0, 1)))


@pytest.mark.parametrize("batch_size", [1, 2, 4, 8, 256])
def test_an_axis_that_is_as_long_as_the_batch_by_chance_is_not_taken_for_it(
    batch_size: int,
) -> None:
    """Four times in four inputs: the lengths agree with one batch, but do not follow another."""
    with pytest.raises(UsageError, match="first axis"):
        dead_rates(SequenceFirst(), X[:4], batch_size=batch_size)

    class BatchFirst(SequenceFirst):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(self.layer(x[..., None]))

    found = dead_rates(BatchFirst(), X[:4], batch_size=batch_size)
    assert [p.shape for p in found.places] == [(4, 4)]
    assert found.notes == ()


def test_a_model_of_one_batch_length_is_left_out_and_pairs_of_inputs_are_no_units() -> None:
    class Fixed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x.view(4, 4))

    class Pairs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x @ x.T)

    with pytest.raises(UsageError, match="batches of one length only"):
        dead_rates(Fixed(), X[:4])
    with pytest.raises(UsageError, match="units cannot be followed"):
        dead_rates(Pairs(), X[:4])


SPELLINGS = {
    "Tensor.clamp": lambda x: x.clamp(min=0),
    "Tensor.clip": lambda x: x.clip(0, 2),
    "torch.clamp": lambda x: torch.clamp(x, 0.0),
    "Tensor.clamp_": lambda x: (1 * x).clamp_(min=0),
    "Tensor.clamp_min": lambda x: x.clamp_min(0),
    "torch.clamp_min": lambda x: torch.clamp_min(x, 0),
    "torch.maximum": lambda x: torch.maximum(torch.zeros(()), x),
    "Tensor.maximum": lambda x: x.maximum(torch.zeros_like(x)),
    "torch.max": lambda x: torch.max(x, torch.zeros(1)),
    "torch.ops.aten.relu": torch.ops.aten.relu,
    "torch.ops.aten.relu.default": torch.ops.aten.relu.default,
    "F.threshold": lambda x: functional.threshold(x, 0.0, 0.0),
    "F.hardtanh": lambda x: functional.hardtanh(x, 0.0, 9.0),
    "torch.prelu": lambda x: functional.prelu(x, torch.tensor([0.0])),
    "F.rrelu": lambda x: functional.rrelu(x, 0.0, 0.0),
}
OTHERS = {
    "F.hardsigmoid": functional.hardsigmoid,
    "F.logsigmoid": functional.logsigmoid,
    "F.softsign": functional.softsign,
    "torch.hardshrink": functional.hardshrink,
    "F.softshrink": functional.softshrink,
    "F.tanhshrink": functional.tanhshrink,
}


class Calling(nn.Module):
    """A ReLU and a call behind it."""

    def __init__(self, call) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.first, self.second, self.call = nn.ReLU(), nn.Linear(4, 6), call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.second(self.first(x)))


class Deep(nn.Module):
    """The same call in five places."""

    def __init__(self, call) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.parts = nn.ModuleList([Calling(call) for _ in range(5)])

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([part(x) for part in self.parts], 1)


@pytest.mark.parametrize("name", [*SPELLINGS, *OTHERS])
def test_a_call_is_an_activation_in_every_spelling_though_another_is_found(name: str) -> None:
    net = Calling({**SPELLINGS, **OTHERS}[name])
    _, second = dead_rates(net, X).places
    assert second.name == f"(model): {name}"
    values = net.call(net.second(net.first(torch.from_numpy(X)))).detach()
    assert second.off.n_off == int((values == 0).sum())
    if name in SPELLINGS:
        relu = dead_rates(nn.Sequential(net.first, net.second, nn.ReLU()), X).places[1]
        assert second.off == relu.off
        assert second.off.n_off > 0
    assert second.saturated is not None


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: torch.where(x > 0, x, 0.0), "torch.where"),
        (lambda x: x * (x > 0), "Tensor.gt"),
        (lambda x: x.clamp(-1, 1), "Tensor.clamp"),
        (lambda x: torch.minimum(x, torch.ones(())), "torch.minimum"),
    ],
)
def test_calls_that_activations_are_written_with_are_noted(call, name: str) -> None:  # type: ignore[no-untyped-def]
    found = dead_rates(Calling(call), X)
    assert [p.name for p in found.places] == ["first"]
    assert sum(f"(model): {name} is not counted" in note for note in found.notes) == 1
    assert dead_rates(Calling(lambda x: x + 1), X).notes == ()
    deep = dead_rates(Deep(call), X).notes
    assert any(f"parts.0, parts.1, parts.2 and 2 more: {name}" in note for note in deep)


@pytest.mark.parametrize("module", [nn.Softmax(1), nn.LayerNorm(4), nn.Linear(4, 4)])
def test_what_mixes_elements_has_no_slope_per_unit(module: nn.Module) -> None:
    for x in (X, 100 * X):
        (place,) = dead_rates(nn.Sequential(module), x, layers=["0"]).places
        assert place.saturated is None
        assert dead_rates(nn.Sequential(nn.Tanh()), x).places[0].saturated is not None


def test_activations_inside_a_layer_that_was_named_are_noted() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.ReLU())
    found = dead_rates(net, X, layers=["0"])
    assert [p.name for p in found.places] == ["0", "1"]
    assert any("not counted by itself: 0.1" in note for note in found.notes)
    assert dead_rates(net, X).notes == ()


def test_normalisation_by_the_batch_and_chance_are_noted() -> None:
    def net(**options: bool) -> nn.Sequential:
        return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, **options), nn.ReLU())

    class Random(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(functional.dropout(x))

    class ByTheBatch(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x - x.mean(0))

    free = dead_rates(net(track_running_stats=False), X)
    assert ["no running statistics" in note for note in free.notes] == [True]
    for model in (Random(), ByTheBatch()):
        assert ["in a batch of another length" in n for n in dead_rates(model, X).notes] == [True]
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert dead_rates(net().to(dtype), X).notes == ()

    class Shifted(nn.Module):
        """By as much as half precision cannot tell from another order of summing."""

        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x + 0.02 * (len(x) > 40))

    assert len(dead_rates(Shifted(), X).notes) == 1
    assert dead_rates(nn.Sequential(nn.Linear(4, 4), Shifted()).bfloat16(), X).notes == ()
    with pytest.raises(UsageError, match="57 inputs in batches of 56; with another '--batch-size'"):
        dead_rates(net(track_running_stats=False), X, batch_size=56)


def test_channels_are_where_the_layer_before_puts_them() -> None:
    tokens = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 6), nn.ReLU())
    with torch.no_grad():
        tokens[1].bias[:2] = -99.0
    (place,) = dead_rates(tokens, X).places
    assert (place.shape, place.channel_axis) == ((2, 6), 2)
    assert place.channels is not None
    off = (tokens(torch.from_numpy(X)) == 0).numpy()
    assert (place.channels.n_units, place.channels.n_static) == (6, 2)
    assert place.channels.total == pytest.approx(defined(off.all(1))[2], abs=1e-15)
    signal = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Conv1d(2, 6, 1), nn.ReLU())
    assert dead_rates(signal, X).places[0].channel_axis == 1
    assert (
        dead_rates(nn.Sequential(nn.Unflatten(1, (2, 2)), nn.ReLU()), X).places[0].channels is None
    )

    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x.transpose(1, 2))

    turned = nn.Sequential(*signal[:2], Turned())  # the second axis is now that of positions
    assert dead_rates(turned, X).places[0].channel_axis is None
    image = nn.Sequential(nn.Unflatten(1, (2, 2, 1)), nn.ReLU())
    assert dead_rates(image, X).places[0].channel_axis == 1


def test_a_surrogate_gradient_is_said_of_the_place_that_has_it() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act, self.plain = nn.ReLU(), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            return self.plain(functional.relu(self.act(x) - 0.1))

    net = Mixed()
    assert [p.surrogate for p in dead_rates(net, X).places] == [None] * 3
    swap(net, "helu:alpha=0.05")
    said = [p.to_dict()["surrogate"] for p in dead_rates(net, X).places]
    assert said[2] is None
    assert all("not the gradient of the forward on (-1/20, 0]" in text for text in said[:2])


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
    "error", [AssertionError("need 65"), AttributeError("foo"), KeyError("a"), ZeroDivisionError()]
)
def test_whatever_a_forward_raises_is_named(error: Exception) -> None:
    class Raising(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise error

    with pytest.raises(UsageError, match=f"does not run .*: {type(error).__name__}"):
        dead_rates(nn.Sequential(nn.ReLU(), Raising()), X)


def test_an_error_of_our_own_is_not_blamed_on_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr("rescu_cli.network.dead.rates.Tally.add", broken)
    with pytest.raises(KeyError, match="ours"):
        dead_rates(small(), X)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "g", ">i8", "u8", "f2", "u2"])
def test_numbers_of_every_layout_are_read_as_the_numbers_they_are(dtype: str) -> None:
    whole = np.arange(8, dtype=np.float64).reshape(4, 2)
    net = nn.Sequential(nn.Linear(2, 5), nn.ReLU())
    assert dead_rates(net, whole.astype(dtype)).places == dead_rates(net, whole).places


def test_what_is_no_array_of_numbers_is_refused_and_a_tensor_is_taken() -> None:
    import rescu_cli as rescu

    net = small()
    for wrong in (np.array([["a", "b"]]), np.ones((2, 4), dtype=complex), [[1.0], [1.0, 2.0]]):
        with pytest.raises(UsageError, match="number"):
            rescu.dead_units(net, wrong)  # type: ignore[arg-type]
    expected = rescu.dead_units(net, X).off
    for kind in (torch.float32, torch.float64):
        assert (
            rescu.dead_units(net, torch.tensor(X, dtype=kind, requires_grad=True)).off == expected
        )
    assert rescu.dead_units(net, torch.tensor(X).bfloat16()).n_inputs == 57


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
    with pytest.raises(UsageError, match=r"no .npz of plain arrays .* should hold an array x"):
        read_inputs(path)
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(UsageError) as refused:
        read_inputs(path)
    assert "allow_pickle" not in str(refused.value)
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
