"""Counting ReLUs: published networks, every spelling, the stem, the cost model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import rescu_cli as rescu
from rescu_cli.errors import ParseError, UnknownNameError, UsageError
from rescu_cli.network.relus.counting import count_relus
from rescu_cli.network.relus.latency import parse_latency
from rescu_cli.network.relus.zoo import KNOWN, build_known


def block_counts(blocks: tuple[int, ...], side: int) -> list[int]:
    """ReLUs of ResNet stages by the papers' table: two per block, 64·2^i channels, halved sides."""
    return [2 * n * 64 * 2**i * (side >> i) ** 2 for i, n in enumerate(blocks)]


@pytest.mark.parametrize(
    ("name", "shape", "parameters", "macs"),
    [
        # Parameters as published: torchvision's and Kuangliu's models, the wide ResNet paper (17.2M).
        ("resnet18", (3, 32, 32), 11_173_962, 555_422_720),
        ("resnet34", (3, 32, 32), 21_282_122, None),
        ("wrn22_8", (3, 32, 32), 17_158_106, None),
        ("vgg16", (3, 32, 32), 14_728_266, None),
        ("resnet18_imagenet", (3, 224, 224), 11_689_512, 1_814_073_344),
        ("resnet34_imagenet", (3, 224, 224), 21_797_672, 3_663_761_408),
        ("vgg16_imagenet", (3, 224, 224), 138_357_544, 15_470_264_320),
    ],
)
def test_the_built_in_networks_have_the_published_sizes(
    name: str, shape: tuple[int, ...], parameters: int, macs: int | None
) -> None:
    count = count_relus(build_known(name, shape), shape)
    assert count.n_parameters == parameters
    assert macs is None or count.macs == macs


def test_resnet_counts_follow_the_table_with_and_without_the_stem() -> None:
    for name, blocks in (("resnet18", (2, 2, 2, 2)), ("resnet34", (3, 4, 6, 3))):
        found = rescu.count_relus(name, "3x32x32")
        stages = block_counts(blocks, 32)
        assert [found["by_stage"][f"S{i}"] for i in (1, 2, 3, 4)] == stages
        assert found["total_without_stem"] == sum(stages)
        assert found["total"] - found["total_without_stem"] == found["by_stage"]["stem"] == 65_536
    assert rescu.count_relus("resnet18")["total"] == 557_056
    assert rescu.count_relus("resnet18")["total_without_stem"] == 491_520


def test_a_side_twice_as_long_has_four_times_the_relus_and_convolution_macs() -> None:
    small, large = (rescu.count_relus("resnet18", f"3x{n}x{n}") for n in (32, 64))
    assert large["total"] == 4 * small["total"]
    assert large["macs"] - 5120 == 4 * (small["macs"] - 5120)  # the readout has no sides
    assert small["flops"] == 2 * small["macs"]


def test_wide_resnet_and_vgg_by_hand() -> None:
    wide = rescu.count_relus("wrn22_8")
    assert wide["by_stage"] == {
        "S1": 16 * 1024 + 5 * 128 * 1024,
        "S2": 128 * 1024 + 5 * 256 * 256,
        "S3": 256 * 256 + 5 * 512 * 64,
        "last": 512 * 64,
    }
    vgg = rescu.count_relus("vgg16")
    assert list(vgg["by_stage"].values()) == [131_072, 65_536, 49_152, 24_576, 6_144]
    assert vgg["stem"] == []
    halves = [64 * 256, 128 * 64, 256 * 16, 512 * 4, 512]
    assert vgg["others"] == {"max_pool comparisons": 3 * sum(halves)}


