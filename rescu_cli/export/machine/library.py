"""What is assumed of the library's elementary functions, and how they carry errors on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from scipy import special

from rescu_cli.core.symbols import Phi, expm1, log1p, sigmoid

HALF_UNIT = 2.0**-53
LIBRARY = 8.0
"""Units in the last place of float64 within which elementary functions are taken to be right."""
_LIBRARY = LIBRARY * 2 * HALF_UNIT


@dataclass(frozen=True)
class Size:
    """Of an operand: largest and smallest |u|, smallest and largest u."""

    most: Any
    least: Any
    lowest: Any
    highest: Any


def _phi(u: Any) -> Any:
    return 0.5 * special.erfc(-math.sqrt(0.5) * u)


def _bell(least: Any, e: Any) -> Any:
    """A bound of e^(−u²) over all u within e of the points, least = min |u|."""
    return np.exp(-(np.maximum(least - e, 0.0) ** 2))


def _everywhere(_: Any) -> Any:
    return _LIBRARY


def _squared(most: Any) -> Any:
    return _LIBRARY * (1 + np.minimum(most, 1e3) ** 2)


RULES: dict[type, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    # function; error carried over from the operand, by (size of u, largest |f|, error of u);
    # relative error of the library by the largest |u|
    sp.exp: (np.exp, lambda u, f, e: np.fmin(f * np.expm1(e), np.exp(u.highest + e)),
             _everywhere),
    expm1: (np.expm1, lambda u, f, e: (f + 1) * np.expm1(e), _everywhere),
    sp.log: (np.log, lambda u, f, e: e / np.maximum(u.least - e, 0.0), _everywhere),
    log1p: (np.log1p, lambda u, f, e: e / np.maximum(1 + np.minimum(u.lowest, 0) - e, 0.0),
            _everywhere),
    sp.sin: (np.sin, lambda u, f, e: e, _everywhere),
    sp.cos: (np.cos, lambda u, f, e: e, _everywhere),
    sp.atan: (np.arctan, lambda u, f, e: e, _everywhere),
    sp.tanh: (np.tanh, lambda u, f, e: np.minimum(1.0, 4 * np.exp(2 * (e - u.least))) * e,
              _everywhere),
    sp.erf: (special.erf, lambda u, f, e: 1.2 * _bell(u.least, e) * e, _everywhere),
    sp.erfc: (special.erfc, lambda u, f, e: 1.2 * _bell(u.least, e) * e, _squared),
    sigmoid: (special.expit, lambda u, f, e: np.minimum(0.25, np.exp(e - u.least)) * e,
              _everywhere),
    # the density at u, and the rounding of −u/√2 on its way into erfc
    Phi: (_phi, lambda u, f, e: 0.4 * _bell(u.least / math.sqrt(2), e)
          * (e + 4 * HALF_UNIT * u.most), _squared),
}  # fmt: skip
