"""Swish (SiLU) and its piecewise imitation."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import SHARPNESS, clip, explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms
from rescu_cli.core.symbols import X, sigmoid

_FAR = 1000
"""σ(−1000) is 0 in every float format; clamping there keeps −inf·0 out."""


def swish() -> Activation:
    """x·σ(kx)."""
    k = SHARPNESS.symbol
    gate = 1 / (1 + sp.exp(-k * X))
    u = sp.Max(X, -_FAR / k)
    v = clip(k * X, -_FAR, _FAR)
    return explicit(
        "swish",
        [X * gate],
        gradients=[gate + k * X * gate * (1 - gate)],
        parameters=(SHARPNESS,),
        scaling=(("k", -1),),
        forms=Forms(u * sigmoid(k * u), sigmoid(v) + v * sigmoid(v) * sigmoid(-v)),
        summary="x*sigmoid(kx)",
        source=source("swish", "section 3"),
        remarks=("k=1 is SiLU", "k is the paper's beta: a sharpness, not a width"),
    )


def hard_swish() -> Activation:
    """x·clip(x + 3, 0, 6)/6."""
    return explicit(
        "hard_swish",
        [sp.S.Zero, X * (X + 3) / 6, X],
        joints=(sp.Integer(-3), sp.Integer(3)),
        summary="x*clip(x + 3, 0, 6)/6",
        source=source("howard2019", "section 5.2"),
    )
