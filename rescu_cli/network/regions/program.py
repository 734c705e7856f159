"""A torch network as a list of steps: affine maps, and units that choose between affine pieces.

On one region of a slice every tensor of the network is an affine function of the two coordinates.
It is kept as three tensors of its own shape, the coefficients of x, of y and of 1, next to each
other along the batch: a batch of R regions is a tensor (3R, …). An affine layer is applied to all
three as it is, and its constant taken off the first two again. So any layer of torch that is affine
in evaluation mode can take part, and only units that choose are treated one by one.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from rescu_cli.errors import UsageError
from rescu_cli.network.loading import exported_activation

Values = dict[str, Any]


@dataclass(frozen=True)
class Affine:
    """A step that is affine in its tensors.

    Args:
        name: Of its result.
        run: From the values so far to the result.
        inputs: Names of what it needs.
        shape: Whether the result is no tensor but a size, which changes with the batch: it has to
            be read again where the batch is another one.
    """

    name: str
    run: Callable[[Values], Any]
    inputs: tuple[str, ...]
    shape: bool = False


@dataclass(frozen=True)
class Choice:
    """A step whose units choose pieces.

    Args:
        name: Of its result.
        source: Whose units they are.
        label: Of the layer in messages and tables.
        module: A module that computes it, for the kinds in `elementwise_kind`.
    """

    name: str
    source: str
    label: str
    module: nn.Module


@dataclass(frozen=True)
class Largest:
    """A step that takes the largest of each window.

    Args:
        name: Of its result.
        source: Whose units they are.
        label: Of the layer.
        module: The pooling layer.
    """

    name: str
    source: str
    label: str
    module: nn.MaxPool1d | nn.MaxPool2d


Step = Affine | Choice | Largest


@dataclass(frozen=True)
class Program:
    """The steps of a network.

    Args:
        steps: In order.
        entry: Name of the input.
        result: Name of the output.
        last_use: For each name, the number of the last step that needs it.
        constants: Names of tensors that do not depend on the input.
    """

    steps: tuple[Step, ...]
    entry: str
    result: str
    last_use: Mapping[str, int] = field(default_factory=dict)
    constants: frozenset[str] = frozenset()


CHOOSING = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.Hardtanh)
AFFINE = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Flatten, nn.Unflatten, nn.Identity,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.ZeroPad1d, nn.ZeroPad2d,
)  # fmt: skip
POOLING = (nn.MaxPool1d, nn.MaxPool2d)


class Absolute(nn.Module):
    """|x|, which torch has as a function only."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


def _relu(*_: Any, **__: Any) -> nn.Module:
    return nn.ReLU()


def _leaky(_: Any, negative_slope: float = 0.01, inplace: bool = False) -> nn.Module:
    return nn.LeakyReLU(negative_slope)


