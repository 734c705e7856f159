"""Activations by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.core.activation import Activation


def resolve(text: str, overrides: Mapping[str, Any] | None = None) -> Activation:
    """``NAME[:param=value…]`` or a ``.json`` file as an activation, symbolic where left open.

    Args:
        text: e.g. ``smelu:beta=0.5``.
        overrides: Values for parameters that are still free and exist on this activation.
    """
    from rescu_cli import catalogue

    activation = catalogue.resolve(text)
    free = {p.name for p in activation.free_parameters}
    return activation.bind({k: v for k, v in (overrides or {}).items() if k in free})


def resolve_all(
    texts: Iterable[str], overrides: Mapping[str, Any] | None = None
) -> list[Activation]:
    """Several activations; an override must fit at least one of them.

    Raises:
        ParameterError: If no named activation has an overridden parameter.
    """
    from rescu_cli import catalogue
    from rescu_cli.errors import ParameterError

    texts = list(texts)
    bare = [catalogue.resolve(t) for t in texts]
    for key in overrides or {}:
        if not any(has_parameter(a, key) for a in bare):
            listed = ", ".join(
                f"{a.name} ({', '.join(p.name for p in a.parameters) or 'no parameters'})"
                for a in bare
            )
            raise ParameterError(
                f"None of the named activations has a parameter {key!r}: {listed}."
            )
    return [resolve(t, overrides) for t in texts]


def has_parameter(activation: Activation, name: str) -> bool:
    """Whether the activation has a parameter of that name."""
    return any(p.name == name for p in activation.parameters)
