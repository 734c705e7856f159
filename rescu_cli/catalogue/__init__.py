"""Named activations: formula, source, equation. Built when first asked for."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rescu_cli.catalogue.table import ALIASES, TABLE
from rescu_cli.errors import ParameterError, StoreError, UnknownNameError, UnsupportedError

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation

__all__ = ["get", "load", "names", "resolve"]


def names() -> tuple[str, ...]:
    """All catalogue names, in table order, without aliases."""
    return tuple(TABLE)


@cache
def get(name: str) -> Activation:
    """The activation called ``name`` (or an alias of it), with symbolic parameters.

    Raises:
        UnknownNameError: If there is none.

    Example:
        >>> get("smelu").pieces[1].value
        (beta + x)**2/(4*beta)
    """
    entry = TABLE.get(ALIASES.get(name, name))
    if entry is None:
        raise UnknownNameError("activation", name[:60], [*TABLE, *ALIASES],
                               "'rescu list' shows all.")  # fmt: skip
    activation: Activation = getattr(
        import_module(f"rescu_cli.catalogue.{entry.module}"), entry.builder
    )()
    return activation


def resolve(text: str) -> Activation:
    """``NAME[:param=value[,param=value…]]``, or a file written by ``derive --out``.

    Parameters left out stay symbolic.

    Raises:
        UnknownNameError: If no activation has that name.
        ParameterError: If a parameter is unknown, repeated, malformed or outside its domain.
        StoreError: If the file cannot be read.

    Example:
        >>> resolve("smelu:beta=0.5").spec
        'smelu:beta=0.5'
    """
    from rescu_cli.core.parse import parse_number  # reason: names() must not load sympy

    head, colon, tail = text.strip().partition(":")
    if head.endswith(".py"):
        raise UnsupportedError(
            f"{text!r} is a callable in a file; only verify, approx and bench take those."
        )
    activation = load(Path(head)) if head.endswith(".json") else get(head)
    if not colon:
        return activation
    values = {}
    for part in tail.split(","):
        name, equals, value = (s.strip() for s in part.partition("="))
        if not (name and equals and value):
            raise ParameterError(
                f"Cannot read {part!r} in {text!r}; write {head}:name=value[,name=value]."
            )
        if name in values:
            raise ParameterError(f"{name} is given twice in {text!r}.")
        values[name] = parse_number(value)
    return activation.bind(values)


def load(path: Path) -> Activation:
    """Read an activation that ``derive --out`` wrote.

    Raises:
        StoreError: If there is no such file, or it is not such a file.
    """
    from rescu_cli.core.activation import Activation

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise StoreError(f"{path} holds no activation; write one with: rescu derive ... --out")
    return Activation.from_dict(data)
