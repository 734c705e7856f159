"""Every catalogue activation as a fast function of x and its parameters, for fitting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from scipy import special

from rescu_cli import catalogue
from rescu_cli.core.symbols import X

Array = npt.NDArray[np.float64]
_MODULES: list[Any] = [
    {
        "sigmoid": special.expit, "Phi": special.ndtr, "erf": special.erf, "erfc": special.erfc,
        "log1p": np.log1p, "expm1": np.expm1,
    },
    "numpy",
]  # fmt: skip
_SPOKEN = {
    "relu": "ReLU", "leaky_relu": "leaky ReLU", "smelu": "SmeLU", "gsmelu": "gSmeLU",
    "sau": "SAU", "smu": "SMU", "smu1": "SMU-1", "swish": "Swish (SiLU)", "gelu": "GELU",
    "gelu_tanh": "GELU's tanh approximation", "mish": "Mish", "tanhexp": "TanhExp",
    "elu": "ELU", "celu": "CELU", "selu": "SELU", "hard_swish": "hard Swish",
    "identity": "the identity",
}  # fmt: skip
"""How the literature spells what the catalogue calls by an identifier."""


def spoken(name: str) -> str:
    """A catalogue name in prose: ``ELU`` for ``elu``."""
    return _SPOKEN.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class Family:
    """A catalogue activation with its parameters open.

    Args:
        name: Catalogue name.
        parameters: Names, in order.
        defaults: Their documented defaults.
        positive: Whether each may only be positive.
        evaluate: (xs, parameter values) ↦ f(xs).
    """

    name: str
    parameters: tuple[str, ...]
    defaults: tuple[float, ...]
    positive: tuple[bool, ...]
    evaluate: Callable[[Array, Sequence[float]], Array]

    def spec(self, values: Sequence[float]) -> str:
        """``elu:alpha=1``; a default of a parameter-free family is its name."""
        if not self.parameters:
            return self.name
        pairs = zip(self.parameters, values, strict=True)
        return f"{self.name}:" + ",".join(f"{n}={v:.12g}" for n, v in pairs)

    def sentence(self, values: Sequence[float]) -> str:
        """``ELU with alpha = 1``."""
        text = spoken(self.name)
        if self.parameters:
            pairs = zip(self.parameters, values, strict=True)
            text += " with " + ", ".join(f"{n} = {v:.6g}" for n, v in pairs)
        return text


def families() -> Iterator[Family]:
    """All of them, built as they are asked for; in table order the special cases come first."""
    # What a black box computes tells ReLU; how it is trained, not.
    yield from (_family(n) for n in catalogue.names() if catalogue.get(n).surrogate is None)


@cache
def _family(name: str) -> Family:
    activation = catalogue.get(name)
    symbols = [p.symbol for p in activation.parameters]
    functions = [sp.lambdify([X, *symbols], p.value, _MODULES) for p in activation.pieces]
    ends = [sp.lambdify(symbols, b, _MODULES) for b in activation.breakpoints]

    def evaluate(xs: Array, values: Sequence[float]) -> Array:
        with np.errstate(all="ignore"):
            result = np.broadcast_to(np.asarray(functions[-1](xs, *values), float), xs.shape)
            for function, end in zip(functions[-2::-1], ends[::-1], strict=True):
                result = np.where(xs <= end(*values), function(xs, *values), result)
            return result

    return Family(
        name,
        tuple(p.name for p in activation.parameters),
        tuple(float(p.default) if p.default is not None else 1.0 for p in activation.parameters),
        tuple(p.domain.lower == 0 and p.domain.lower_open for p in activation.parameters),
        evaluate,
    )


def tidy(value: float) -> list[float]:
    """Numbers that somebody may have meant: itself with fewer and fewer digits, best last."""
    if not math.isfinite(value) or value == 0:
        return [value]
    if abs(value) < 1e-6:
        return [value, 0.0]
    return [value, *(float(f"{value:.{digits}g}") for digits in (9, 6, 4, 3, 2))]
