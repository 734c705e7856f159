"""What a unit's activation is made of: the pieces of a continuous piecewise-linear function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import isfinite

import numpy as np
import sympy as sp
from torch import nn

from rescu_cli.core.activation import Activation
from rescu_cli.core.surrogate import forward
from rescu_cli.core.symbols import X
from rescu_cli.errors import UsageError
from rescu_cli.network.loading import exported_activation
from rescu_cli.network.regions.polygons import Floats
from rescu_cli.network.regions.program import Absolute, Choice


@dataclass(frozen=True)
class Pieces:
    """f(z) = slopes[k]·z + offsets[k] between thresholds[k − 1] and thresholds[k], exactly.

    Args:
        thresholds: Ascending, K of them.
        slopes: K + 1.
        offsets: K + 1; neighbours meet at the threshold between them.
        name: For messages.

    Raises:
        UsageError: If the numbers do not fit together, or the function jumps.
    """

    thresholds: tuple[Fraction, ...]
    slopes: tuple[Fraction, ...]
    offsets: tuple[Fraction, ...]
    name: str

    def __post_init__(self) -> None:
        if not len(self.thresholds) + 1 == len(self.slopes) == len(self.offsets):
            raise UsageError(f"{self.name}: K thresholds need K + 1 slopes and offsets.")
        if any(a >= b for a, b in pairwise(self.thresholds)):
            raise UsageError(f"{self.name}: thresholds must ascend; found {self.thresholds}.")
        for k, t in enumerate(self.thresholds):
            left, right = (self.slopes[j] * t + self.offsets[j] for j in (k, k + 1))
            if left != right:
                raise UsageError(
                    f"{self.name} jumps at {float(t):g} from {float(left):g} to {float(right):g}; "
                    "regions are of continuous functions."
                )

    @classmethod
    def kinked(
        cls, name: str, thresholds: Sequence[float], slopes: Sequence[float], at_first: float
    ) -> Pieces:
        """From slopes alone: the value at the first threshold fixes the rest."""
        t, s = [Fraction(v) for v in thresholds], [Fraction(v) for v in slopes]
        value, offsets = Fraction(at_first), [Fraction(at_first) - s[0] * (t[0] if t else 0)]
        for k, place in enumerate(t):
            value = s[k] * place + offsets[k]
            offsets.append(value - s[k + 1] * place)
        return cls(tuple(t), tuple(s), tuple(offsets), name)

    @property
    def steepest(self) -> Fraction:
        """Largest |slope|: the Lipschitz constant."""
        return max(abs(slope) for slope in self.slopes)

    def floats(self) -> tuple[Floats, Floats, Floats]:
        """Thresholds (K,), slopes and offsets (K + 1,), rounded to float64."""
        return tuple(  # type: ignore[return-value]
            np.array([float(v) for v in row], dtype=np.float64)
            for row in (self.thresholds, self.slopes, self.offsets)
        )

    def value(self, z: Fraction) -> Fraction:
        """f(z)."""
        k = sum(z > t for t in self.thresholds)
        return self.slopes[k] * z + self.offsets[k]


def pieces_of(activation: Activation) -> Pieces | None:
    """The pieces of an activation whose parameters are bound; None if one of them is curved.

    A number that is no fraction, as √2, is taken as the float64 next to it.
    """
    slopes, offsets = [], []
    for piece in activation.pieces:
        value = sp.expand(piece.value)
        if not value.is_polynomial(X) or sp.degree(value, X) > 1:
            return None
        slopes.append(fraction(value.coeff(X, 1)))
        offsets.append(fraction(value.coeff(X, 0)))
    thresholds = tuple(fraction(b) for b in activation.breakpoints)
    return Pieces(thresholds, tuple(slopes), tuple(offsets), activation.spec)


def fraction(number: sp.Expr) -> Fraction:
    """A rational number exactly, any other as the float64 next to it."""
    found = sp.sympify(number, strict=True)
    if found.is_Rational:
        return Fraction(int(found.p), int(found.q))
    return Fraction(float(found))


def forward_activation(module: nn.Module) -> Activation | None:
    """The activation whose values a layer of exported code has; its backward is no concern here."""
    found = exported_activation(module)
    return None if found is None else forward(found)


def known_pieces(step: Choice) -> Pieces:
    """The pieces of a layer of torch that is piecewise linear by itself."""
    module = step.module
    if isinstance(module, nn.ReLU):
        return Pieces.kinked("relu", [0], [0, 1], 0)
    if isinstance(module, Absolute):
        return Pieces.kinked("abs", [0], [-1, 1], 0)
    if isinstance(module, nn.LeakyReLU):
        slope = module.negative_slope
        if not isfinite(slope):
            raise UsageError(f"{step.label}: a LeakyReLU of slope {slope}; it must be finite.")
        return Pieces.kinked("leaky_relu", *(([0], [slope, 1]) if slope != 1 else ([], [1])), 0)
    if isinstance(module, nn.Hardtanh):  # ReLU6 is one of them
        low, high = module.min_val, module.max_val
        bends = [(end, slope) for end, slope in ((low, 1), (high, 0)) if isfinite(end)]
        first = 0 if isfinite(low) else 1
        places, slopes = [b for b, _ in bends], [first, *(s for _, s in bends)]
        return Pieces.kinked("hardtanh", places, slopes, places[0] if places else 0)
    raise UsageError(f"{step.label}: a {type(module).__name__} has no known pieces.")
