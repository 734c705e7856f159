"""`swap` exchanges every activation that it lists, and lists every one that it does not."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.network import Swap, count_calls, swap
from tests.network.samples import (
    Around,
    Block,
    Branching,
    Every,
    Gates,
    Optional,
    Sub,
    Unlisted,
    Unreached,
)


def smelu(x: Tensor) -> Tensor:
    """Written down here once more, from the paper."""
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x >= 1, x, (x + 1) ** 2 / 4))


def data(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def rows(done: Swap) -> set[tuple[str, str]]:
    return {(r.name, r.old) for r in done.replaced}


@pytest.fixture
def every() -> nn.Module:
    torch.manual_seed(0)
    return Every().eval()


def test_every_spelling_is_replaced_and_listed(every: nn.Module) -> None:
    x = data(5, 4)
    assert sum(count_calls(every, [x]).values()) == 12
    done = swap(every, "smelu:beta=1")
    assert done.model is every
    assert rows(done) == {
        ("stem.1", "ReLU()"), ("(model)", "torch.relu"), ("(model)", "F.relu"),
        ("(model)", "Tensor.relu_"), ("(model)", "Tensor.relu"),
        ("many.0", "F.relu"), ("many.0.act", "ReLU(inplace=True)"),
        ("many.1", "F.relu"), ("many.1.act", "ReLU(inplace=True)"),
        ("named.a", "ReLU()"), ("shared", "ReLU()"), ("again", "ReLU()"),
    }  # fmt: skip
    assert [(k.name, k.old, k.asked) for k in done.kept] == [("named.b", "SiLU()", False)]
    assert done.missed == ()
    assert count_calls(every, [x]) == {}


def test_the_outputs_are_those_of_the_same_model_written_with_the_new_activation(
    every: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, twin = data(5, 4), copy.deepcopy(every)
    swap(every, "smelu:beta=1")

    def in_place(x: Tensor) -> Tensor:
        return x.copy_(smelu(x.clone()))

    def relu(x: Tensor, inplace: bool = False) -> Tensor:
        return in_place(x) if inplace else smelu(x)

    monkeypatch.setattr(functional, "relu", relu)
    monkeypatch.setattr(torch, "relu", relu)
    monkeypatch.setattr(Tensor, "relu", relu)
    monkeypatch.setattr(Tensor, "relu_", in_place)
    torch.testing.assert_close(every(x), twin(x))


def test_in_place_modules_still_overwrite_what_a_skip_connection_reads() -> None:
    block, x = Block(), data(6, 4)
    h = smelu(block.first(x))
    expected = smelu(h + block.second(h))
    swap(block, "smelu:beta=1")
    torch.testing.assert_close(block(x), expected)
    assert block.act.inplace


def test_gradients_flow_and_are_right() -> None:
    block, x = Block().double(), data(6, 4).double().requires_grad_()
    swap(block, "smelu:beta=1")
    assert torch.autograd.gradcheck(block, (x,))


def test_state_dict_parameters_mode_and_dtype_stay(every: nn.Module) -> None:
    before, parameters = every.state_dict(), [id(p) for p in every.parameters()]
    every.train()
    every.many[0].eval()
    swap(every, "smelu:beta=1")
    assert list(every.state_dict()) == list(before)
    assert [id(p) for p in every.parameters()] == parameters
    assert every.training and every.stem[1].training
    assert not every.many[0].act.training
    every.load_state_dict(before, strict=True)
    half = every.eval().to(torch.bfloat16)
    assert half(data(5, 4).bfloat16()).dtype is torch.bfloat16


def test_train_and_eval_still_differ(every: nn.Module) -> None:
    """A forward rewritten from a trace would have frozen the training flag of the dropout."""
    swap(every, "smelu:beta=1")
    x = data(5, 4)
    torch.testing.assert_close(every(x), every(x))
    every.train()
    assert not torch.equal(every(x), every(x))


def test_branches_of_the_forward_stay() -> None:
    model, x, mask = Optional(), data(5), torch.tensor([1.0, 0, 1, 0, 1])
    done = swap(model, "smelu:beta=1")
    assert len(done.replaced) == 1
    torch.testing.assert_close(model(x), smelu(x))
    torch.testing.assert_close(model(x, mask), smelu(x) * mask)


def test_shared_modules_stay_shared(every: nn.Module) -> None:
    swap(every, "smelu:beta=1")
    assert every.shared is every.again


def test_hooks_move_over_and_their_handles_still_remove_them() -> None:
    model, seen = nn.Sequential(nn.ReLU()), []
    handle = model[0].register_forward_hook(lambda *_: seen.append("after"))
    model[0].register_forward_pre_hook(lambda *_: seen.append("before"))
    model.register_forward_hook(lambda *_: seen.append("model"))
    swap(model, "smelu:beta=1")
    model(data(3))
    assert seen == ["before", "after", "model"]
    handle.remove()
    model(data(3))
    assert seen[3:] == ["before", "model"]


def test_hooks_of_a_redirected_module_stay() -> None:
    block, seen = Block(), []
    block.register_forward_hook(lambda *_: seen.append(1))
    swap(block, "smelu:beta=1")
    block(data(2, 4))
    assert seen == [1]


def test_a_model_that_is_an_activation_is_replaced_itself() -> None:
    done = swap(nn.ReLU(), "smelu:beta=1")
    torch.testing.assert_close(done.model(data(5)), smelu(data(5)))


def test_other_sources_by_their_names() -> None:
    model = nn.Sequential(nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(), nn.LeakyReLU(0.2))
    done = swap(model, "smelu:beta=1", source=["gelu", "silu"])
    assert rows(done) == {("0", "GELU(approximate='none')"), ("2", "SiLU()")}
    assert {k.name: k.reason for k in done.kept} == {
        "1": "gelu_tanh was not asked for", "3": "leaky_relu was not asked for"}  # fmt: skip


def test_relu6_is_not_relu_unless_asked() -> None:
    assert swap(nn.Sequential(nn.ReLU6()), "smelu").replaced == ()
    assert len(swap(nn.Sequential(nn.ReLU6()), "smelu", source=["relu6"]).replaced) == 1


def test_an_activation_made_of_what_it_replaces_is_not_redirected_into_itself() -> None:
    """Swish is x times a sigmoid: that sigmoid must stay one."""
    model, x = Gates(), data(9)
    swap(model, "swish:k=1", source=["sigmoid"])
    torch.testing.assert_close(model(x), 2 * functional.silu(x))
    assert count_calls(model, [x], ["sigmoid"]) == {}


def test_a_second_swap_builds_on_the_first() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(x) + functional.silu(x)

    model, x = Two(), data(9)
    swap(model, "smelu:beta=1")
    swap(model, "tanh", source=["swish"])
    torch.testing.assert_close(model(x), smelu(x) + torch.tanh(x))


# -- what cannot be replaced is said --------------------------------------------------------


def test_a_forward_that_cannot_be_traced_is_listed_and_left_alone() -> None:
    model, x = Branching(), data(5)
    done = swap(model, "smelu:beta=1")
    assert rows(done) == {("inner", "ReLU()")}
    (kept,) = done.missed
    assert (kept.name, kept.old) == ("(model)", "forward")
    assert "cannot be traced" in kept.reason and "names relu" in kept.reason
    # ... and the count of calls agrees: one is left.
    assert count_calls(model, [x]) == {"(model)": 1}


def test_untraced_forwards_are_redirected_on_demand() -> None:
    model, x = Branching(), data(5)
    done = swap(model, "smelu:beta=1", untraced=True)
    assert done.missed == ()
    assert count_calls(model, [x]) == {}
    torch.testing.assert_close(model(x), smelu(smelu(x) - 0.5))


def test_an_untraced_child_of_a_redirected_forward_is_redirected_with_it() -> None:
    """Its calls happen inside its parent's forward; to list them as kept would be untrue."""
    model, x = Around(), data(5)
    done = swap(model, "smelu:beta=1")
    assert ("child", "calls in forward that cannot be listed (relu)") in rows(done)
    assert done.missed == ()
    assert count_calls(model, [x]) == {}


