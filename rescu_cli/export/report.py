"""What a check found: distances per format, for value and gradient."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from rescu_cli.export.artifact import Artifact


@dataclass(frozen=True)
class Comparison:
    """One quantity in one format against the truth.

    Args:
        n_inputs: How many inputs were tried.
        exhaustive: Whether these are all inputs of the format.
        max_ulp: Largest distance from the truth in ulps of the truth (see `ulp.distance`).
        worst_x: Where; None if there was no input.
        nan_mismatch: Inputs where exactly one of artifact and truth is NaN.
        bound: Ulps within which a result agrees.
        excused: Inputs beyond the bound that the rules of this module allow.
        beyond: Inputs beyond both: disagreements.
        ways: In which ways the artifact computed it; the worst counts.
    """

    n_inputs: int
    exhaustive: bool
    max_ulp: float
    worst_x: float | None
    nan_mismatch: int
    bound: float
    excused: int
    beyond: int
    ways: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether artifact and truth agree."""
        return self.nan_mismatch == 0 and self.beyond == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data; numbers that JSON lacks as text."""
        return {
            "n_inputs": self.n_inputs,
            "exhaustive": self.exhaustive,
            "max_ulp": _jsonable(self.max_ulp),
            "worst_x": _jsonable(self.worst_x),
            "nan_mismatch": self.nan_mismatch,
            "bound": self.bound,
            "excused": self.excused,
            "beyond": self.beyond,
            "ok": self.ok,
            "ways": list(self.ways),
        }


Comparisons = dict[str, dict[str, Comparison]]
"""By format, then by quantity: ``value``, ``gradient``, and e.g. ``beta_gradient``."""


@dataclass(frozen=True)
class Sample:
    """An artifact at other numbers of its free parameters than their defaults.

    Args:
        parameters: The numbers.
        comparisons: By format, then by quantity.
    """

    parameters: dict[str, float]
    comparisons: Comparisons


@dataclass(frozen=True)
class CheckReport:
    """What a check found; disagreements are data here, never raised.

    Args:
        artifact: What ran.
        comparisons: By format, then by quantity, at the defaults of the free parameters.
        notes: What a reader of the figures should know.
        tool: What ran it, with its version.
        variants: The same by circumstances that void the artifact's promises, e.g. fast-math;
            they are shown and never counted.
        samples: The same at other numbers of the free parameters; they count.
    """

    artifact: Artifact
    comparisons: Comparisons
    notes: tuple[str, ...] = ()
    tool: str = ""
    variants: dict[str, Comparisons] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether something was compared, and everything agrees."""
        found = [self.comparisons, *(s.comparisons for s in self.samples)]
        rows = [c for by_kind in found for by_what in by_kind.values() for c in by_what.values()]
        return bool(rows) and all(c.ok for c in rows)

    def to_dict(self) -> dict[str, Any]:
        """The report as in the command line's JSON."""
        return {
            "target": self.artifact.target,
            "activation": self.artifact.activation.spec,
            "digest": self.artifact.digest,
            "ok": self.ok,
            "tool": self.tool,
            "dtypes": _plain(self.comparisons),
            "variants": {name: _plain(found) for name, found in self.variants.items()},
            "samples": [
                {"parameters": dict(s.parameters), "dtypes": _plain(s.comparisons)}
                for s in self.samples
            ],
            "notes": list(self.notes),
        }


def _plain(comparisons: Comparisons) -> dict[str, Any]:
    return {
        kind: {what: c.to_dict() for what, c in by_what.items()}
        for kind, by_what in comparisons.items()
    }


def _jsonable(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "inf" if value > 0 else "-inf"
