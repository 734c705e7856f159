"""SmeLU and gSmeLU: the simplest RESCU, from the piecewise-linear gradient."""

from __future__ import annotations

from rescu_cli.catalogue.build import placed
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation
from rescu_cli.core.shape import ALPHA, BETA, BETA_RIGHT, G_MINUS, G_PLUS


def smelu() -> Activation:
    """0 (x ≤ −β); (x + β)²/(4β) (|x| ≤ β); x (x ≥ β)."""
    return placed(
        "smelu",
        "piecewise-linear",
        (BETA,),
        half=BETA.symbol,
        summary="0, then (x+beta)^2/(4 beta), then x",
        source=source("shamir2020"),
        remarks=(
            "ReLU convolved with the box kernel on [-beta, beta]",
            "jax.nn.sparse_plus and keras sparse_plus at beta=1",
            "beta is a width: it means something only beside the scale of the pre-activations",
        ),
    )


def gsmelu() -> Activation:
    """g₋x + (g₊ − g₋)·(u²/(2(α+β)) + max(x − β, 0)), u = clip(x + α, 0, α + β)."""
    alpha, beta = ALPHA.symbol, BETA_RIGHT.symbol
    return placed(
        "gsmelu",
        "piecewise-linear",
        (ALPHA, BETA_RIGHT, G_MINUS, G_PLUS),
        center=(beta - alpha) / 2,
        half=(alpha + beta) / 2,
        g_minus=G_MINUS.symbol,
        g_plus=G_PLUS.symbol,
        summary="quadratic from slope g_minus at -alpha to slope g_plus at beta",
        source=source("shamir2020", "eq. 11 (second-hand)"),
        remarks=("anchored so that the left ray passes through the origin",),
    )
