"""SAU and SMU: leaky ReLU smoothed with a Gaussian, and with a smooth maximum."""

from __future__ import annotations

import sympy as sp

from rescu_cli.catalogue.build import clip, explicit, placed
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation, Forms, Kink
from rescu_cli.core.symbols import POSITIVE, Domain, Parameter, Phi, X

_LEAK = Domain(sp.S.Zero, sp.S.One, lower_open=False)


def _slope(default: sp.Rational) -> Parameter:
    return Parameter("alpha", _LEAK, "slope on the left", default)


def sau() -> Activation:
    """(1+α)/2·x + (1−α)/2·x·erf(x/(s√2)) + (1−α)·s/√(2π)·exp(−x²/(2s²))."""
    alpha = _slope(sp.Rational(15, 100))
    width = Parameter("s", POSITIVE, "standard deviation of the Gaussian", sp.S.Half)
    a, s = alpha.symbol, width.symbol
    value = (
        (1 + a) * X / 2
        + (1 - a) * X * sp.erf(X / (s * sp.sqrt(2))) / 2
        + (1 - a) * s * sp.exp(-(X**2) / (2 * s**2)) / sp.sqrt(2 * sp.pi)
    )
    return placed(
        "sau",
        "gaussian",
        (alpha, width),
        half=s,
        g_minus=a,
        summary="leaky ReLU convolved with a Gaussian of standard deviation s",
        source=source("sau", "eq. 12"),
        scaling=(("s", 1),),
        values=[value],
        remarks=(
            "at the reported s=5e-5 it is LeakyReLU(0.15) to within 1.7e-5: no smoothing to speak "
            "of; the default here is s=0.5",
        ),
    )


def smu() -> Activation:
    """((1+α)x + (1−α)x·erf(μ(1−α)x))/2."""
    alpha = _slope(sp.Rational(1, 4))
    sharp = Parameter("mu", POSITIVE, "sharpness", sp.S.One)
    a, mu = alpha.symbol, sharp.symbol
    rate = mu * (1 - a)
    z = sp.sqrt(2) * clip(rate * X, -60, 60)
    gate = Phi(z) + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    return explicit(
        "smu",
        [((1 + a) * X + (1 - a) * X * sp.erf(rate * X)) / 2],
        parameters=(alpha, sharp),
        scaling=(("mu", -1),),
        kink=Kink(a, sp.S.One),
        forms=Forms(
            # (1 + erf u)/2 = Φ(u√2); beyond −60 the second term is 0 in every float format
            a * X
            + (1 - a) * sp.Max(X, -60 / rate) * Phi(sp.sqrt(2) * rate * sp.Max(X, -60 / rate)),
            a + (1 - a) * gate,
        ),
        summary="((1+alpha)x + (1-alpha)x*erf(mu(1-alpha)x))/2",
        source=source("smu", "eq. 10"),
        remarks=("not a convolution with a density; monotone only for alpha >= 0.1142",),
    )


def smu1() -> Activation:
    """((1+α)x + √(((1−α)x)² + μ²))/2."""
    alpha = _slope(sp.Rational(1, 4))
    width = Parameter("mu", POSITIVE, "width", sp.S.One)
    a, mu = alpha.symbol, width.symbol
    root = sp.sqrt(((1 - a) * X) ** 2 + mu**2)
    return placed(
        "smu1",
        "algebraic",
        (alpha, width),
        half=mu / (1 - a),
        g_minus=a,
        summary="((1+alpha)x + sqrt(((1-alpha)x)^2 + mu^2))/2",
        source=source("smu", "eq. 6"),
        scaling=(("mu", 1),),
        values=[((1 + a) * X + root) / 2],
        gradients=[((1 + a) + (1 - a) ** 2 * X / root) / 2],
        remarks=("leaky squareplus: the algebraic gradient with half-width mu/(1-alpha)",),
    )
