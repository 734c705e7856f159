"""`MachineReport`: what machine arithmetic makes of an activation, as frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something that was looked for at every input.

    Args:
        n: How many results showed it.
        x: An input that does, the worst one if that can be said.
        found: What came out there.
        true: The truth there, as the nearest float64.
        way: Which function of the artifact.
        ulps: How far off.
    """

    n: int
    x: float | None = None
    found: str | None = None
    true: float | None = None
    way: str | None = None
    ulps: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; numbers that JSON lacks as text."""
        return {k: jsonable(v) for k, v in vars(self).items()}


@dataclass(frozen=True)
class Order:
    """Whether neighbours keep their order.

    Args:
        between: Intervals on which the function is known to be monotone: (from, to, direction).
        violations: Pairs in the wrong order; the witness is the left one of the worst pair.
        allowed: Ulps by which a neighbour may step back.
    """

    between: tuple[tuple[float, float, int], ...]
    violations: Finding
    allowed: float

    @property
    def ok(self) -> bool:
        return self.violations.n == 0 or (self.violations.ulps or 0.0) <= self.allowed

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "checked": bool(self.between),
            "between": [[jsonable(a), jsonable(b), "rising" if d > 0 else "falling"]
                        for a, b, d in self.between],
            "violations": self.violations.to_dict(),
            "allowed_ulp": self.allowed,
            "ok": self.ok,
        }  # fmt: skip


@dataclass(frozen=True)
class Quantity:
    """Value or gradient.

    Args:
        bound: Ulps within which a result agrees.
        worst: The largest distance from the truth that neither underflow nor an excuse explains;
            ``n`` is the number of inputs.
        beyond: Results beyond the bound: disagreements.
        excused: Beyond it where rounding x by one unit moves the truth as far.
        underflow: Beyond it among results too small for full precision.
        spurious_nan: NaN for a number.
        lost_nan: A number for NaN.
        spurious_inf: An infinity for a finite truth.
        sign: Results on the wrong side of 0.
        zero: 0 for a number, or a number for 0.
        unknown: Inputs that could not be judged.
        order: Of neighbours.
    """

    bound: float
    worst: Finding
    beyond: Finding
    excused: Finding
    underflow: Finding
    spurious_nan: Finding
    lost_nan: Finding
    spurious_inf: Finding
    sign: Finding
    zero: Finding
    unknown: Finding
    order: Order

    @property
    def ok(self) -> bool:
        """Whether the code agrees with the function."""
        faults = (self.beyond, self.spurious_nan, self.lost_nan, self.spurious_inf, self.sign,
                  self.zero)  # fmt: skip
        return self.order.ok and not any(f.n for f in faults)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        findings = ("beyond", "excused", "underflow", "spurious_nan", "lost_nan", "spurious_inf",
                    "sign", "zero", "unknown")  # fmt: skip
        return {
            "max_ulp": jsonable(self.worst.ulps or 0.0),
            "bound": self.bound,
            "worst_x": jsonable(self.worst.x),
            "worst_found": self.worst.found,
            "worst_true": jsonable(self.worst.true),
            "worst_way": self.worst.way,
            **{name: getattr(self, name).to_dict() for name in findings},
            "monotone": self.order.to_dict(),
            "ok": self.ok,
        }


@dataclass(frozen=True)
class MachineReport:
    """What was found; disagreements are data here, never raised.

    Args:
        activation: Spec, parameters bound.
        digest: Of the activation.
        format: Of inputs and results.
        target: Whose code ran.
        artifact: Digest of the text that ran.
        versions: The framework that ran it.
        n_inputs: How many inputs.
        exhaustive: Whether these are all floats of the format.
        quantities: ``value`` and ``gradient``.
        notes: What a reader of the figures should know.
    """

    activation: str
    digest: str
    format: str
    target: str
    artifact: str
    versions: dict[str, str]
    n_inputs: int
    exhaustive: bool
    quantities: dict[str, Quantity]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return all(q.ok for q in self.quantities.values())

    def to_dict(self) -> dict[str, Any]:
        """The ``result`` of ``rescu verify --float``."""
        return {
            "activation": self.activation,
            "digest": self.digest,
            "format": self.format,
            "target": self.target,
            "artifact": self.artifact,
            "versions": self.versions,
            "n_inputs": self.n_inputs,
            "exhaustive": self.exhaustive,
            **{name: q.to_dict() for name, q in self.quantities.items()},
            "ok": self.ok,
            "notes": list(self.notes),
        }


def jsonable(value: Any) -> Any:
    """A number that JSON lacks as text."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
