"""RESCU members by the shape of their gradient."""

from __future__ import annotations

from rescu_cli.catalogue.build import placed
from rescu_cli.catalogue.sources import source
from rescu_cli.core.activation import Activation
from rescu_cli.core.shape import BETA

_ROWS = {
    "smoothstep": ("C2; ReLU smoothed with the Epanechnikov kernel", "srelu-epan"),
    "smootherstep": ("C3; ReLU smoothed with the biweight kernel", "shamir2020"),
    "cosine": ("C2; ReLU smoothed with the cosine kernel", "shamir2020"),
    "gaussian": ("C-infinity; ReLU smoothed with the Gaussian kernel", "sau"),
    "laplace": ("C2; ReLU smoothed with the Laplace kernel", "shamir2020"),
}


def _member(shape: str) -> Activation:
    summary, key = _ROWS[shape]
    return placed(
        f"rescu_{shape}",
        shape,
        (BETA,),
        half=BETA.symbol,
        summary=summary,
        source=source(key, "" if key != "shamir2020" else "RESCU with another gradient"),
    )


def rescu_smoothstep() -> Activation:
    """Gradient 3w² − 2w³, w = (x + β)/(2β)."""
    return _member("smoothstep")


def rescu_smootherstep() -> Activation:
    """Gradient 6w⁵ − 15w⁴ + 10w³, w = (x + β)/(2β)."""
    return _member("smootherstep")


def rescu_cosine() -> Activation:
    """Gradient (1 − cos πw)/2, w = (x + β)/(2β)."""
    return _member("cosine")


def rescu_gaussian() -> Activation:
    """Gradient Φ(x/β)."""
    return _member("gaussian")


def rescu_laplace() -> Activation:
    """Gradient e^(x/β)/2 left of 0, 1 − e^(−x/β)/2 right of it."""
    return _member("laplace")
