"""Polynomials and rational functions close to an activation, with proved bounds on the error.

    Activation ──target──▶ Target ──fit (dapa | least_squares | remez | pade)──▶ Approximant
                              └──────────── bound, escape (balls) ─────────────▶ Approximation

The methods and what is proved of them: docs/approx.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rescu_cli.approximate.bound import SupError, judge_bound, sup_error
    from rescu_cli.approximate.channels import ChannelFit, fit_channels
    from rescu_cli.approximate.emitted import as_activation
    from rescu_cli.approximate.polynomial import Polynomial
    from rescu_cli.approximate.quotient import Quotient
    from rescu_cli.approximate.request import METHODS, Request
    from rescu_cli.approximate.result import Approximation
    from rescu_cli.approximate.run import approximate
    from rescu_cli.approximate.target import Target

_MODULE = {
    "Approximation": "result",
    "ChannelFit": "channels",
    "METHODS": "request",
    "Polynomial": "polynomial",
    "Quotient": "quotient",
    "Request": "request",
    "SupError": "bound",
    "Target": "target",
    "approximate": "run",
    "as_activation": "emitted",
    "fit_channels": "channels",
    "judge_bound": "bound",
    "sup_error": "bound",
}

__all__ = [
    "Approximation",
    "ChannelFit",
    "METHODS",
    "Polynomial",
    "Quotient",
    "Request",
    "SupError",
    "Target",
    "approximate",
    "as_activation",
    "fit_channels",
    "judge_bound",
    "sup_error",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