def test_code_that_the_trace_does_not_reach_is_listed() -> None:
    (kept,) = swap(Unreached(), "smelu:beta=1").missed
    assert kept.old == "relu"
    assert "did not reach" in kept.reason


def test_a_module_outside_the_tree_is_not_replaced_and_the_count_shows_it() -> None:
    model = Unlisted()
    done = swap(model, "smelu:beta=1")
    assert done.replaced == ()
    assert "cannot be traced" in done.kept[0].reason
    assert sum(count_calls(model, [data(3)]).values()) == 1


def test_a_swap_that_missed_one_is_seen_by_the_count() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))
    swap(model, "smelu:beta=1")
    assert count_calls(model, [data(5)]) == {}
    model[1][0] = nn.ReLU()
    assert count_calls(model, [data(5)]) == {"1.0": 1}


def test_a_subclass_counts_by_what_it_calls() -> None:
    model = nn.Sequential(Sub())
    done = swap(model, "smelu:beta=1")
    assert rows(done) == {("0", "F.relu")}
    torch.testing.assert_close(model(data(5)), smelu(data(5)))


def test_recurrent_kernels_are_named() -> None:
    done = swap(nn.Sequential(nn.RNN(3, 3, nonlinearity="relu"), nn.RNN(3, 3)), "smelu:beta=1")
    assert [(k.name, k.reason) for k in done.missed] == [("0", "relu inside torch's RNN kernel")]


