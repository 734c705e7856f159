"""Counting by one run: in whatever spelling, ReLUs reach the dispatcher as a few operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules import module as hooks
from torch.utils._python_dispatch import TorchDispatchMode

from rescu_cli.errors import UsageError
from rescu_cli.network.relus.operations import is_zero_maker, see, see_prelu
from rescu_cli.network.relus.report import LayerCount, ReluCount, require_stem

ROOT = "(model)"
aten = torch.ops.aten


def count_relus(
    model: nn.Module,
    input_shape: Sequence[int],
    *,
    name: str = "model",
    stem: Sequence[str] | None = None,
) -> ReluCount:
    """Count ReLUs and MACs of one example by running a copy of the model once, in eval mode.

    The copy runs on the meta device, where tensors have shapes and no numbers; a model whose
    forward needs numbers runs on zeros instead. A ReLU is every element of a result of
    ``aten::relu``, of ``clamp(min=0)``, of ``threshold(0, 0)`` and of ``maximum(·, 0)``: modules,
    functions and methods alike end there. One module that is called twice counts twice. What is
    neither a ReLU nor known to be linear is listed in ``others``, also what is not recognised. A
    channel of ``nn.PReLU`` is a ReLU where its slope is 0, and linear where it is 1: this is how
    networks with ReLUs left out are saved.

    Without a word about it, the stem is the first ReLU called (that call alone, even if its module
    is called again), if it happens in the network itself or a direct child while a later one lies
    deeper, or if it is the only one of its stage while a later stage has several: ResNets have such
    a stem, plain chains have none.

    Args:
        model: Stays as it is.
        input_shape: Of one example, (channels, height, width) or another shape.
        name: For the report.
        stem: Names of the layers all of whose ReLUs are the stem's; empty for none.

    Raises:
        UsageError: If the shape does not fit, or no ReLU is met.

    Example:
        >>> count_relus(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), (3,)).total
        8
    """
    shape = tuple(input_shape)
    if not shape or min(shape) < 1:
        raise UsageError(f"An input of shape {shape} asked; every size must be at least 1.")
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError("The model is TorchScript, whose calls cannot be watched.")
    names, census, n_parameters = _run(model, shape)
    totals: dict[str, int] = {}
    for layer_name, number in census.relus:
        totals[layer_name] = totals.get(layer_name, 0) + number
    if not totals:
        met = ", ".join(f"{k} ({v:,})" for k, v in sorted(census.others.items()))
        raise UsageError(
            f"No ReLU was met when {name} ran on an input of {_spelled(shape)}; met: "
            f"{met or 'no other activation either'}. What counts: nn.ReLU, F.relu, torch.relu, "
            "clamp(min=0), maximum with zeros."
        )
    if stem is None:
        of_stem = dict(census.relus[:1]) if _has_stem(census.relus) else {}
    else:
        require_stem(stem, list(totals))
        of_stem = {layer_name: totals[layer_name] for layer_name in stem}
    layers = tuple(
        LayerCount(n, _stage(n), census.shapes[n], totals.get(n, 0), census.macs.get(n, 0),
                   of_stem.get(n, 0))
        for n in names
        if totals.get(n, 0) or census.macs.get(n, 0)
    )  # fmt: skip
    return ReluCount(name, shape, layers, dict(sorted(census.others.items())), n_parameters)


def _stage(name: str) -> str:
    return name.partition(".")[0]


def _has_stem(calls: Sequence[tuple[str, int]]) -> bool:
    first, later = calls[0][0], [name for name, _ in calls[1:]]
    if "." not in first:
        return any("." in name for name in later)
    stages = [_stage(name) for name in later if "." in name]
    return _stage(first) not in stages and len(set(stages)) < len(stages)


def _run(model: nn.Module, shape: tuple[int, ...]) -> tuple[list[str], _Census, int]:
    first = next(model.parameters(), torch.zeros(()))
    x = torch.zeros(1, *shape, dtype=first.dtype)
    with suppress(Exception):  # a user's forward may raise anything where there are no numbers
        return _watched(deepcopy(model).to("meta"), x.to("meta"), _slopes(model))
    try:
        return _watched(deepcopy(model).cpu(), x, _slopes(model))
    except _FusedError as error:
        raise UsageError(str(error)) from None
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise UsageError(
            f"The model does not run on an input of shape {_spelled(shape)} (one example, without "
            f"the batch): {text}"
        ) from error


def _slopes(model: nn.Module) -> dict[str, Tensor]:
    """Of each PReLU whose numbers are known."""
    return {
        name or ROOT: module.weight.detach().cpu()
        for name, module in model.named_modules()
        if isinstance(module, nn.PReLU) and not module.weight.is_meta
    }


def _watched(
    model: nn.Module, x: Tensor, slopes: dict[str, Tensor]
) -> tuple[list[str], _Census, int]:
    model.eval()
    names = {id(m): n or ROOT for n, m in reversed(list(model.named_modules()))}
    order: list[str] = []
    census = _Census(slopes)
    with _inside(names, census.stack, order), _in_single_steps(), torch.enable_grad(), census:
        model(x)
    # Not before the run: lazy layers learn their sizes from it.
    n_parameters = sum(p.numel() for p in model.parameters())
    # A module enters before its children; its own ops may come after theirs.
    return sorted(dict.fromkeys(order), key=lambda n: census.first.get(n, 0)), census, n_parameters


@contextmanager
def _in_single_steps() -> Iterator[None]:
    """Keeps torch from running whole layers in one kernel, which would hide what is in them."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


