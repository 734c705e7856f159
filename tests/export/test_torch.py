"""The torch artifact: a good citizen of autograd, torch.func, torch.compile and 16-bit training."""

from __future__ import annotations

import copy
import os
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from rescu_cli import catalogue
from rescu_cli.export import check, emit
from rescu_cli.export.loader import load, torch_functions
from rescu_cli.export.naming import class_name

NAMES = catalogue.names()
FREE = tuple(n for n in NAMES if catalogue.get(n).parameters)
DOUBLE = torch.float64


def module_of(text: str) -> ModuleType:
    return load(emit(catalogue.resolve(text), "torch"))


def function_of(text: str) -> Any:
    activation = catalogue.resolve(text)
    return getattr(load(emit(activation, "torch")), activation.name)


def inputs(n: int = 9, *, grad: bool = True) -> Tensor:
    """Float64 points away from joints."""
    torch_rng = torch.Generator().manual_seed(5)
    x = torch.randn(n, generator=torch_rng, dtype=DOUBLE) * 1.7 + 0.013
    return x.requires_grad_(grad)


def parameters(name: str) -> list[Tensor]:
    """The defaults, moved a little, as leaves."""
    return [
        torch.tensor(float(p.default) * 1.1 + 0.07, dtype=DOUBLE, requires_grad=True)
        for p in catalogue.get(name).parameters
    ]


@pytest.mark.parametrize("name", NAMES)
def test_first_and_second_derivatives_by_x_and_by_every_parameter(name: str) -> None:
    f = function_of(name)
    assert torch.autograd.gradcheck(f, (inputs(), *parameters(name)))
    assert torch.autograd.gradgradcheck(f, (inputs(), *parameters(name)))


@pytest.mark.parametrize("name", NAMES)
def test_vmap_and_grad_of_torch_func(name: str) -> None:
    module, f = module_of(name), function_of(name)
    x, ps = inputs(grad=False), [p.detach() for p in parameters(name)]
    slopes = torch.func.vmap(torch.func.grad(f), in_dims=(0, *[None] * len(ps)))(x, *ps)
    assert torch.allclose(slopes, getattr(module, f"{name}_gradient")(x, *ps))
    twice = torch.func.jacrev(torch.func.jacrev(lambda y: f(y, *ps).sum()))(x)
    assert torch.allclose(twice, torch.diag(twice.diagonal()))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("name", ["relu", "smelu", "swish", "gsmelu", "hard_swish"])
def test_forward_mode_and_hessians(name: str) -> None:
    """Solvers of differential equations take derivatives forward over backward."""
    module, f = module_of(name), function_of(name)
    x, ps = inputs(grad=False), [p.detach() for p in parameters(name)]
    direction = torch.linspace(-1, 1, len(x), dtype=DOUBLE)
    out, moved = torch.func.jvp(lambda y: f(y, *ps), (x,), (direction,))
    assert torch.equal(out, f(x, *ps))
    assert torch.allclose(moved, direction * getattr(module, f"{name}_gradient")(x, *ps))
    hessian = torch.func.hessian(lambda y: f(y, *ps).sum())(x)
    assert torch.allclose(
        hessian, torch.func.jacrev(torch.func.jacrev(lambda y: f(y, *ps).sum()))(x)
    )
    assert torch.autograd.gradcheck(f, (inputs(), *parameters(name)), check_forward_ad=True)


@pytest.mark.parametrize("name", FREE)
def test_vmap_over_parameters_with_x_shared(name: str) -> None:
    f, x = function_of(name), inputs(grad=False)
    stacked = [torch.stack([p.detach(), p.detach() * 1.25]) for p in parameters(name)]
    batched = torch.func.vmap(lambda *p: f(x, *p))(*stacked)
    for i in range(2):
        assert torch.allclose(batched[i], f(x, *(p[i] for p in stacked)))
    slopes = torch.func.vmap(torch.func.grad(lambda p, *rest: f(x, p, *rest).sum()))(*stacked)
    assert slopes.shape == (2,)


DYNAMO_INSTANTIATES = "ignore:.*should not be instantiated:DeprecationWarning"
"""torch.compile itself does what this warning of torch's is about."""


