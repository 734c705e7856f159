"""Static, dynamic and total dead-unit rates, kept as whole numbers.

A unit is one element of what an activation puts out; it is off on an input if its size there is at
most a threshold. Of U units on N inputs, with o_u the number of inputs on which unit u is off:

    static  = #{u : o_u = N} / U                 off on the whole data set
    dynamic = Σ_{u : o_u < N} o_u / (N·U)        off here, but not everywhere; averaged over inputs
    total   = Σ_u o_u / (N·U)                    = static + dynamic

The definitions are those of Liu et al., activating-while-pruning (TMLR 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rescu_cli.errors import UsageError


@dataclass(frozen=True)
class OffCounts:
    """How often the units of one group were off.

    Args:
        n_units: U, at least 1.
        n_inputs: N, at least 1.
        n_static: Units that were off on every input.
        n_off_dynamic: Pairs (input, unit) that were off, of the units that are not static.

    Raises:
        UsageError: If the numbers cannot be counts of one group.
    """

    n_units: int
    n_inputs: int
    n_static: int
    n_off_dynamic: int

    def __post_init__(self) -> None:
        most = (self.n_units - self.n_static) * max(self.n_inputs - 1, 0)
        if (
            self.n_units < 1
            or self.n_inputs < 1
            or not 0 <= self.n_static <= self.n_units
            or not 0 <= self.n_off_dynamic <= most
        ):
            raise UsageError(
                f"{self.n_static} static units of {self.n_units} and {self.n_off_dynamic} other "
                f"pairs that are off on {self.n_inputs} inputs cannot be counts of one group."
            )

    @classmethod
    def of(cls, off: Tensor, n_inputs: int) -> OffCounts:
        """From o_u, int64 of any shape; shape and empty entries are the caller's business."""
        always = off == n_inputs
        return cls(off.numel(), n_inputs, int(always.sum()), int(off[~always].sum()))

    def __add__(self, other: OffCounts) -> OffCounts:
        """Two groups of units on the same inputs as one."""
        if other.n_inputs != self.n_inputs:
            raise UsageError(
                f"Rates on {self.n_inputs} and on {other.n_inputs} inputs cannot be added."
            )
        return OffCounts(
            self.n_units + other.n_units,
            self.n_inputs,
            self.n_static + other.n_static,
            self.n_off_dynamic + other.n_off_dynamic,
        )

    @property
    def n_pairs(self) -> int:
        """N·U."""
        return self.n_units * self.n_inputs

    @property
    def n_off(self) -> int:
        """Pairs (input, unit) that were off."""
        return self.n_static * self.n_inputs + self.n_off_dynamic

    @property
    def static(self) -> float:
        """Share of units that are off on every input."""
        return self.n_static / self.n_units

    @property
    def dynamic(self) -> float:
        """Average over inputs of the share that is off there, but not everywhere."""
        return self.n_off_dynamic / self.n_pairs

    @property
    def total(self) -> float:
        """Average over inputs of the share that is off there."""
        return self.n_off / self.n_pairs

    def to_dict(self) -> dict[str, Any]:
        return {
            "n_units": self.n_units, "n_inputs": self.n_inputs, "n_static": self.n_static,
            "n_off": self.n_off, "static": self.static, "dynamic": self.dynamic,
            "total": self.total,
        }  # fmt: skip


