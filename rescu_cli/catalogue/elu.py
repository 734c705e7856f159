"""The exponential linear units."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Kink
from rescu_cli.core.symbols import POSITIVE, Parameter, X

_ZERO = sp.S.Zero
_ALPHA = Parameter("alpha", POSITIVE, "minus the limit on the left", sp.S.One)
# The constants as printed by the authors; they solve a fixed-point equation for mean 0, variance 1.
_SELU_SCALE = sp.Rational("1.0507009873554804934193349852946")
_SELU_ALPHA = sp.Rational("1.6732632423543772848170429916717")


def elu() -> Activation:
    """α(e^x − 1) for x ≤ 0, x for x > 0; C¹ only at α = 1."""
    a = _ALPHA.symbol
    return explicit(
        "elu",
        [a * (sp.exp(X) - 1), X],
        gradients=[a * sp.exp(X), sp.S.One],
        joints=(_ZERO,),
        parameters=(_ALPHA,),
        summary="alpha*(e^x - 1) left of 0, x right of it",
        source=source("clevert2016", "eq. 15"),
        remarks=("its gradient is continuous only at alpha=1; celu is for every alpha",),
    )


def celu() -> Activation:
    """α(e^(x/α) − 1) for x ≤ 0, x for x > 0."""
    a = _ALPHA.symbol
    return explicit(
        "celu",
        [a * (sp.exp(X / a) - 1), X],
        gradients=[sp.exp(X / a), sp.S.One],
        joints=(_ZERO,),
        parameters=(_ALPHA,),
        scaling=(("alpha", 1),),
        summary="alpha*(e^(x/alpha) - 1) left of 0, x right of it",
        source=source("barron2017", "eq. 2"),
    )


def selu() -> Activation:
    """λα(e^x − 1) for x ≤ 0, λx for x > 0."""
    scale, alpha = _SELU_SCALE, _SELU_ALPHA
    return explicit(
        "selu",
        [scale * alpha * (sp.exp(X) - 1), scale * X],
        gradients=[scale * alpha * sp.exp(X), scale],
        joints=(_ZERO,),
        kink=Kink(_ZERO, scale),
        summary="1.0507*x right of 0, 1.7581*(e^x - 1) left of it",
        source=source("klambauer2017", "eq. 2"),
    )
