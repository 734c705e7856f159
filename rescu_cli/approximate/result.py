"""`Approximation`: what was found, what is proved of it, and where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

from rescu_cli.approximate.bound import SupError
from rescu_cli.approximate.escape import Escape
from rescu_cli.approximate.polynomial import Polynomial
from rescu_cli.approximate.quotient import Quotient
from rescu_cli.approximate.request import Request
from rescu_cli.approximate.target import Target
from rescu_cli.core.activation import Activation


@dataclass(frozen=True)
class Oscillation:
    """How the error turns on the range.

    Args:
        points: (x, f − P) at the local extrema, from left to right; signs alternate.
        level: How many of them reach the largest error to a thousandth.
        needed: d + 2: as many level ones make a polynomial of degree d best.
        lower: No polynomial of this degree errs by less; proved. None if nothing follows.
    """

    points: tuple[tuple[float, float], ...]
    level: int
    needed: int | None
    lower: float | None


@dataclass(frozen=True)
class Quantised:
    """What fixed point did to a polynomial.

    Args:
        bits: B.
        fraction: F.
        integers: Coefficients times 2^F.
        before: The polynomial before.
        sup_before: Its error.
        mse_before: Its mean square error.
    """

    bits: int
    fraction: int
    integers: tuple[int, ...]
    before: Polynomial
    sup_before: SupError
    mse_before: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "bits": self.bits,
            "fraction": self.fraction,
            "integers": list(self.integers),
            "before": {
                "coefficients": list(self.before.floats),
                "exact": list(self.before.decimals()),
                "sup_error": self.sup_before.to_dict(),
                "mse": _finite(self.mse_before),
            },
        }


@dataclass(frozen=True)
class Approximation:
    """A polynomial or quotient with what is known about its distance from f.

    Args:
        target: f.
        request: What was asked.
        found: P or P/Q.
        sup_error: sup |f − P| over the range.
        mse: Mean of (f − P)² under the weight of the method.
        escape: Where |P − f| exceeds the tolerance.
        outside: The fraction of the distribution that escapes.
        oscillation: How the error turns.
        closed: Whether the coefficients come from a closed form.
        quadrature: Estimated error of integrals; None where there are none.
        float64: Why float64 coefficients do not suffice; None if they do.
        horner_loss: Bound on the rounding error of Horner's scheme in float64 on the range.
        quantised: What fixed point did, if asked for.
        notes: What a user should know.
    """

    target: Target
    request: Request
    found: Polynomial | Quotient
    sup_error: SupError
    mse: float
    escape: Escape
    outside: float
    oscillation: Oscillation
    closed: bool = False
    quadrature: float | None = None
    float64: str | None = None
    horner_loss: float | None = None
    quantised: Quantised | None = None
    notes: tuple[str, ...] = ()

    @property
    def polynomial(self) -> Polynomial:
        """P, or the numerator."""
        return self.found.numerator if isinstance(self.found, Quotient) else self.found

    @property
    def coefficients(self) -> tuple[float, ...]:
        """Of P, ascending, rounded to float64."""
        return self.polynomial.floats

    def __call__(self, x: float) -> float:
        """P(x) or P(x)/Q(x), rounded once."""
        return float(self.exactly(x))

    def exactly(self, x: float) -> Fraction:
        """P(x) or P(x)/Q(x)."""
        at = Fraction(x)
        top = _at(self.polynomial.coefficients, at)
        if isinstance(self.found, Polynomial):
            return top
        return top / _at(self.found.sides[1 if at > 0 else 0].coefficients, at)

    @property
    def default_name(self) -> str:
        """Name of the activation that it makes: ``relu_dapa2``, ``gelu_rational5_4``."""
        r = self.request
        degrees = f"{r.degree}" if r.denominator is None else f"{r.degree}_{r.denominator}"
        return f"{self.target.name}_{r.method.replace('-', '_')}{degrees}"

    def as_activation(self, name: str | None = None) -> Activation:
        """The approximation as an activation that export, plot, verify and compare take."""
        from rescu_cli.approximate.emitted import as_activation

        r, (low, high) = self.request, self.request.ends
        error = self.sup_error
        kind = "proved" if error.proved else "seen, not proved"
        degrees = f"{r.degree}" if r.denominator is None else f"{r.degree}/{r.denominator}"
        remarks = [
            f"{r.method} approximation of {self.target.spec}, degree {degrees}",
            f"|P - f| <= {error.value!r} on [{float(low)!r}, {float(high)!r}] ({kind})",
        ]
        if self.escape.radius is not None:
            remarks.append(
                f"beyond {self.escape.radius:.6g} from {self.escape.center:g} the error exceeds "
                f"{self.escape.tolerance:.6g}"
            )
        summary = f"approximates {self.target.spec}"
        return as_activation(self.found, name or self.default_name, summary, remarks)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in the JSON document."""
        r, (low, high) = self.request, self.request.ends
        polynomial = self.polynomial
        rational = isinstance(self.found, Quotient)
        return {
            "activation": self.target.spec,
            "method": r.method,
            "degree": r.degree if r.denominator is None else [r.degree, r.denominator],
            "mean": float(r.mean),
            "std": float(r.std),
            "range": [float(low), float(high)],
            "coefficients": list(polynomial.floats),
            "exact": list(polynomial.decimals()),
            "float64": {
                "sufficient": self.float64 is None,
                "reason": self.float64,
                "horner_loss": self.horner_loss,
            },
            "chebyshev": None if rational else list(polynomial.chebyshev(low, high)),
            "rational": _rational(self.found) if isinstance(self.found, Quotient) else None,
            "mse": _finite(self.mse),
            "mse_weight": (
                f"normal:{float(r.mean)!r},{float(r.std)!r}" if r.method == "dapa"
                else f"uniform:{float(low)!r},{float(high)!r}"
            ),
            "sup_error": self.sup_error.to_dict(),
            "equioscillation": {
                "points": [{"x": x, "error": e} for x, e in self.oscillation.points],
                "level": self.oscillation.level,
                "needed": self.oscillation.needed,
                "best_possible": self.oscillation.lower,
            },
            "escape_radius": self.escape.radius,
            "escape": {
                **self.escape.to_dict(),
                "distribution": str(r.distribution),
                "fraction_outside": self.outside,
            },
            "fixed_point": None if self.quantised is None else self.quantised.to_dict(),
            "closed_form": self.closed,
            "quadrature_error": self.quadrature,
            "notes": list(self.notes),
        }  # fmt: skip


def _rational(found: Quotient) -> dict[str, Any]:
    return {
        "form": found.form,
        "numerator": list(found.numerator.floats),
        "denominator": [float(b) for b in found.weights],
        "constant": str(found.floor),
        "pole_free": found.statement(),
    }


def _at(coefficients: Sequence[Fraction], x: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _finite(number: float) -> float | None:
    """The number; None where it is beyond every float."""
    return number if isfinite(number) else None
