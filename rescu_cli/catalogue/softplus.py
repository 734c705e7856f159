"""Softplus and squareplus: the smooth rectifiers of the logistic and the algebraic gradient."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import SHARPNESS, placed
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation
from rescu_cli.core.symbols import POSITIVE, Parameter, X


def softplus() -> Activation:
    """ln(1 + e^(kx))/k."""
    k = SHARPNESS.symbol
    return placed(
        "softplus",
        "logistic",
        (SHARPNESS,),
        half=1 / k,
        summary="ln(1 + e^(kx))/k",
        source=source("dugas2001"),
        scaling=(("k", -1),),
        values=[sp.log(1 + sp.exp(k * X)) / k],
        remarks=("k is what other libraries call beta here: a sharpness, not a width",),
    )


def squareplus() -> Activation:
    """(x + √(x² + c²))/2."""
    c = Parameter("c", POSITIVE, "width; the paper's b is c^2", sp.Integer(2))
    root = sp.sqrt(X**2 + c.symbol**2)
    return placed(
        "squareplus",
        "algebraic",
        (c,),
        half=c.symbol,
        summary="(x + sqrt(x^2 + c^2))/2",
        source=source("barron2021", "eq. 1"),
        scaling=(("c", 1),),
        values=[(X + root) / 2],
        gradients=[(1 + X / root) / 2],
        remarks=("jax.nn.squareplus(x, b) with b = c^2; its default b = 4 is c = 2",),
    )
