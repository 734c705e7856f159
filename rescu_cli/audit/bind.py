"""Parameters such as beta are handed over by keyword wherever the signature has that name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rescu_cli.audit.errors import NoCallableError, RaisesError, SignatureError
from rescu_cli.audit.guard import describe, quietly
from rescu_cli.audit.load import Loaded

_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Bound:
    """A callable of x alone.

    Args:
        loaded: Where it is from.
        values: The numbers that were offered.
        taken: Names of those that the callable takes.
        function: x ↦ result, in whatever framework.
        owner: The ``nn.Module`` that is called, if it is one.
    """

    loaded: Loaded
    values: Mapping[str, float]
    taken: tuple[str, ...]
    function: Callable[[Any], Any]
    owner: Any = None

    def again(self, **values: float) -> Bound:
        """The same callable with other numbers."""
        return bind(self.loaded, {**self.values, **values})


def bind(loaded: Loaded, values: Mapping[str, float]) -> Bound:
    """Fix every parameter of a callable that has a number; a class is instantiated first.

    Raises:
        SignatureError: If an argument without a default gets no number.
        RaisesError: If a constructor raises.
        NoCallableError: If the instances of a class cannot be called.
    """
    subject: Any = loaded.subject
    taken: list[str] = []
    if isinstance(subject, type):
        if hasattr(subject, "apply") and hasattr(subject, "backward"):
            return _autograd_function(loaded, values)
        wanted = _keywords(subject, loaded, values, skip=0)
        taken += wanted
        try:
            with quietly():
                subject = subject(**wanted)
        except Exception as error:
            shown = ", ".join(f"{k}={v:g}" for k, v in wanted.items())
            raise RaisesError(
                f"{loaded.text} raises when made with ({shown}): {describe(error, loaded.path)}."
            ) from error
        if not callable(subject):
            raise NoCallableError(
                f"{loaded.text} is a class whose instances cannot be called; name one with "
                "forward or __call__, or a function."
            )
    rest = {k: v for k, v in values.items() if k not in taken}
    called = getattr(subject, "forward", subject)
    wanted = _keywords(called, loaded, rest, skip=1)
    owner = subject if hasattr(subject, "forward") and hasattr(subject, "state_dict") else None

    def function(x: Any) -> Any:
        return subject(x, **wanted)

    return Bound(loaded, dict(values), (*taken, *wanted), function, owner)


def _autograd_function(loaded: Loaded, values: Mapping[str, float]) -> Bound:
    """A ``torch.autograd.Function``: called by ``apply``, which takes no keywords."""
    wanted = _keywords(loaded.subject.forward, loaded, values, skip=2)
    parameters = list(inspect.signature(loaded.subject.forward).parameters.values())[2:]
    arguments = [wanted.get(p.name, p.default) for p in parameters if p.kind not in _OPEN]

    def function(x: Any) -> Any:
        return loaded.subject.apply(x, *arguments)

    return Bound(loaded, dict(values), tuple(wanted), function)


def _keywords(
    called: Any, loaded: Loaded, values: Mapping[str, float], *, skip: int
) -> dict[str, float]:
    """Those of ``values`` that ``called`` takes beyond its first ``skip`` arguments."""
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):  # built-in functions tell no signature
        return {}
    # What functools.partial has fixed is the author's choice, not ours to replace.
    chosen = called.keywords if isinstance(called, partial) else {}
    others = [p for p in parameters[skip:] if p.kind not in _OPEN and p.name not in chosen]
    if skip and not parameters:
        raise SignatureError(f"{loaded.text} takes no argument; it must take x.")
    missing = [p.name for p in others if p.default is p.empty and p.name not in values]
    if missing:
        raise SignatureError(
            f"{loaded.text} needs a number for {', '.join(missing)}; give it with "
            f"--set {missing[0]}=1, or a default in the file."
        )
    positional = [p.name for p in others if p.kind is p.POSITIONAL_ONLY and p.name in values]
    if positional:
        raise SignatureError(f"{loaded.text}: {positional[0]} cannot be given by name.")
    return {p.name: values[p.name] for p in others if p.name in values}