def test_a_scripted_part_is_named() -> None:
    with pytest.warns(DeprecationWarning, match="script"):
        scripted = torch.jit.script(nn.ReLU())
    done = swap(nn.Sequential(scripted), "smelu:beta=1")
    assert [k.reason for k in done.missed] == ["TorchScript: its code is fixed"]
    with pytest.raises(UsageError, match="swap before scripting"):
        swap(scripted, "smelu")


def test_a_forward_on_the_instance_is_named() -> None:
    model = Optional()
    model.forward = lambda x: functional.relu(x)  # type: ignore[method-assign]
    (kept,) = swap(model, "smelu:beta=1").missed
    assert "replaced on the instance" in kept.reason


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")
def test_what_is_no_model_or_compiled_is_refused() -> None:
    with pytest.raises(UsageError, match="found function"):
        swap(smelu, "smelu")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="swap first and compile after"):
        swap(torch.compile(nn.ReLU()), "smelu")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="relu6"):
        swap(nn.ReLU(), "smelu", source=["rel6"])
    with pytest.raises(UnknownNameError, match="smelu"):
        swap(nn.ReLU(), "smleu")
    with pytest.raises(UsageError, match="Nothing to exchange"):
        swap(nn.ReLU(), "smelu", source=[])


def test_what_is_recomputed_in_the_backward_pass_is_named() -> None:
    """Redirected, its first computation would be one function and its second another."""

    class Recomputed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            from torch.utils.checkpoint import checkpoint

            return checkpoint(lambda y: functional.relu(y), x, use_reentrant=False)

    model, x = Recomputed(), data(9).requires_grad_()
    (kept,) = swap(model, "smelu:beta=1", untraced=True).missed
    assert "checkpoint" in kept.reason
    model(x).sum().backward()
    assert torch.equal(x.grad, (x > 0).float())


