"""`swap`: exchange activations of a model, and say what was exchanged and what was not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import fx, nn

from rescu_cli import catalogue
from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.export import torch_functions
from rescu_cli.network.swapping.find import Found, find
from rescu_cli.network.swapping.fused import LAYERS, fused_reason, release_fast_path, set_activation
from rescu_cli.network.swapping.redirect import New, Rules, has_own_forward, redirect
from rescu_cli.network.swapping.report import Kept, Replaced, Swap
from rescu_cli.network.swapping.sources import SOURCES, Source, sources

ROOT = "(model)"


def swap(
    model: nn.Module, to: str | Activation, *, source: Sequence[str] = ("relu",),
    untraced: bool = False,
) -> Swap:  # fmt: skip
    """Exchange activations of a model by an exported one, in place.

    Modules (``nn.ReLU``) are replaced wherever they hang, shared ones by one shared module; their
    hooks move over. Calls (``F.relu``, ``torch.relu``, ``x.relu_()``) are found by tracing each
    module's own forward and redirected while that forward runs; the forward itself, parameters,
    keys of the state_dict, hooks, dtype, device and train/eval mode stay as they are. What works
    in place still does.

    Args:
        model: Any module that is not compiled yet; copy it first if the old one is needed too.
        to: An activation, e.g. ``smelu:beta=1``; parameters left open take their defaults.
        source: Names of torch's activations: relu, relu6, leaky_relu, swish (silu), gelu, …
        untraced: Redirect also the forwards that cannot be traced but speak of an activation. Their
            calls cannot be listed one by one.

    Raises:
        UsageError: If the model is compiled or scripted, or a name is unknown.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.ReLU6())
        >>> done = swap(net, "smelu:beta=1")
        >>> net[1], [(k.name, k.reason) for k in done.kept]
        (SmeLU(beta=1), [('2', 'relu6 was not asked for')])
    """
    return _Exchange(model, to, sources(source), untraced).run()


class _Exchange:
    def __init__(
        self, model: nn.Module, to: str | Activation, asked: tuple[Source, ...], untraced: bool
    ) -> None:
        if not asked:
            raise UsageError("Nothing to exchange: name an activation, e.g. --from relu.")
        activation = catalogue.resolve(to) if isinstance(to, str) else to
        functions = torch_functions(activation.with_defaults())
        words = "|".join(sorted({w for s in asked for w in s.words}))
        # What the new activation itself calls must not be redirected to it.
        clash = re.search(rf"\.({words})\(", functions.source) is not None
        self.new = New(functions.artifact.activation.spec, functions.function, functions.module,
                       clash)  # fmt: skip
        self.model, self.asked, self.untraced = model, asked, untraced
        self.rules: Rules = tuple((s, self.new) for s in asked)
        self.names: dict[int, list[str]] = {}
        self.modules: dict[int, nn.Module] = {}
        self.replaced: list[Replaced] = []
        self.kept: list[Kept] = []
        self.redirected: set[str] = set()
        self.waiting: list[tuple[nn.Module, Found, list[str]]] = []

    def run(self) -> Swap:
        _refuse(self.model)
        for name, module in self.model.named_modules(remove_duplicate=False):
            self.names.setdefault(id(module), []).append(name)
            self.modules[id(module)] = module
        for key, module in self.modules.items():
            self._visit(module, self.names[key])
        self._settle()
        for module in reversed(list(self.model.modules())):  # an encoder after its layers
            release_fast_path(module)
        order = {n or ROOT: i for i, n in enumerate(n for ns in self.names.values() for n in ns)}
        return Swap(
            self.model, self.new.spec, tuple(s.name for s in self.asked),
            tuple(sorted(self.replaced, key=lambda r: order[r.name])),
            tuple(sorted(self.kept, key=lambda k: order[k.name])),
        )  # fmt: skip

    # -- one module -------------------------------------------------------------------------

    def _visit(self, module: nn.Module, names: list[str]) -> None:
        known = next((s for s in SOURCES.values() if s.is_module(module)), None)
        if known is not None:
            if known in self.asked:
                self._replace(module, names)
            else:
                self._keep(names, repr(module), f"{known.name} was not asked for", asked=False)
        elif isinstance(module, torch.jit.ScriptModule):
            self._keep(names, type(module).__name__, "TorchScript: its code is fixed", asked=True)
        elif isinstance(module, LAYERS):
            self._layer(module, names)
        elif (reason := fused_reason(module, self.asked)) is not None:
            self._keep(names, type(module).__name__, reason, asked=True)
        elif _is_users(module):
            self._forward(module, names)

    def _replace(self, module: nn.Module, names: list[str]) -> None:
        new = self.new.make(in_place=bool(getattr(module, "inplace", False)))
        new.train(module.training)
        for attribute in _HOOKS:  # the same dictionaries, so that a handle still removes its hook
            if attribute in vars(module):
                setattr(new, attribute, vars(module)[attribute])
        for name in names:
            if not name:
                self.model = new
            else:
                parent, _, last = name.rpartition(".")
                self.model.get_submodule(parent)._modules[last] = new
            self._done([name], "module", repr(module), repr(new))

    def _layer(self, layer: nn.Module, names: list[str]) -> None:
        """A transformer layer of torch, whose activation is an attribute."""
        held = layer.activation
        if isinstance(held, nn.Module):
            return  # a child like any other
        for source in SOURCES.values():
            if source.is_call(held, {}):
                if source in self.asked:
                    set_activation(layer, self.new.make(in_place=False))
                    self._done(names, "attribute", f"activation = {source.name}", self.new.spec)
                else:
                    self._keep(names, f"activation = {source.name}",
                               f"{source.name} was not asked for", asked=False)  # fmt: skip
                return
        shown = getattr(held, "__name__", repr(held))
        self._keep(names, f"activation = {shown}", "a function of its user; what it computes is "
                   "not known here", asked=True)  # fmt: skip

    def _forward(self, module: nn.Module, names: list[str]) -> None:
        """A module with a forward of its user's."""
        found = find(module)
        mine = [spelling for source, spelling in found.calls if source in self.asked]
        for source, spelling in found.calls:
            if source not in self.asked:
                self._keep(names, spelling, f"{source.name} was not asked for", asked=False)
        words = [w for s in self.asked for w in found.mentions(s)]
        if has_own_forward(module):
            if mine or words:
                self._keep(names, "forward", "its forward was replaced on the instance, and names "
                           + ", ".join(words or mine), asked=True)  # fmt: skip
        elif "checkpoint" in found.words and (mine or words):
            # A redirect would answer the first computation and miss the second: wrong gradients.
            self._keep(names, "forward", "recomputes its calls in the backward pass (checkpoint); "
                       "make the activation a module", asked=True)  # fmt: skip
        elif mine:
            self._redirect(module, names)
            for spelling in mine:
                self._done(names, "call", spelling, self.new.spec)
        elif words or found.failure is not None:
            self.waiting.append((module, found, words))

    def _settle(self) -> None:
        """Forwards in which no call was found for sure.

        Below a redirected forward their calls are redirected with it. Else they are left alone, as
        nobody could say what was exchanged.
        """
        for module, found, words in self.waiting:
            names = self.names[id(module)]
            with_parent = any(_above(p, n) for p in self.redirected for n in names)
            what = f"calls in forward that cannot be listed ({', '.join(words)})"
            if words and (self.untraced or with_parent):
                self._redirect(module, names)
                self._done(names, "call", what, self.new.spec)
            elif found.failure is None:
                if not _makes_modules_only(found, self.asked):
                    self._keep(names, ", ".join(words), "named in code that the trace of its "
                               "forward did not reach", asked=True)  # fmt: skip
            else:
                spoken = f"; its code names {', '.join(words)}" if words else (
                    "; its code names no activation that was asked for"
                )  # fmt: skip
                self._keep(names, "forward", f"cannot be traced ({found.failure}){spoken}",
                           asked=bool(words))  # fmt: skip

    # -- bookkeeping ------------------------------------------------------------------------

    def _redirect(self, module: nn.Module, names: list[str]) -> None:
        redirect(module, self.rules)
        self.redirected.update(names)

    def _done(self, names: list[str], kind: str, old: str, new: str) -> None:
        self.replaced += [Replaced(n or ROOT, kind, old, new) for n in names]

    def _keep(self, names: list[str], old: str, reason: str, *, asked: bool) -> None:
        self.kept += [Kept(n or ROOT, old, reason, asked) for n in names]


