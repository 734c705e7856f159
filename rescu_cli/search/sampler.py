"""What evolution needs of a space: draw, change a little, tell apart, and refuse."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np

from rescu_cli.search.formula import Formula, Operand, Unit
from rescu_cli.search.grammar import BINARY, UNARY
from rescu_cli.search.space import rejection

C = TypeVar("C")


class Sampler(Protocol[C]):
    """A space of candidates."""

    def sample(self, rng: np.random.Generator) -> C:
        """A candidate at random."""

    def mutate(self, candidate: C, rng: np.random.Generator) -> C:
        """One choice of it drawn anew."""

    def mark(self, candidate: C) -> bytes:
        """Equal for candidates that are one function."""

    def rejection(self, candidate: C) -> str | None:
        """Why it cannot be trained; None if it can."""


class Formulas:
    """Formulas of a fixed number of units.

    A unit after the first applies each of its words to x or to the unit before it; at least one of
    them to the unit before, which would have no effect otherwise.

    Args:
        n_units: One or two.
    """

    def __init__(self, n_units: int) -> None:
        self.n_units = n_units

    def sample(self, rng: np.random.Generator) -> Formula:
        return Formula(tuple(self._unit(number, rng) for number in range(self.n_units)))

    def mutate(self, candidate: Formula, rng: np.random.Generator) -> Formula:
        units = list(candidate.units)
        number = int(rng.integers(len(units)))
        unit, drawn = units[number], self._unit(number, rng)
        choice = rng.integers(3 if number == 0 else 4)
        if choice == 0:
            unit = Unit(drawn.binary, unit.first, unit.second)
        elif choice == 1:
            unit = Unit(unit.binary, (drawn.first[0], unit.first[1]), unit.second)
        elif choice == 2:
            unit = Unit(unit.binary, unit.first, (drawn.second[0], unit.second[1]))
        else:
            unit = Unit(unit.binary, (unit.first[0], drawn.first[1]),
                        (unit.second[0], drawn.second[1]))  # fmt: skip
        units[number] = unit
        return Formula(tuple(units))

    def mark(self, candidate: Formula) -> bytes:
        return candidate.shape()

    def rejection(self, candidate: Formula) -> str | None:
        return rejection(candidate)

    def _unit(self, number: int, rng: np.random.Generator) -> Unit:
        words = [int(w) for w in rng.integers(len(UNARY), size=2)]
        operands = (0, 0) if number == 0 else [(0, 1), (1, 0), (1, 1)][int(rng.integers(3))]
        first: Operand = (words[0], operands[0])
        second: Operand = (words[1], operands[1])
        return Unit(int(rng.integers(len(BINARY))), first, second)