# -- transformers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "activation", ["relu", functional.relu, nn.ReLU()], ids=["text", "call", "module"]
)
def test_the_fused_path_of_a_transformer_layer_is_left(activation: object) -> None:
    """In eval mode without gradients torch would go on computing ReLU in a kernel of its own."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=activation, batch_first=True).eval()
    x = data(2, 5, 8)
    keys = list(layer.state_dict())
    with torch.no_grad():
        assert sum(count_calls(layer, [x]).values()) == 1
        fused = layer(x)
        done = swap(layer, "smelu:beta=1")
        after = layer(x)
    slow = layer(x)  # with gradients there is no fused path
    torch.testing.assert_close(after, slow)
    assert (after - fused).abs().max() > 0.01
    assert len(done.replaced) == 1
    assert list(layer.state_dict()) == keys
    assert count_calls(layer, [x]) == {}


def test_without_leaving_the_fused_path_nothing_would_change() -> None:
    """Negative control of the test above."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = data(2, 5, 8)
    with torch.no_grad():
        before = layer(x)
        layer.activation = smelu
        assert torch.equal(layer(x), before)
    assert count_calls(layer, [x]) == {"(model)": 1}


def test_an_encoder_with_a_padding_mask_still_runs() -> None:
    """Nested tensors are for the fused kernel only."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    encoder.eval()
    swap(encoder, "smelu:beta=1")
    mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    with torch.no_grad():
        fast = encoder(data(2, 5, 8), src_key_padding_mask=mask)
    torch.testing.assert_close(fast, encoder(data(2, 5, 8), src_key_padding_mask=mask))


def test_a_decoder_and_a_whole_transformer() -> None:
    model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval()
    done = swap(model, "smelu:beta=1")
    assert {r.name for r in done.replaced} == {"encoder.layers.0", "decoder.layers.0"}
    assert count_calls(model, [data(2, 4, 8), data(2, 3, 8)]) == {}


def test_an_unknown_function_in_a_transformer_is_named() -> None:
    (kept,) = swap(nn.TransformerEncoderLayer(8, 2, activation=smelu), "smelu").missed
    assert kept.old == "activation = smelu"


# -- what comes after a swap ----------------------------------------------------------------


def test_a_deep_copy_is_a_model_of_its_own(every: nn.Module) -> None:
    swap(every, "smelu:beta=1")
    x, twin = data(5, 4), copy.deepcopy(every)
    before = every(x)
    torch.testing.assert_close(twin(x), before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    torch.testing.assert_close(every(x), before)
    assert not torch.allclose(twin(x), before)


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*should not be instantiated.*:DeprecationWarning")
def test_a_swapped_model_compiles_without_a_graph_break(every: nn.Module) -> None:
    swap(every, "smelu:beta=1")
    x = data(5, 4)
    compiled = torch.compile(every, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), every(x))


def test_torch_export_of_a_swapped_model() -> None:
    model = nn.Sequential(Block(), nn.ReLU()).eval()
    swap(model, "smelu:beta=1")
    x = data(3, 4)
    program = torch.export.export(model, (x,), strict=False)
    torch.testing.assert_close(program.module()(x), model(x))
    assert "relu" not in str(program.graph)


def test_a_traced_graph_can_be_swapped_too() -> None:
    traced = fx.symbolic_trace(Block())
    done = swap(traced, "smelu:beta=1")
    assert rows(done) == {("act", "ReLU(inplace=True)"), ("(model)", "F.relu")}
    assert count_calls(traced, [data(2, 4)]) == {}


def test_the_result_is_plain_data() -> None:
    import json

    found = swap(nn.Sequential(nn.ReLU(), nn.ReLU6()), "smelu").to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["to"] == "smelu:beta=1"
    assert found["replaced"] == [
        {"name": "0", "kind": "module", "old": "ReLU()", "new": "SmeLU(beta=1)"}
    ]
    assert set(found["kept"][0]) == {"name", "old", "reason", "asked"}


def test_a_state_dict_goes_into_a_fresh_model_that_is_swapped_again() -> None:
    """The way to keep a swapped model: its weights, and the swap."""
    first, second = Block(), Block()
    swap(first, "smelu:beta=1")
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    buffer.seek(0)
    second.load_state_dict(torch.load(buffer))
    swap(second, "smelu:beta=1")
    torch.testing.assert_close(second(data(2, 4)), first(data(2, 4)))
