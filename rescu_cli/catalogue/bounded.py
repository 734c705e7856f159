"""The classic bounded activations."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms
from rescu_cli.core.symbols import X
from rescu_cli.core.symbols import sigmoid as logistic


def sigmoid() -> Activation:
    """1/(1 + e^(−x))."""
    return explicit(
        "sigmoid",
        [1 / (1 + sp.exp(-X))],
        gradients=[sp.exp(-X) / (1 + sp.exp(-X)) ** 2],
        kink=None,
        forms=Forms(logistic(X), logistic(X) * logistic(-X)),
        summary="1/(1 + e^-x)",
        source=source("classic"),
    )


def tanh() -> Activation:
    """(e^x − e^(−x))/(e^x + e^(−x))."""
    return explicit(
        "tanh",
        [sp.tanh(X)],
        gradients=[1 - sp.tanh(X) ** 2],
        kink=None,
        # 1 − tanh² x = 4σ(2x)σ(−2x) keeps the digits of the tails
        forms=Forms(sp.tanh(X), 4 * logistic(2 * X) * logistic(-2 * X)),
        summary="hyperbolic tangent",
        source=source("classic"),
    )