_HOOKS = (
    "_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called",
    "_forward_pre_hooks", "_forward_pre_hooks_with_kwargs", "_backward_hooks",
    "_backward_pre_hooks", "_is_full_backward_hook",
)  # fmt: skip


def _refuse(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise UsageError(f"A model is an nn.Module; found {type(model).__name__}.")
    if isinstance(model, torch.jit.ScriptModule):
        raise UsageError("The model is TorchScript, whose code is fixed; swap before scripting it.")
    for name, module in model.named_modules():
        if hasattr(module, "_orig_mod"):
            raise UsageError(
                f"{name or 'The model'} is compiled already; swap first and compile after: "
                "swap(model._orig_mod, …)."
            )


def _is_users(module: nn.Module) -> bool:
    """Whether its forward is not torch's own."""
    if isinstance(module, fx.GraphModule):
        return True
    forward = getattr(type(module), "forward", None)
    return getattr(forward, "__module__", "torch").partition(".")[0] != "torch" or (
        type(module).__module__.partition(".")[0] != "torch"
        and any(s.module in type(module).__mro__ for s in SOURCES.values())
    )


def _makes_modules_only(found: Found, asked: Sequence[Source]) -> bool:
    """Whether the code names a class only, e.g. ``isinstance(m, nn.ReLU)``."""
    functions = {w for s in asked for w in s.words} - {s.module.__name__ for s in asked}
    return not (functions & found.words)


def _above(parent: str, name: str) -> bool:
    return parent != name and (not parent or name.startswith(f"{parent}."))