class Spellings(nn.Module):
    """ReLU in every way in which it can be written, each on 4 numbers; and what is none."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.ReLU()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        x = self.shared(self.shared(x))  # 8
        x = functional.relu(torch.relu(x.relu()))  # 12
        x = functional.relu(x.clone(), inplace=True).relu_()  # 8
        x = functional.threshold(x.clamp(min=0), 0.0, 0.0).clamp_min(0)  # 12
        x = x.clamp(min=-1) + x.clamp(0, 6) + functional.relu6(x) + functional.gelu(x)
        return self.inner(x)  # 4


def test_every_spelling_counts_once_and_a_shared_module_each_time() -> None:
    found = rescu.count_relus(Spellings(), (4,))
    assert found["total"] == 44
    # The first ReLU is called in a direct child and a later one lies deeper: it looks like a stem.
    assert found["by_stage"] == {"stem": 4, "shared": 4, "(model)": 32, "inner": 4}
    assert found["macs"] == 16
    assert found["others"]["gelu"] == 4 and found["others"]["relu6"] == 4
    assert found["others"]["clamp"] == 8


def test_the_attention_layers_of_torch_hide_nothing() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    assert rescu.count_relus(layer, (5, 8))["total"] == 5 * 16


def test_the_fused_kernels_of_frozen_layers_hide_nothing_either() -> None:
    """Without gradients torch runs the whole layer as one operation, on a CPU only."""

    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
            self.requires_grad_(False)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if float(x.sum()) == 0 else x  # needs numbers: runs on the CPU

    found = rescu.count_relus(Frozen(), (5, 8))
    plain = rescu.count_relus(Frozen().layer.requires_grad_(True), (5, 8))
    assert found["total"] == plain["total"] == 5 * 16
    assert found["macs"] == plain["macs"] > 0
    assert found["others"] == plain["others"] == {"layer_norm": 80, "softmax": 2 * 5 * 5}
    assert torch.backends.mha.get_fastpath_enabled()  # as it was


def test_a_layer_that_stays_in_one_kernel_is_refused() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LSTM(4, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.layer(x)[0]) if float(x.sum()) == 0 else x

    with pytest.raises(UsageError, match="a whole layer in one kernel"):
        rescu.count_relus(Recurrent(), (5, 4))


class Calls(nn.Module):
    """One dense layer, then a function; what the function is to the count."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.first, self.relu, self.function = nn.Linear(4, 6), nn.ReLU(), function

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.relu(x))
        return self.function(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: torch.maximum(a, torch.zeros_like(a)),
        lambda a: torch.max(torch.zeros(6, device=a.device).expand(1, 6), a),
        lambda a: torch.maximum(a, a.new_full((1, 6), 0.0).clone()),
        lambda a: functional.hardtanh(a, 0.0, float("inf")),
        lambda a: functional.leaky_relu(a, 0.0),
        lambda a: torch.clamp_min(a, torch.zeros(1, device=a.device)),
        lambda a: torch.clamp(a, 0.0, float("inf")),
    ],
)
def test_what_equals_relu_for_every_input_counts_as_one(function: Any) -> None:
    found = rescu.count_relus(Calls(function), (4,))
    assert found["total"] == 4 + 6
    assert found["others"] == {}


@pytest.mark.parametrize(
    ("function", "others"),
    [
        (functional.celu, {"celu": 6}),
        (functional.selu, {"selu": 6}),
        (functional.elu, {"elu": 6}),
        (functional.rrelu, {"rrelu": 6}),
        (lambda a: functional.glu(a, 1), {"glu": 3}),
        (functional.softshrink, {"softshrink": 6}),
        (functional.hardshrink, {"hardshrink": 6}),
        (lambda a: torch.sqrt(a * a), {"sqrt": 6}),
        (lambda a: a / a.sum(), {"div": 6}),
        (lambda a: a.pow(1.5), {"pow": 6}),
        (lambda a: torch.where(a > 0, a, 0.0), {"comparisons": 6}),
        (lambda a: a * (a > 0), {"comparisons": 6}),
        (lambda a: torch.maximum(a, torch.ones_like(a)), {"maximum": 6}),
        # Control: a tensor that was 0 and is no longer.
        (lambda a: torch.maximum(a, torch.zeros_like(a).add_(a)), {"maximum": 6}),
        (lambda a: torch.special.i0(a), {"not recognised: i0": 6}),
        (lambda a: torch.sort(a)[0], {"not recognised: sort": 6}),
        (lambda a: functional.layer_norm(a, (6,)), {"layer_norm": 6}),
        (lambda a: functional.instance_norm(a[:, None]), {"instance_norm": 6}),
        (lambda a: functional.scaled_dot_product_attention(*[a.reshape(1, 1, 3, 2)] * 3),
         {"softmax": 9}),
        # Comparisons, whatever the dimensions: one less than the numbers of each window.
        (lambda a: functional.max_pool1d(a, 2), {"max_pool comparisons": 3}),
        (lambda a: functional.max_pool2d(a.reshape(1, 1, 2, 3), 2, padding=1),
         {"max_pool comparisons": 6 - 4}),
        (lambda a: functional.max_pool3d(a.reshape(1, 1, 1, 2, 3), (1, 2, 3)),
         {"max_pool comparisons": 5}),
        (lambda a: functional.adaptive_max_pool1d(a, 4), {"max_pool comparisons": 8 - 4}),
        (lambda a: a.amax(1), {"max_pool comparisons": 5}),
        # Linear, whatever they are called.
        (lambda a: (a.reshape(2, 3).T - 1).mean(0) / 2 + a.pow(2).sum(), {}),
        (lambda a: functional.interpolate(a[None], scale_factor=2.0, mode="linear"), {}),
        (lambda a: functional.pad(torch.cat([a, a], 1)[:, ::2].flip(0), (1, 1)), {}),
    ],
)  # fmt: skip
def test_what_is_not_linear_is_listed_and_nothing_else(
    function: Any, others: dict[str, int]
) -> None:
    found = rescu.count_relus(Calls(function), (4,))
    assert found["total"] == 4
    assert found["others"] == others


