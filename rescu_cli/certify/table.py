"""The explicit table of claims: a new property is one file and one row."""

from __future__ import annotations

CLAIMS: dict[str, tuple[str, str]] = {
    "continuous": ("continuous", "decide"),
    "smooth": ("smooth", "decide"),
    "gradient_matches": ("gradient_matches", "decide"),
    "monotone": ("monotone", "decide"),
    "convex": ("convex", "decide"),
    "bounded_below": ("bounded_below", "decide"),
    "gradient_range": ("gradient_range", "decide"),
    "gradient_lipschitz": ("gradient_lipschitz", "decide"),
    "left_asymptote": ("asymptotes", "left"),
    "right_asymptote": ("asymptotes", "right"),
    "relu_gap": ("relu_gap", "decide"),
    "homogeneous": ("homogeneous", "decide"),
    "rescu": ("rescu", "decide"),
}
"""Claim name -> (module of ``rescu_cli.certify.properties``, function in it), in report order."""
