"""How activations and numbers are written in figures: SmeLU β=0.5."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from rescu_cli.core.activation import Activation

_SPELLING = {
    "relu": "ReLU", "leaky_relu": "leaky ReLU", "helu": "HeLU", "smelu": "SmeLU",
    "gsmelu": "gSmeLU", "squareplus": "squareplus", "sau": "SAU", "smu": "SMU", "smu1": "SMU-1",
    "swish": "Swish", "hard_swish": "hard Swish", "gelu": "GELU", "gelu_tanh": "GELU (tanh)",
    "mish": "Mish", "tanhexp": "TanhExp", "elu": "ELU", "celu": "CELU", "selu": "SELU",
    "rescu": "RESCU",
}  # fmt: skip
"""The spelling of the papers where it is not the plain name."""
_LETTER = {
    "alpha": "α", "beta": "β", "gamma": "γ", "lambda": "λ", "mu": "μ", "sigma": "σ",
    "g_minus": "g₋", "g_plus": "g₊",
}  # fmt: skip


def name_label(name: str) -> str:
    """An activation's name as it is printed.

    Example:
        >>> name_label("rescu_cosine")
        'RESCU cosine'
    """
    if name in _SPELLING:
        return _SPELLING[name]
    head, _, tail = name.partition("_")
    return f"{_SPELLING.get(head, head)} {tail.replace('_', ' ')}".strip()


def letter(parameter: str) -> str:
    """The papers' letter of an ASCII parameter name: ``beta`` → β."""
    return _LETTER.get(parameter, parameter)


def number_label(value: sp.Expr | float, digits: int = 4) -> str:
    """At most ``digits`` significant digits, with a true minus sign."""
    return f"{float(value):.{digits}g}".replace("-", "\N{MINUS SIGN}")


def activation_label(activation: Activation) -> str:
    """Name and bound parameters in readable form."""
    bound = [
        f"{letter(p.name)}={number_label(p.value)}"
        for p in activation.parameters
        if p.value is not None
    ]
    marked = [] if activation.surrogate is None else [SURROGATE]
    return " ".join([name_label(activation.name), ", ".join(bound), *marked]).strip()


def entry_label(entry: Mapping[str, Any]) -> str:
    """The same for an entry of a result: ``activation``, and ``surrogate`` if there is one."""
    marked = "" if entry.get("surrogate") is None else f" {SURROGATE}"
    return spec_label(entry["activation"]) + marked


SURROGATE = "(backward: not the gradient of f)"
"""Beside the name of an activation that is trained with another gradient than its own."""


def spec_label(spec: str) -> str:
    """The same for an activation that is only known as text, e.g. ``smelu:beta=0.5``.

    Example:
        >>> spec_label("smelu:beta=0.5")
        'SmeLU β=0.5'
    """
    name, _, tail = spec.partition(":")
    shown = []
    for part in filter(None, tail.split(",")):
        key, equals, value = part.partition("=")
        shown.append(f"{letter(key.strip())}{equals}{value.strip()}")
    return " ".join([name_label(name), ", ".join(shown)]).strip()


def distinct_labels(activations: Sequence[Activation]) -> list[str]:
    """One label each; where rounding makes two the same, the exact specs instead."""
    labels = [activation_label(a) for a in activations]
    often = Counter(labels)
    return [
        a.spec if often[label] > 1 else label for a, label in zip(activations, labels, strict=True)
    ]


def wrapped(label: str, width: int) -> str:
    """The label on lines of at most ``width`` characters where it can be broken."""
    return "\n".join(textwrap.wrap(label, width, break_on_hyphens=False)) or label