def test_a_prelu_is_a_relu_where_its_slope_is_0_and_linear_where_it_is_1() -> None:
    slopes = nn.PReLU(4)
    with torch.no_grad():
        slopes.weight.copy_(torch.tensor([0.0, 1.0, 0.0, 0.25]))
    found = rescu.count_relus(nn.Sequential(nn.Conv1d(2, 4, 1), slopes), (2, 5))
    assert found["total"] == 2 * 5 and found["others"] == {"prelu": 5}
    found = rescu.count_relus(nn.Sequential(nn.ReLU(), nn.PReLU(init=1.0)), (7,))
    assert found["total"] == 7 and found["others"] == {}
    found = rescu.count_relus(nn.Sequential(nn.ReLU(), nn.PReLU()), (7,))
    assert found["total"] == 7 and found["others"] == {"prelu": 7}


def test_lazy_layers_are_counted_as_the_run_makes_them() -> None:
    found = rescu.count_relus(nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(2)), (4,))
    assert (found["total"], found["macs"], found["n_parameters"]) == (8, 48, 58)
    assert found["others"] == {}


class Gradient(nn.Module):
    """A forward that differentiates: gradients are on, as in a run of one's own."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        return torch.relu(torch.autograd.grad((x * x).sum(), x)[0])


def test_a_forward_may_differentiate() -> None:
    assert rescu.count_relus(Gradient(), (3,))["total"] == 3


class NeedsNumbers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) if float(x.sum()) == 0 else x


def test_a_forward_that_asks_for_numbers_runs_on_zeros_and_the_model_stays_as_it_is() -> None:
    assert rescu.count_relus(NeedsNumbers(), (2, 3))["total"] == 6
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert rescu.count_relus(model, (1, 5, 5))["total"] == 18
    assert model.training and not next(model.parameters()).is_meta
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_the_stem_is_seen_in_nets_with_stages_and_can_be_said() -> None:
    chain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU())
    assert rescu.count_relus(chain, (3,))["total_without_stem"] == 9
    staged = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(3, 5), nn.ReLU()))
    assert rescu.count_relus(staged, (3,))["total_without_stem"] == 5
    assert rescu.count_relus(staged, (3,), stem=())["total_without_stem"] == 8
    assert rescu.count_relus(staged, (3,), stem=["1.1"])["by_stage"] == {"0": 3, "stem": 5}
    with pytest.raises(UsageError, match="has no ReLU in this network"):
        rescu.count_relus(staged, (3,), stem=["2"])


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.inner(x) + x)


class Staged(nn.Module):
    """A stem and a head in the network's own code, with 256 and 10 ReLUs; between them a stage."""

    def __init__(self, relu: Any) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 4, 3, padding=1), relu
        self.stage = nn.Sequential(Residual(), Residual())
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.head(self.stage(self.relu(self.conv(x))).mean((2, 3))))


@pytest.mark.parametrize(
    ("relu", "name"),
    [(functional.relu, "(model)"), (nn.ReLU(), "relu")],
    ids=["function", "shared"],
)
def test_only_the_first_call_is_the_stem(relu: Any, name: str) -> None:
    found = rescu.count_relus(Staged(relu), (3, 8, 8))
    assert found["by_stage"] == {"stem": 256, name: 10, "stage": 512}
    assert (found["total"], found["total_without_stem"]) == (778, 522)
    (layer,) = [row for row in found["layers"] if row["stem_relus"]]
    assert (layer["name"], layer["relus"], layer["stem_relus"]) == (name, 266, 256)
    said = rescu.count_relus(Staged(relu), (3, 8, 8), stem=[name])
    assert said["total_without_stem"] == 512  # what is named is taken whole


