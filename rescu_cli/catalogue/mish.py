"""Mish and TanhExp: self-gated by the tanh of a smooth rectifier."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import clip, explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms
from rescu_cli.core.symbols import X, expm1

_LEFT = -1000
"""e^(−1000) is 0 in every float format; clamping there keeps −inf·0 out."""


def mish() -> Activation:
    """x·tanh(ln(1 + e^x)) = x·n/(n + 2), n = e^x(e^x + 2)."""
    e = sp.exp(sp.Min(X, 25))  # beyond 25 the gate is 1 in float64, and e² stays finite in float32
    n = e * (e + 2)
    v = clip(X, _LEFT, 25)
    return explicit(
        "mish",
        [X * sp.tanh(sp.log(1 + sp.exp(X)))],
        forms=Forms(
            sp.Max(X, _LEFT) * (n / (n + 2)),
            # e in front of the difference of terms, so that what cancels does not magnify its error
            e * (e + 2 + 4 * v * ((e + 1) / (n + 2))) / (n + 2),
        ),
        summary="x*tanh(ln(1 + e^x))",
        source=source("mish", "eq. 2"),
    )


def tanhexp() -> Activation:
    """x·tanh(e^x)."""
    e = sp.exp(sp.Min(X, 10))  # tanh(e^10) is 1 in float64
    v = clip(X, _LEFT, 10)
    # q = 2u/sinh(2u) is 1 for small u and 0 to the last bit beyond 40
    u = sp.Min(sp.Max(e, sp.Integer(2) ** -60), 40)
    rise = expm1(2 * u)
    q = 4 * u / (rise + rise / (rise + 1))
    return explicit(
        "tanhexp",
        [X * sp.tanh(sp.exp(X))],
        forms=Forms(
            sp.Max(X, _LEFT) * sp.tanh(e),
            # tanh(e)·(1 + x·e/(sinh e·cosh e)): one factor carries the size, however small e is
            sp.tanh(e) * (1 + v * q),
        ),
        summary="x*tanh(e^x)",
        source=source("tanhexp", "eq. 5"),
    )
