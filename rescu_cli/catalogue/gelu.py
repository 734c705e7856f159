"""GELU, exact and in its tanh approximation: two functions, two names."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import SHARPNESS, clip, explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms
from rescu_cli.core.symbols import Phi, X, plain, sigmoid

_FAR = 60
"""Φ(−60) and φ(60) are 0 in every float format."""


def gelu() -> Activation:
    """x·Φ(kx)."""
    k = SHARPNESS.symbol
    u = sp.Max(X, -_FAR / k)
    v = clip(k * X, -_FAR, _FAR)
    density = sp.exp(-((k * X) ** 2) / 2) / sp.sqrt(2 * sp.pi)
    return explicit(
        "gelu",
        [X * plain(Phi(k * X))],
        gradients=[plain(Phi(k * X)) + k * X * density],
        parameters=(SHARPNESS,),
        scaling=(("k", -1),),
        forms=Forms(u * Phi(k * u), Phi(v) + v * sp.exp(-(v**2) / 2) / sp.sqrt(2 * sp.pi)),
        summary="x*Phi(kx), Phi the normal distribution function",
        source=source("hendrycks2016", "section 2"),
        remarks=("the erf form; the tanh approximation is gelu_tanh",),
    )


def gelu_tanh() -> Activation:
    """x·(1 + tanh(√(2/π)(x + 0.044715x³)))/2."""
    cubic = sp.Rational(44715, 10**6)

    def inner(x: sp.Expr) -> sp.Expr:
        return sp.sqrt(2 / sp.pi) * (x + cubic * x**3)

    low, v = sp.Max(X, -_FAR), clip(X, -_FAR, _FAR)
    gate = sigmoid(2 * inner(v))
    slope = 2 * sp.sqrt(2 / sp.pi) * (1 + 3 * cubic * v**2)
    return explicit(
        "gelu_tanh",
        [X * (1 + sp.tanh(inner(X))) / 2],
        forms=Forms(
            # (1 + tanh u)/2 = σ(2u) keeps the digits of the left tail
            low * sigmoid(2 * inner(clip(X, -_FAR, _FAR))),
            gate + v * gate * sigmoid(-2 * inner(v)) * slope,
        ),
        summary="x*(1 + tanh(sqrt(2/pi)*(x + 0.044715 x^3)))/2",
        source=source("hendrycks2016", "section 2"),
        remarks=("differs from gelu by up to 4.7e-4; do not mix the two",),
    )