@pytest.mark.filterwarnings(DYNAMO_INSTANTIATES)
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("name", ["relu", "smelu", "swish", "gelu", "gsmelu", "hard_swish", "mish"])
def test_compiles_as_one_graph_with_gradients(name: str, backend: str) -> None:
    torch._dynamo.reset()
    f = function_of(name)
    compiled = torch.compile(f, backend=backend, fullgraph=True)
    x, ps = inputs(), parameters(name)
    found, expected = compiled(x, *ps), f(x, *ps)
    assert torch.equal(found, expected)
    wanted = [x, *ps]
    for a, b in zip(
        torch.autograd.grad(found.sum(), wanted),
        torch.autograd.grad(expected.sum(), wanted),
        strict=True,
    ):
        assert torch.allclose(a, b, rtol=1e-12)


@pytest.mark.filterwarnings(DYNAMO_INSTANTIATES)
@pytest.mark.parametrize("text", ["smelu:beta=0.5", "relu", "swish:k=1"])
def test_a_compiled_module_is_the_eager_one(text: str) -> None:
    torch._dynamo.reset()
    activation = catalogue.resolve(text)
    module = getattr(load(emit(activation, "torch")), class_name(activation.name))()
    x = inputs(grad=False).float()
    assert torch.equal(torch.compile(module, backend="eager", fullgraph=True)(x), module(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("text", ["smelu", "smelu:beta=0.5", "swish", "gelu:k=1"])
def test_saves_one_tensor_of_the_input_and_its_dtype(text: str, dtype: torch.dtype) -> None:
    x = torch.linspace(-2, 2, 64, dtype=dtype).requires_grad_()
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        function_of(text)(x)
    assert [(t.dtype, t.shape, t.data_ptr()) for t in saved] == [(dtype, x.shape, x.data_ptr())]


def test_a_parameter_tensor_is_saved_beside_x_and_nothing_else() -> None:
    x, beta = inputs(), torch.tensor(0.7, dtype=DOUBLE, requires_grad=True)
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        function_of("smelu")(x, beta)
    assert [t.numel() for t in saved] == [x.numel(), 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_16_bit_is_computed_in_float32_and_rounded_once(dtype: torch.dtype) -> None:
    """At |x| = 65504 the square of SmeLU's quadratic would be infinite in float16."""
    f = function_of("smelu")
    x = torch.tensor([65504.0, -65504.0, 0.3, 1e-4, 5.0], dtype=dtype).requires_grad_()
    out = f(x)
    assert out.dtype == dtype
    assert torch.equal(out, f(x.float()).to(dtype))
    (slope,) = torch.autograd.grad(out.sum(), x)
    assert slope.dtype == dtype
    assert slope.isfinite().all()


def test_under_autocast() -> None:
    """A bfloat16 product goes in, a bfloat16 result comes out, gradients arrive in float32."""
    layer = torch.nn.Linear(4, 4)
    module = module_of("smelu").SmeLU(beta=0.5, learnable=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = module(layer(torch.ones(3, 4)))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32
    assert module.raw_beta.grad is not None and module.raw_beta.grad.isfinite()


@pytest.mark.parametrize("name", FREE)
def test_the_learnable_parameter_gets_the_slope_of_a_finite_difference(name: str) -> None:
    module = getattr(module_of(name), class_name(name))(learnable=True).double()
    x = inputs(grad=False)
    module(x).sum().backward()
    for raw_name, raw in module.named_parameters():
        h = 1e-6
        ends = []
        for sign in (1, -1):
            moved = copy.deepcopy(module)
            with torch.no_grad():
                dict(moved.named_parameters())[raw_name].add_(sign * h)
            ends.append(moved(x).sum().item())
        assert raw.grad is not None
        assert raw.grad.item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("name", "inside"), [("smelu", lambda b: b > 0), ("sau", lambda a: 0 < a < 1)]
)
def test_learned_parameters_cannot_leave_their_domain(name: str, inside: Any) -> None:
    """Whatever the optimizer does: steps of 50 downhill for ever."""
    module = getattr(module_of(name), class_name(name))(learnable=True).double()
    parameter = catalogue.get(name).parameters[0]
    first = parameter.name
    assert getattr(module, first).item() == pytest.approx(float(parameter.default), rel=1e-6)
    for direction in (-1, 1):
        with torch.no_grad():
            getattr(module, f"raw_{first}").add_(direction * 30)
        assert inside(getattr(module, first).item())
        out = module(inputs(grad=False))
        assert out.isfinite().all()
        with torch.no_grad():
            getattr(module, f"raw_{first}").sub_(direction * 30)


def test_a_width_driven_to_zero_is_relu_with_finite_gradients() -> None:
    """raw = −1e4 makes β exactly 0: no 0/0 anywhere, and the gradient by raw is 0, not NaN."""
    module = module_of("smelu").SmeLU(learnable=True)
    with torch.no_grad():
        module.raw_beta.fill_(-1e4)
    x = torch.tensor([-1.0, -0.0, 0.0, 1e-30, 2.0], requires_grad=True)
    out = module(x)
    out.sum().backward()
    assert torch.equal(out, torch.relu(x))
    assert x.grad is not None and x.grad.tolist() == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert module.raw_beta.grad is not None and module.raw_beta.grad.isfinite()


@pytest.mark.parametrize("beta", [0.0, torch.tensor(0.0), 1e-30, torch.tensor(1e-40), 1e30])
def test_extreme_widths_give_finite_values_and_gradients(beta: float | Tensor) -> None:
    f = function_of("smelu")
    x = torch.tensor([-3e38, -1.0, -1e-30, 0.0, 1e-30, 1.0, 3e38], requires_grad=True)
    out = f(x, beta)
    (slope,) = torch.autograd.grad(out.sum(), x)
    assert out.isfinite().all() and slope.isfinite().all()
    if float(beta) < 1e-29:
        assert torch.allclose(out, torch.relu(x), rtol=0, atol=1e-30)


def test_parameters_of_another_dtype_or_a_shape_that_broadcasts() -> None:
    """A float64 β does not widen a float32 result; a β per channel gets a gradient per channel."""
    f = function_of("smelu")
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    assert f(x, torch.tensor(0.5, dtype=DOUBLE)).dtype == torch.float32
    assert torch.equal(f(x, torch.tensor(0.5, dtype=DOUBLE)), f(x, 0.5))
    per_channel = torch.tensor([0.2, 1.0, 3.0], requires_grad=True)
    out = f(x, per_channel)
    out.sum().backward()
    assert per_channel.grad is not None and per_channel.grad.shape == (3,)
    for i, b in enumerate(per_channel.tolist()):
        assert torch.equal(out[:, i], f(x[:, i], b))
    wide = torch.full((4, 1), 0.3, requires_grad=True)  # broadcasts beyond x
    thin = torch.zeros(3, requires_grad=True)
    f(thin, wide).sum().backward()
    assert thin.grad is not None and thin.grad.shape == (3,)
    assert wide.grad is not None and wide.grad.shape == (4, 1)


def test_shapes_and_strides() -> None:
    """Empty, 0-d, non-contiguous; the input is never written to and never aliased."""
    for text in ("smelu", "identity", "relu"):
        activation = catalogue.resolve(text)
        module = load(emit(activation, "torch"))
        f = getattr(module, text)
        assert f(torch.empty(0, 3)).shape == (0, 3)
        assert f(torch.tensor(1.5)).shape == ()
        base = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
        before = base.clone()
        strided = base.t()[::2]
        assert torch.equal(f(strided), f(strided.contiguous()))
        for suffix in ("value", "gradient", "value_and_gradient"):
            out = getattr(module, f"{text}_{suffix}")(base)
            for part in out if isinstance(out, tuple) else (out,):
                part.add_(1)
        f(base).add_(1)
        assert torch.equal(base, before)


def test_a_later_write_to_the_input_is_noticed() -> None:
    """As for every function that keeps its input: an error, never a silently wrong gradient."""
    x = torch.ones(3, requires_grad=True) * 2
    out = function_of("smelu")(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_no_gradient_is_asked_for_none_is_made() -> None:
    f = function_of("smelu")
    assert not f(torch.ones(2)).requires_grad
    with torch.no_grad():
        assert not f(inputs()).requires_grad
    x = inputs()
    beta = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    (only,) = torch.autograd.grad(f(x.detach(), beta).sum(), beta)
    assert only.shape == ()


@pytest.mark.parametrize(
    "x", [torch.arange(3), torch.tensor([True]), torch.ones(2, dtype=torch.complex64)]
)
def test_what_is_not_a_float_is_refused_with_the_way_out(x: Tensor) -> None:
    with pytest.raises(
        TypeError, match=r"smelu takes a float tensor; found torch\..*Use x\.float\(\)"
    ):
        function_of("smelu")(x)


def test_numbers_outside_the_domain_are_refused() -> None:
    module = module_of("smelu")
    with pytest.raises(ValueError, match="smelu needs beta > 0; found beta=-1"):
        module.smelu(torch.ones(1), -1.0)
    with pytest.raises(ValueError, match="SmeLU needs beta > 0; found beta=nan"):
        module.SmeLU(beta=float("nan"))
    with pytest.raises(ValueError, match="SmeLU needs beta > 0"):
        module.SmeLU(beta=torch.tensor([1.0, -0.5]))
    with pytest.raises(ValueError, match="learnable beta starts strictly inside beta > 0"):
        module.SmeLU(beta=0.0, learnable=True)
    assert module.SmeLU(beta=0.0)(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]


def test_the_module_says_what_it_is_and_survives_copying_and_saving() -> None:
    module = module_of("smelu")
    assert repr(module.SmeLU(beta=0.5)) == "SmeLU(beta=0.5, learnable=False)"
    assert repr(module.SmeLU(learnable=True)) == "SmeLU(beta=1, learnable=True)"
    channels = module.SmeLU(beta=torch.ones(4), learnable=True)
    assert repr(channels) == "SmeLU(beta=<(4,)>, learnable=True)"
    assert repr(module_of("smelu:beta=0.25").SmeLU()) == "SmeLU(beta=1/4)"
    again = module.SmeLU(beta=torch.full((4,), 3.0), learnable=True)
    again.load_state_dict(channels.state_dict())
    assert torch.equal(again.raw_beta, channels.raw_beta)
    fresh = pickle.loads(pickle.dumps(channels))
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(2))
    assert torch.equal(fresh(x), channels(x))


def test_beta_can_be_learned() -> None:
    """Started at 2, Adam finds the width 0.5 that made the data."""
    module = module_of("smelu")
    x = torch.linspace(-2, 2, 400)
    target = module.smelu_value(x, 0.5)
    model = module.SmeLU(beta=2.0, learnable=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (model(x) - target).square().mean().backward()
        optimizer.step()
    assert float(model.beta.detach()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_fast_variants_are_the_pure_ones_nearly_to_the_bit(name: str) -> None:
    """Fused products round once less; more than a few ulps would be another formula."""
    module = module_of(name)
    x = torch.cat(
        [torch.linspace(-20, 20, 4001), torch.tensor([float("inf"), -float("inf"), 3e38, -3e38])]
    )
    value, gradient = getattr(module, f"{name}_value_and_gradient")(x)
    assert torch.allclose(value, getattr(module, f"{name}_value")(x), rtol=1e-6, atol=1e-7)
    assert torch.allclose(gradient, getattr(module, f"{name}_gradient")(x), rtol=1e-6, atol=1e-7)
    y = x.clone().requires_grad_()
    pure = getattr(module, name)(y)
    (slope,) = torch.autograd.grad(pure.sum(), y)
    for a, b in ((value, pure.detach()), (gradient, slope)):
        assert torch.allclose(a, b, rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize("name", ["smelu:beta=1", "gelu:k=1", "relu", "gsmelu"])
def test_an_exported_program_can_be_trained(name: str) -> None:
    """A no_grad kept in the graph would cut the gradient without a word."""
    functions = torch_functions(catalogue.resolve(name))
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), functions.module())
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(model, (x,)).module()
    expected = torch.autograd.grad(model(x).sum(), list(model.parameters()))
    found = torch.autograd.grad(exported(x).sum(), list(exported.parameters()))
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["smelu:beta=1", "gelu:k=1", "mish", "gsmelu"])
def test_batched_upstream_gradients(name: str) -> None:
    """vmap over the backward pass alone: upstream is batched, x is not."""
    functions = torch_functions(catalogue.resolve(name))
    x = torch.linspace(-2, 2, 7)
    jacobian = torch.autograd.functional.jacobian(functions.function, x, vectorize=True)
    assert torch.allclose(jacobian, torch.diag(functions.gradient(x)), rtol=1e-5, atol=1e-7)


def test_nothing_warns_and_nothing_but_torch_is_imported() -> None:
    text = emit(catalogue.get("gsmelu"), "torch").text
    imported = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imported == [
        "from __future__ import annotations",
        "import torch",
        "from torch import Tensor, nn",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module_of("gsmelu").gsmelu(torch.tensor([float("nan"), float("inf"), 0.0]))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own
@pytest.mark.filterwarnings(DYNAMO_INSTANTIATES)
def test_a_thorough_check_leaves_the_environment_as_it_was() -> None:
    before = dict(os.environ)
    assert check(catalogue.get("relu"), "torch", ["float32"], n_samples=50, thorough=True).ok
    assert dict(os.environ) == before
