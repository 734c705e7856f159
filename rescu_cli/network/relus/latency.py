"""The cost model of private inference: so much for every ReLU, so much for every MAC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rescu_cli.errors import ParseError, UsageError

UNITS = {"ns": 1e9, "us": 1e6, "\u00b5s": 1e6, "\u03bcs": 1e6, "ms": 1e3, "s": 1.0}
"""How many of them are a second; whole numbers, so that dividing rounds only once.

The sign for micro and the Greek letter look alike; keyboards and word processors give either.
"""
_TERM = re.compile(rf"\s*(relu|mac)\s*=\s*([0-9.eE+-]+?)\s*({'|'.join(UNITS)})\s*")


@dataclass(frozen=True)
class Latency:
    """Seconds per operation; the model is t = relus·relu + macs·mac.

    It is linear on purpose: protocols differ by orders of magnitude, and both numbers should come
    from a measurement of the one in question. Rounds of communication and batching are not in it.

    Args:
        relu: Seconds per ReLU, not negative.
        mac: Seconds per multiply–accumulate, not negative.

    Raises:
        UsageError: If one is negative or not finite, or both are 0.
    """

    relu: float
    mac: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("relu", self.relu), ("mac", self.mac)):
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"The latency {name}={value:g} s must be 0 or more, and finite.")
        if self.relu == self.mac == 0:
            raise UsageError(
                "A latency of 0 for ReLUs and for MACs says nothing; give one of them."
            )

    def of(self, relus: int, macs: int) -> dict[str, Any]:
        """Seconds for the ReLUs, for the MACs, and in all.

        Raises:
            UsageError: If that is no finite number.
        """
        parts = {"relu_seconds": relus * self.relu, "mac_seconds": macs * self.mac}
        if not isfinite(sum(parts.values())):
            raise UsageError(
                f"{relus:,} ReLUs of {self.relu:g} s and {macs:,} MACs of {self.mac:g} s take "
                "longer than floating-point numbers reach; give smaller costs."
            )
        return {
            "per_relu": self.relu,
            "per_mac": self.mac,
            **parts,
            "seconds": sum(parts.values()),
        }


def parse_latency(text: str) -> Latency:
    """``relu=20us,mac=0.5ns`` → `Latency`; units ns, us (µs), ms, s; what is left out is 0.

    Raises:
        ParseError: If it is not of that form.
        UsageError: If a number is negative, or all are 0.

    Example:
        >>> parse_latency("relu=20us, mac=0.5ns")
        Latency(relu=2e-05, mac=5e-10)
    """
    found: dict[str, float] = {}
    position = 0
    for part in text.split(","):
        term = _TERM.fullmatch(part)
        try:
            if term is None or term[1] in found:
                raise ValueError
            found[term[1]] = float(term[2]) / UNITS[term[3]]
        except ValueError:
            raise ParseError(
                f"Cannot read {part.strip()!r} as a latency; write each once, like "
                "relu=20us,mac=0.5ns, with a unit ns, us, ms or s.",
                text, position + len(part) - len(part.lstrip()),
            ) from None  # fmt: skip
        position += len(part) + 1
    return Latency(**{"relu": 0.0, **found})
