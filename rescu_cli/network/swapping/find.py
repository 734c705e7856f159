"""Which activations a forward calls: by a symbolic trace, or else by the names in its code."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from rescu_cli.network.swapping.sources import SOURCES, Source, spelled


@dataclass(frozen=True)
class Found:
    """What is known about one module's own forward; its children have their own.

    Args:
        calls: (activation, spelling) of every call on the traced path.
        words: Names of activations in its code and in methods it names.
        failure: Why it could not be traced, or None.
    """

    calls: tuple[tuple[Source, str], ...]
    words: frozenset[str]
    failure: str | None

    def mentions(self, source: Source) -> list[str]:
        """Names of an activation in the code, sorted."""
        return sorted(source.words & self.words)


class _Own(fx.Tracer):
    """Traces one forward; every child is a leaf."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def find(module: nn.Module) -> Found:
    """Look into a module's own forward without running it on data."""
    words = frozenset(_words(type(module)))
    try:
        graph = _Own().trace(module)
    except Exception as error:  # noqa: BLE001  # reason: a user's code may raise anything
        text = " ".join(str(error).split())
        shown = f"{type(error).__name__}: {text[:120]}" if text else type(error).__name__
        return Found((), words, shown)
    return Found(tuple(_calls(graph)), words, None)


def _calls(graph: fx.Graph) -> Iterator[tuple[Source, str]]:
    for node in graph.nodes:
        if node.op not in ("call_function", "call_method"):
            continue
        for source in SOURCES.values():
            if source.is_call(node.target, node.kwargs):
                yield source, spelled(node.target)


def _words(owner: type[Any]) -> set[str]:
    """Names in the code of forward, of the methods it names, and of theirs."""
    words: set[str] = set()
    waiting, seen = ["forward"], set()
    while waiting:
        name = waiting.pop()
        method = getattr(owner, name, None)
        if name in seen or not isinstance(method, types.FunctionType):
            continue
        seen.add(name)
        if (method.__module__ or "").partition(".")[0] == "torch" and name != "forward":
            continue  # nn.Module's own methods
        named = set(_names(method.__code__))
        words |= named
        waiting += named
        # A helper of the same file: one step is enough to be told about.
        for word in named:
            helper = method.__globals__.get(word)
            if isinstance(helper, types.FunctionType) and helper.__module__ == method.__module__:
                words |= set(_names(helper.__code__))
    return words


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
