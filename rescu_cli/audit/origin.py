"""Which frameworks a callable is written for, read off the names that its code uses.

A file may import torch for one function and NumPy for the next.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

KNOWN = ("torch", "jax", "numpy", "math")
_DEEP = 4
"""Functions of the same file that call each other are followed this far."""


def frameworks_used(subject: Any) -> frozenset[str]:
    """Those of `KNOWN` that a callable is made of or refers to; empty if its code tells nothing.

    Example:
        >>> import math
        >>> sorted(frameworks_used(lambda x: math.tanh(x)))
        ['math']
    """
    return frozenset(_used(subject, _DEEP))


def _used(subject: Any, depth: int) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(subject, functools.partial):
        yield from _used(subject.func, depth)
        return
    if isinstance(subject, ModuleType):
        yield from _root(subject.__name__)
        return
    kind = subject if isinstance(subject, type) else type(subject)
    for ancestor in kind.__mro__:
        yield from _root(ancestor.__module__)
    yield from _root(getattr(subject, "__module__", None) or "")
    for function in _functions(subject, kind):
        for name in _names(function.__code__):
            if name in function.__globals__:
                yield from _used(function.__globals__[name], depth - 1)


def _root(module: str) -> Iterator[str]:
    root = module.partition(".")[0]
    if root in KNOWN:
        yield root


def _functions(subject: Any, kind: type) -> list[Any]:
    """The Python functions that run when it is called."""
    found = inspect.unwrap(subject) if callable(subject) else subject
    if inspect.isfunction(found) or inspect.ismethod(found):
        return [getattr(found, "__func__", found)]
    own = [vars(kind).get(n) for n in ("__call__", "forward", "__init__")]
    plain = [getattr(f, "__func__", f) for f in own]
    return [f for f in plain if inspect.isfunction(f)]


def _names(code: CodeType) -> set[str]:
    """Global names of a piece of code and of the lambdas within it."""
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*map(_names, inner))
