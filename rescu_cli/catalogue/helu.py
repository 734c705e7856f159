"""HeLU: ReLU forward, and a backward pass that reaches a little below 0."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from rescu_cli.catalogue.build import explicit
from rescu_cli.catalogue.rectified import relu
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Limit, Surrogate
from rescu_cli.core.symbols import POSITIVE, Parameter, X


def helu() -> Activation:
    """max(x, 0); its stated gradient is 1 for x > −α, else 0.

    Value and gradient disagree on (−α, 0], on purpose: a unit that is off by less than α still
    learns. At α = 0 it is ReLU.
    """
    alpha = Parameter("alpha", POSITIVE, "how far below 0 gradient still passes",
                      sp.Rational(1, 20))  # fmt: skip
    hysteresis = explicit(
        "helu",
        [sp.S.Zero, sp.S.Zero, X],
        gradients=[sp.S.Zero, sp.S.One, sp.S.One],
        joints=(-alpha.symbol, sp.S.Zero),
        parameters=(alpha,),
        scaling=(("alpha", 1),),
        summary="max(x, 0), trained with the gradient step(x + alpha)",
        source=source("kimhi2024", "second-hand"),
        remarks=("a surrogate gradient, not a function of its own: values are those of relu",),
    )
    return replace(
        hysteresis,
        surrogate=Surrogate("relu", alpha.symbol),
        limits=(Limit((("alpha", sp.S.Zero),), relu()),),
    )