def _hardtanh(
    _: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> nn.Module:
    return nn.Hardtanh(min_val, max_val)


_ACTIVATION_CALLS: dict[Any, Callable[..., nn.Module]] = {
    functional.relu: _relu, torch.relu: _relu, torch.relu_: _relu, "relu": _relu, "relu_": _relu,
    functional.leaky_relu: _leaky, functional.hardtanh: _hardtanh,
    functional.relu6: lambda *_, **__: nn.ReLU6(),
    torch.abs: lambda *_, **__: Absolute(), "abs": lambda *_: Absolute(),
    abs: lambda *_: Absolute(), operator.abs: lambda *_: Absolute(),
}  # fmt: skip
_AFFINE_CALLS = {
    operator.add, operator.iadd, torch.add, operator.sub, torch.sub, operator.neg, torch.flatten,
    torch.reshape, torch.cat, torch.mean, functional.avg_pool1d, functional.avg_pool2d,
    functional.adaptive_avg_pool2d, functional.dropout, functional.pad, torch.permute,
    torch.transpose, torch.squeeze, torch.unsqueeze, operator.getitem,
}  # fmt: skip
_SCALING_CALLS = {operator.mul, operator.truediv, torch.mul, torch.div}
_DIVISIONS = {operator.truediv, torch.div}
_AFFINE_METHODS = {
    "add", "add_", "sub", "view", "reshape", "flatten", "mean", "contiguous", "permute",
    "transpose", "squeeze", "unsqueeze", "neg", "unflatten",
}  # fmt: skip
_SHAPE_METHODS = {"size", "dim"}
_SHAPE_CALLS = {getattr}
_SHAPE_NAMES = {"shape", "ndim", "dtype", "device"}


def read_program(model: nn.Module) -> Program:
    """The steps of a network in evaluation mode, in float64.

    Args:
        model: Made of affine layers, piecewise-linear activations, max-pooling and additions; its
            forward must be traceable by `torch.fx`. It is copied, not changed.

    Raises:
        UsageError: If a part is neither, naming it; if the forward cannot be traced.
    """
    model = copy.deepcopy(model).to(torch.float64).eval().requires_grad_(False)
    try:
        graph = _Tracer().trace(contained(model))
    except Exception as error:
        raise UsageError(
            f"The forward of {type(model).__name__} cannot be traced: {type(error).__name__}: "
            f"{error}. Regions need a forward without branches on values."
        ) from error
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if not bool(tensor.isfinite().all()):
            raise UsageError(f"The parameter {name} is not finite; no region can be computed.")
    steps: list[Step] = []
    entry, result = "", ""
    for node in graph.nodes:
        if node.op == "placeholder":
            if entry:
                raise UsageError("The network has several inputs; regions are of one.")
            entry = node.name
        elif node.op == "output":
            found = node.args[0]
            if not isinstance(found, fx.Node):
                raise UsageError("The network gives several outputs; one tensor is wanted.")
            result = found.name
        else:
            steps.append(_step(model, node))
    last_use: dict[str, int] = {result: len(steps)}
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    for number, node in reversed(list(enumerate(nodes))):
        is_shape = isinstance(steps[number], Affine) and steps[number].shape
        needed = last_use.get(node.name, number) if is_shape else number
        for used in node.all_input_nodes:
            last_use[used.name] = max(last_use.get(used.name, 0), needed)
    constants = frozenset(node.name for node in nodes if node.op == "get_attr")
    return Program(tuple(steps), entry, result, last_use, constants)


class _Tracer(fx.Tracer):
    """Goes into containers and users' modules, and not into layers that are known."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = isinstance(m, (*CHOOSING, *AFFINE, *POOLING)) or exported_activation(m) is not None
        return known or super().is_leaf_module(m, module_qualified_name)


def contained(model: nn.Module) -> nn.Module:
    """A layer by itself is not traced into, so it is put into a container."""
    return nn.Sequential(model) if _Tracer().is_leaf_module(model, "") else model


def _step(model: nn.Module, node: fx.Node) -> Step:
    if node.op == "get_attr":
        constant = operator.attrgetter(str(node.target))(model)
        return Affine(node.name, lambda _: constant, ())
    if node.op == "call_module":
        return _module_step(model, node)
    target, inputs = node.target, _inputs(node)
    if _is_shape(node):
        return Affine(node.name, _shape_run(node), inputs, shape=True)
    if target in _ACTIVATION_CALLS:
        source = _tensor_argument(node)
        made = _ACTIVATION_CALLS[target](*node.args, **node.kwargs)
        return Choice(node.name, source, _spelled(target), made)
    if node.op == "call_method":
        if target in _AFFINE_METHODS:
            return Affine(node.name, _affine_run(node, _method(str(target))), inputs)
        raise _unsupported(_spelled(target))
    if target is functional.dropout and _argument(node, 2, "training", True) is not False:
        raise UsageError(
            "F.dropout is called without training=self.training, so it drops units in evaluation "
            "too: what the network computes is random."
        )
    if target in _AFFINE_CALLS:
        return Affine(node.name, _affine_run(node, target), inputs)
    if target in _SCALING_CALLS:
        given = (*node.args, *node.kwargs.values())
        factors = [a for a in given if isinstance(a, fx.Node) and a.op != "get_attr"]
        below = node.args[1] if len(node.args) > 1 else node.kwargs.get("other")
        divided_by = target in _DIVISIONS and any(below is f for f in factors)
        rounded = node.kwargs.get("rounding_mode") is not None
        if len(factors) > 1 or divided_by or rounded:
            raise UsageError(
                f"{_spelled(target)} of two tensors is no piecewise-linear step; only products "
                "with numbers and quotients by numbers are."
            )
        return Affine(node.name, _scaling_run(node, target), inputs)
    raise _unsupported(_spelled(target))


def _argument(node: fx.Node, place: int, name: str, default: Any) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def _inputs(node: fx.Node) -> tuple[str, ...]:
    return tuple(used.name for used in node.all_input_nodes)


def _method(name: str) -> Callable[..., Any]:
    def call(x: Tensor, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    return call


def _module_step(model: nn.Module, node: fx.Node) -> Step:
    module = model.get_submodule(str(node.target)) if node.target else model
    label = str(node.target)
    if isinstance(module, POOLING):
        return Largest(node.name, _tensor_argument(node), label, module)
    if isinstance(module, CHOOSING) or exported_activation(module) is not None:
        return Choice(node.name, _tensor_argument(node), label, module)
    if isinstance(module, AFFINE):
        _require_fixed(module)
        return Affine(node.name, _layer_run(node, module), _inputs(node))
    raise UsageError(
        f"The layer {label} is a {type(module).__name__}, which is neither affine nor one of the "
        "piecewise-linear layers that are known: ReLU, LeakyReLU, ReLU6, Hardtanh, abs, MaxPool. "
        "For smooth activations of the catalogue use '--approx pwl:K'; 'rescu net swap' puts them "
        "in."
    )


def _require_fixed(module: nn.Module) -> None:
    normalising = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    if normalising and (module.running_mean is None or module.running_var is None):
        raise UsageError(
            "A batch normalisation without running statistics depends on the batch; no region can "
            "be computed."
        )
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and bool(
        (module.get_buffer("running_var") + module.eps <= 0).any()
    ):
        raise UsageError(
            "A batch normalisation has a negative variance; no region can be computed."
        )


def _tensor_argument(node: fx.Node) -> str:
    first = node.args[0] if node.args else node.kwargs.get("input")
    if not isinstance(first, fx.Node):
        raise UsageError(f"The call {node.name} has no tensor as its first argument.")
    return first.name


def _arguments(
    node: fx.Node, values: Values, change: Callable[[fx.Node, Any], Any] = lambda _, value: value
) -> tuple[Any, Any]:
    """A call's arguments, each that is a value of the network changed as asked."""

    def value(entry: fx.Node) -> Any:
        return change(entry, values[entry.name])

    return fx.map_arg(node.args, value), fx.map_arg(node.kwargs, value)


def _depends(entry: fx.Node, value: Any) -> bool:
    return isinstance(value, Tensor) and entry.op != "get_attr"


def _affine_run(node: fx.Node, function: Callable[..., Any]) -> Callable[[Values], Any]:
    """The linear part on all three coefficients, and the constant on the third alone.

    The linear part is the call with 0 in place of every constant that is added. To run the call as
    it is and take its constant off again would leave the rounding of their sum in the slopes.
    """
    added = _ADDED.get(node.target, ())

    def linear(entry: fx.Node, value: Any) -> Any:
        constant = isinstance(value, Tensor) and entry.op == "get_attr"
        return torch.zeros_like(value) if constant else value

    def nothing(entry: fx.Node, value: Any) -> Any:
        return torch.zeros_like(value) if _depends(entry, value) else value

    has_constant = bool(added) or any(used.op == "get_attr" for used in node.all_input_nodes)

    def run(values: Values) -> Any:
        args, kwargs = _arguments(node, values, linear)
        out = function(*[_unadded(a, i in added) for i, a in enumerate(args)],
                       **{k: _unadded(v, k in added) for k, v in kwargs.items()})  # fmt: skip
        if not has_constant:
            return out
        args, kwargs = _arguments(node, values, nothing)
        return _with_constant(out, function(*args, **kwargs))

    return run


_ADDED: dict[Any, tuple[int | str, ...]] = {
    operator.add: (0, 1), operator.iadd: (0, 1), operator.sub: (0, 1), torch.add: (0, 1, "other"),
    torch.sub: (0, 1, "other"), "add": (1, "other"), "add_": (1, "other"), "sub": (1, "other"),
    functional.pad: (3, "value"),
}  # fmt: skip
"""Arguments of calls that are numbers to be added, by place or name."""


def _unadded(value: Any, added: bool) -> Any:
    return 0 if added and isinstance(value, int | float) else value


def _scaling_run(node: fx.Node, function: Callable[..., Any]) -> Callable[[Values], Any]:
    """A product with a number or a constant tensor, or a quotient by one: linear as it is."""

    def run(values: Values) -> Any:
        args, kwargs = _arguments(node, values)
        return function(*args, **kwargs)

    return run


def _layer_run(node: fx.Node, layer: nn.Module) -> Callable[[Values], Any]:
    """The same for a layer: a twin without its constant, which is one example's."""
    twin, constants = _linear_twin(layer), dict[torch.Size, Tensor]()

    def run(values: Values) -> Tensor:
        args, kwargs = _arguments(node, values)
        x = args[0] if args else next(iter(kwargs.values()))
        if x.shape[1:] not in constants:
            constants[x.shape[1:]] = layer(torch.zeros_like(x[:1]))
        return _with_constant(twin(x), constants[x.shape[1:]])

    return run


def _linear_twin(layer: nn.Module) -> nn.Module:
    """The layer without what it adds."""
    twin = copy.deepcopy(layer)
    if isinstance(twin, nn.BatchNorm1d | nn.BatchNorm2d):
        for offset in (twin.running_mean, twin.bias):
            if offset is not None:
                offset.zero_()
    elif isinstance(getattr(twin, "bias", None), nn.Parameter):
        twin.register_parameter("bias", None)
    elif isinstance(twin, nn.ConstantPad1d | nn.ConstantPad2d):
        twin.value = 0.0
    return twin


def _with_constant(out: Tensor, constant: Tensor) -> Tensor:
    """Linear parts with the constant added to the third coefficient."""
    if not bool(constant.any()):
        return out
    out = out.reshape(-1, 3, *out.shape[1:]).clone()
    one = len(constant) == 1
    out[:, 2] += constant if one else constant.reshape(out.shape)[:, 2]
    return out.flatten(0, 1)


def _shape_run(node: fx.Node) -> Callable[[Values], Any]:
    def run(values: Values) -> Any:
        args, kwargs = _arguments(node, values)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        function: Callable[..., Any] = node.target  # type: ignore[assignment]
        return function(*args, **kwargs)

    return run


def _is_shape(node: fx.Node) -> bool:
    """Whether the node reads a size, or computes with sizes alone."""
    if node.op == "call_method" and node.target in _SHAPE_METHODS:
        return True
    if node.op == "call_function" and node.target in _SHAPE_CALLS:
        return len(node.args) > 1 and node.args[1] in _SHAPE_NAMES
    inputs = node.all_input_nodes
    return node.op == "call_function" and bool(inputs) and all(_is_shape(n) for n in inputs)


def _spelled(target: Any) -> str:
    return target if isinstance(target, str) else getattr(target, "__name__", str(target))


def _unsupported(name: str) -> UsageError:
    return UsageError(
        f"The network calls {name}, which is not known to be piecewise linear. Known are sums, "
        "products with numbers, reshaping, pooling, ReLU, leaky ReLU, hardtanh and abs."
    )
