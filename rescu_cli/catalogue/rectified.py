"""ReLU, leaky ReLU and the identity: the kinked (or straight) lines."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import explicit
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms, Kink
from rescu_cli.core.symbols import NONNEGATIVE, Parameter, X

_ZERO = sp.S.Zero


def relu() -> Activation:
    """max(x, 0), with f′(0) = 0."""
    return explicit(
        "relu",
        [_ZERO, X],
        joints=(_ZERO,),
        summary="max(x, 0)",
        source=source("nair2010"),
        remarks=("the integral of the step gradient; f'(0) = 0 by the tie rule",),
    )


def leaky_relu() -> Activation:
    """αx for x ≤ 0, x for x > 0, with f′(0) = α."""
    alpha = Parameter("alpha", NONNEGATIVE, "slope on the left", sp.Rational(1, 100))
    return explicit(
        "leaky_relu",
        [alpha.symbol * X, X],
        joints=(_ZERO,),
        parameters=(alpha,),
        kink=Kink(alpha.symbol, sp.S.One),
        summary="alpha*x left of 0, x right of it",
        source=source("maas2013"),
    )


def identity() -> Activation:
    """X."""
    return explicit(
        "identity", [X], kink=None, forms=Forms(X, sp.S.One), summary="x", source=source("classic")
    )