class _FusedError(Exception):
    """An operation in which nothing can be counted."""


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what each module's own code does.

    Args:
        slopes: Of each PReLU by its name.

    Attributes:
        stack: Names of the modules that are running, the innermost last.
        relus: One (module, number) for every call of a ReLU, in order.
        macs: Per module.
        others: What is not linear either, with numbers.
        shapes: Of each module's last ReLU, or of its first product.
        first: Place of each module among those that did something.
    """

    def __init__(self, slopes: Mapping[str, Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._slopes = slopes
        self.stack: list[str] = []
        self.relus: list[tuple[str, int]] = []
        self.macs: dict[str, int] = {}
        self.others: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.first: dict[str, int] = {}
        # Tensors on the meta device have no numbers; zeros are known by what made them. They are
        # kept alive, so that no other tensor gets their address.
        self._zeros: dict[int, Tensor] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Run one operation and note it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        name = self.stack[-1] if self.stack else ROOT
        zeros = [isinstance(a, Tensor) and _storage(a) in self._zeros for a in args]
        if packet is aten._prelu_kernel and name in self._slopes:
            seen = see_prelu(self._slopes[name], out.numel())
        else:
            seen = see(packet, args, kwargs, out, zeros)
        if seen.fused:
            raise _FusedError(
                f"The model runs {seen.fused}, a whole layer in one kernel, in which no ReLU can "
                "be counted. Write that layer with single ones."
            )
        if seen.relus:
            self._note(name, out)
            self.relus.append((name, seen.relus))
            self.shapes[name] = tuple(out.shape[1:])
        if seen.macs:
            self._note(name, out[0] if isinstance(out, tuple) else out)
            self.macs[name] = self.macs.get(name, 0) + seen.macs
        for label, number in (seen.others or {}).items():
            self.others[label] = self.others.get(label, 0) + number
        self._follow_zeros(func, packet, args, out, any(zeros))
        return out

    def _note(self, name: str, out: Tensor) -> None:
        self.first.setdefault(name, len(self.first))
        self.shapes.setdefault(name, tuple(out.shape[1:]))

    def _follow_zeros(
        self, func: Any, packet: Any, args: Sequence[Any], out: Any, from_zeros: bool
    ) -> None:
        if not isinstance(out, Tensor):
            return
        moved = from_zeros and packet in _COPIES
        constant = packet is aten.lift_fresh and not out.is_meta and not bool(out.any())
        if is_zero_maker(packet, args) or moved or constant:
            self._zeros[_storage(out)] = out
        elif func._schema.is_mutable and args and isinstance(args[0], Tensor):
            self._zeros.pop(_storage(args[0]), None)


_COPIES = {aten.clone, aten._to_copy, aten.lift_fresh, aten.repeat}


def _storage(tensor: Tensor) -> int:
    """The same for a tensor and its views."""
    return int(tensor.untyped_storage()._cdata)


@contextmanager
def _inside(names: dict[int, str], stack: list[str], order: list[str]) -> Iterator[None]:
    """Keeps the name of the module whose forward is running on top of the stack."""

    def enter(module: nn.Module, args: Any) -> None:
        stack.append(names.get(id(module), type(module).__name__))
        order.append(stack[-1])

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        stack.pop()

    before = hooks.register_module_forward_pre_hook(enter)
    after = hooks.register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        before.remove()
        after.remove()


def _spelled(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