def test_a_stem_in_a_block_of_its_own_is_seen() -> None:
    stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
    net = nn.Sequential(stem, nn.Sequential(Residual(), Residual()))
    found = rescu.count_relus(net, (3, 8, 8))
    assert found["stem"] == ["0.2"] and found["total_without_stem"] == 512
    # Control: where all blocks are like the first, none is the stem.
    like = nn.Sequential(stem, nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()))
    assert rescu.count_relus(like, (3, 8, 8))["stem"] == []


def test_an_unknown_stem_names_what_is_near_and_not_everything() -> None:
    with pytest.raises(UsageError, match="has no ReLU") as error:
        rescu.count_relus("resnet34", stem=["S1.block1.relu3"])
    assert "S1.block1.relu1" in str(error.value) and "more" in str(error.value)
    assert len(str(error.value)) < 200


def test_files_of_weights_count_too(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, W0=np.ones((7, 2)), b0=np.zeros(7), W1=np.ones((1, 7)))
    found = rescu.count_relus(str(path))  # a dense layer says how wide its input is
    assert (found["total"], found["macs"], found["input"]) == (7, 21, [2])


def test_the_latency_is_linear_in_both_counts() -> None:
    cost = parse_latency("relu=20us,mac=0.5ns")
    assert cost.of(1_000, 10_000)["seconds"] == pytest.approx(0.020005)
    assert parse_latency("mac=2ms").relu == 0 and parse_latency("relu=3\u00b5s").relu == 3e-6
    assert parse_latency("relu=3\u03bcs").relu == 3e-6  # the Greek letter looks the same
    found = rescu.count_relus("resnet18", latency="relu=1ms")["latency"]
    assert found["seconds"] == pytest.approx(557.056) and found["mac_seconds"] == 0


@pytest.mark.parametrize(
    "text",
    ["", "relu", "relu=20", "relu=20 minutes", "relu=us", "relu=1us,relu=2us", "gelu=1us",
     "relu=1us;mac=2ns", "relu=--1us", "relu=1us,"],
)  # fmt: skip
def test_malformed_latencies_are_refused_with_a_caret(text: str) -> None:
    with pytest.raises(ParseError, match="as a latency"):
        parse_latency(text)


@pytest.mark.parametrize("text", ["relu=-1us", "relu=0s", "relu=1e999s"])
def test_latencies_that_are_no_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="latency"):
        parse_latency(text)


def test_a_latency_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(UsageError, match="longer than floating-point numbers reach"):
        rescu.count_relus("resnet18", latency="relu=1e308s")


@pytest.mark.parametrize(
    ("network", "shape", "error", "words"),
    [
        ("resnet18", (3, 32.7, 32), UsageError, "Cannot read the shape"),
        ("resnet19", "3x32x32", UnknownNameError, "Did you mean"),
        ("resnet18", "3x30x32", UsageError, "multiples of 8"),
        ("resnet18", "32x32", UsageError, "CHANNELSxHEIGHTxWIDTH"),
        ("vgg16", "3x40x40", UsageError, "multiples of 32"),
        ("resnet18", "3x0x32", UsageError, "Cannot read the shape"),
        ("resnet18", "3y32", UsageError, "write it like 3x32x32"),
        (nn.Linear(3, 4), (3,), UsageError, "No ReLU was met"),
        (nn.Sequential(nn.Linear(3, 4), nn.GELU()), (3,), UsageError, r"met: gelu \(4\)"),
        (nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (5,), UsageError, "does not run on an input"),
        (nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU()), None, UsageError, "Say which input"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(network: Any, shape: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        rescu.count_relus(network, shape)


def test_every_row_of_the_table_is_counted_and_takes_other_classes() -> None:
    for name, row in KNOWN.items():
        shape = (3, 32, 32) if row.classes == 10 else (3, 64, 64)
        model = build_known(name, shape, 100)
        assert model.get_submodule("readout").out_features == 100
        assert count_relus(model, shape).total > 0