@dataclass(frozen=True)
class PlaceRates:
    """What was counted at one activation.

    Args:
        name: Qualified name of the module, or of the module whose forward makes the call, with the
            call: ``block.0: F.relu``; a number where one place runs several times.
        kind: The layer or function.
        shape: Of one input's units.
        off: Per element.
        saturated: The same counts with "the size of f′ is below the tolerance" for "off"; None if
            f could not be differentiated here, or mixes elements and so has no slope per unit.
        channels: Where a unit has a position beside its channel (three axes or more): a channel is
            off on an input if all its positions are. None where channels cannot be told.
        channel_axis: The axis of channels, the batch being axis 0; None without channels.
        surrogate: What is said of a backward pass that is not the gradient of the forward; then f′
            is what is passed backward. None of an ordinary activation.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    off: OffCounts
    saturated: OffCounts | None
    channels: OffCounts | None
    channel_axis: int | None = None
    surrogate: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "kind": self.kind, "surrogate": self.surrogate,
            "shape": list(self.shape),
            "elements": self.off.to_dict(),
            "channel_axis": self.channel_axis,
            "channels": None if self.channels is None else self.channels.to_dict(),
            "saturated": None if self.saturated is None else self.saturated.to_dict(),
        }  # fmt: skip


@dataclass(frozen=True)
class DeadReport:
    """Dead units of a network on a data set.

    Args:
        threshold: A unit is off where its size is at most this.
        tolerance: A unit is saturated where |f′| is below this.
        n_inputs: Of the data set.
        places: In the order of the forward pass.
        notes: What was not seen, or not counted, and why.
    """

    threshold: float
    tolerance: float
    n_inputs: int
    places: tuple[PlaceRates, ...]
    notes: tuple[str, ...] = ()

    @property
    def off(self) -> OffCounts:
        """All units that every input reached, as one group."""
        return _sum([p.off for p in self.places if p.off.n_inputs == self.n_inputs])

    @property
    def saturated(self) -> OffCounts | None:
        """The same of saturation; None if it is unknown somewhere."""
        known = [p.saturated for p in self.places if p.off.n_inputs == self.n_inputs]
        return None if any(s is None for s in known) else _sum([s for s in known if s is not None])

    def to_dict(self) -> dict[str, Any]:
        saturated = self.saturated
        return {
            "threshold": self.threshold, "saturation_tolerance": self.tolerance,
            "n_inputs": self.n_inputs, "unit": "element",
            "all": {
                "elements": self.off.to_dict(),
                "saturated": None if saturated is None else saturated.to_dict(),
            },
            "places": [p.to_dict() for p in self.places], "notes": list(self.notes),
        }  # fmt: skip


def _sum(counts: list[OffCounts]) -> OffCounts:
    if not counts:
        raise UsageError("No activation was reached by every input, so there is no common rate.")
    total = counts[0]
    for one in counts[1:]:
        total = total + one
    return total


class Tally:
    """Per-unit counts of one activation, batch after batch; memory does not grow with the data."""

    def __init__(
        self, name: str, kind: str, *, channel_axis: int | None = None, surrogate: str | None = None
    ) -> None:
        self.name, self.kind = name, kind
        self.channel_axis, self.surrogate = channel_axis, surrogate
        self.n_inputs = 0
        self._off: Tensor | None = None
        self._saturated: Tensor | None = None
        self._channels: Tensor | None = None
        self._differentiable = True

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Of one input's units; None before the first batch."""
        return None if self._off is None else tuple(self._off.shape)

    def add(self, off: Tensor, saturated: Tensor | None) -> None:
        """Count one batch.

        Args:
            off: Bool, shape (batch, …): whether each unit is off on each input.
            saturated: Bool, the same shape, or None.
        """
        if self._off is None:
            self._off = torch.zeros(off.shape[1:], dtype=torch.int64)
            self._saturated = torch.zeros_like(self._off)
            if self.channel_axis is not None:
                self._channels = torch.zeros(off.shape[self.channel_axis], dtype=torch.int64)
        self.n_inputs += len(off)
        self._off += off.sum(0).cpu()
        if self._channels is not None and self.channel_axis is not None:
            by_channel = off.movedim(self.channel_axis, 1).flatten(2)
            self._channels += by_channel.all(2).sum(0).cpu()
        if saturated is None:
            self._differentiable = False
        elif self._saturated is not None:
            self._saturated += saturated.sum(0).cpu()

    def rates(self) -> PlaceRates:
        """What was counted.

        Raises:
            UsageError: If nothing was.
        """
        if self._off is None or not self._off.numel() or not self.n_inputs:
            raise UsageError(f"{self.name} has put out no units; there is nothing to count.")
        saturated = self._saturated if self._differentiable else None
        return PlaceRates(
            self.name,
            self.kind,
            tuple(self._off.shape),
            OffCounts.of(self._off, self.n_inputs),
            None if saturated is None else OffCounts.of(saturated, self.n_inputs),
            None if self._channels is None else OffCounts.of(self._channels, self.n_inputs),
            None if self._channels is None else self.channel_axis,
            self.surrogate,
        )
