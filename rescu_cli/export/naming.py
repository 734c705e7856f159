"""Names inside generated text."""

from __future__ import annotations

import keyword
import re

from rescu_cli.core.activation import Activation
from rescu_cli.errors import UsageError
from rescu_cli.export.reserved import reserved

_SPELLED = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "helu": "HeLU", "smelu": "SmeLU", "gsmelu": "GSmeLU",
    "softplus": "Softplus", "elu": "ELU", "celu": "CELU", "selu": "SELU", "gelu": "GELU",
    "gelu_tanh": "GELUTanh", "sau": "SAU", "smu": "SMU", "smu1": "SMU1", "tanhexp": "TanhExp",
}  # fmt: skip
"""Class names as the papers spell them; others are made from the function's name."""


def checked_name(name: str, target: str = "") -> str:
    """``name`` if generated code can use it.

    Args:
        name: What is asked for.
        target: Its own words are refused too.

    Raises:
        UsageError: If it is not an ASCII identifier, is a keyword, or is private.
    """
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        why = "a Python keyword" if keyword.iskeyword(name) else "not an identifier"
        raise UsageError(
            f"--name {name[:60]!r} is {why}; use letters, digits and underscores, e.g. 'my_act'."
        )
    if name.startswith("_") or name in _TAKEN or keyword.issoftkeyword(name):
        raise UsageError(
            f"--name {name!r} would clash with a name of the generated text; use e.g. 'my_act'."
        )
    if reserved(target, name):
        raise UsageError(
            f"--name {name!r} is a word that {target} keeps for itself; use e.g. '{name}_act'."
        )
    return name


_TAKEN = frozenset(
    {
        "x",
        "t",
        "torch",
        "np",
        "numpy",
        "sympy",
        "sp",
        "nn",
        "Tensor",
        "math",
        "annotations",
        "float",
        "int",
        "bool",
        "tuple",
        "list",
        "zip",
        "isinstance",
        "setattr",
        "getattr",
        "self",
        "super",
        "value",
        "gradient",
        "dtype",
        "tiny",
        "huge",
        "wide",
        "name",
        "like",
        "learnable",
        "forward",
        "training",
    }
)
"""Names that generated text uses itself."""


def check_parameters(activation: Activation, target: str = "") -> None:
    """Refuse parameters whose names the generated text needs for itself.

    Raises:
        UsageError: If there is one.
    """
    for p in activation.parameters:
        taken = p.name in _TAKEN or reserved(target, p.name) or p.name.startswith("_")
        if taken:
            raise UsageError(
                f"{activation.name} has a parameter called {p.name!r}, a name that generated code "
                "needs for itself; derive it again with another name, e.g. 'c'."
            )


def class_name(function: str) -> str:
    """The name of the module class: ``my_act`` gives ``MyAct``; never the function's own name."""
    made = _SPELLED.get(function) or "".join(
        part[:1].upper() + part[1:] for part in re.split(r"_+", function) if part
    )
    return f"{made}Module" if made == function else made


_NOUNS = {
    "add": "total", "sub": "difference", "mul": "product", "div": "ratio", "min": "capped",
    "max": "floored", "neg": "mirrored", "abs": "size", "sqrt": "root", "exp": "power",
    "expm1": "power", "log": "logarithm", "log1p": "logarithm", "sigmoid": "gate", "Phi": "gate",
    "tanh": "gate", "erf": "gate", "erfc": "tail", "sin": "wave", "cos": "wave", "atan": "angle",
    "step": "passed",
}  # fmt: skip


class Namer:
    """Readable names for temporaries: what they are, numbered from the second on."""

    def __init__(self, taken: frozenset[str] | set[str]) -> None:
        self._taken = set(taken)

    def __call__(self, op: str) -> str:
        noun = _NOUNS[op]
        name, number = noun, 1
        while name in self._taken:
            number += 1
            name = f"{noun}_{number}"
        self._taken.add(name)
        return name
