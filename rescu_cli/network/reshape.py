"""DeepReShape: channel multipliers that put a network's ReLUs where they matter most.

Stage i of a network whose resolution halves from stage to stage has

    N_i = layers · C · H·W · (m_1 ⋯ m_{i−1}) / 4^{i−1}

ReLUs, with m_k the multipliers of the channels (α, β, γ for four stages): ratios 1 : α/4 : αβ/16 :
αβγ/64. Usual networks double, m = (2, 2, 2), and so have ever fewer ReLUs in deeper stages,
although middle ones matter more.

N. K. Jha, B. Reagen, "DeepReShape: Redesigning Neural Networks for Efficient Private Inference",
arXiv 2304.10593, section on ReLU equalisation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

from rescu_cli.errors import UsageError

MOST_STAGES = 6
Multipliers = tuple[int, ...]


@dataclass(frozen=True)
class Order:
    """Stages from the most to the least critical.

    Args:
        stages: Numbers 1 … n, each once, 2 ≤ n ≤ `MOST_STAGES`.
        ties: Whether neighbours in the order may have equally many ReLUs.

    Raises:
        UsageError: If it is no permutation, or too short or long.
    """

    stages: tuple[int, ...]
    ties: bool = False

    def __post_init__(self) -> None:
        n = len(self.stages)
        if not 2 <= n <= MOST_STAGES:
            raise UsageError(f"An order of {n} stages asked; possible are 2 … {MOST_STAGES}.")
        if sorted(self.stages) != list(range(1, n + 1)):
            raise UsageError(
                f"The order {self} must name each of S1 … S{n} once, most critical first."
            )

    def __str__(self) -> str:
        return ",".join(f"S{stage}" for stage in self.stages)

    @property
    def n_multipliers(self) -> int:
        return len(self.stages) - 1

    def _rules(self) -> Iterator[tuple[int, int, bool]]:
        """(i, j, rises) with i < j: whether stage j must have more ReLUs than stage i.

        Neighbours in the order are enough: "more than" is transitive, with ties and without.
        """
        for more, less in zip(self.stages, self.stages[1:], strict=False):
            yield min(more, less) - 1, max(more, less) - 1, more > less

    def holds(self, multipliers: Sequence[int], upto: int | None = None) -> bool:
        """Whether the stages' ReLUs fall along the order; exact, in whole numbers.

        N_j > N_i with i < j is m_{i+1} ⋯ m_j > 4^{j−i}; with ties ≥.

        Args:
            multipliers: The first of them, at least ``upto``.
            upto: Judge only stages 0 … upto; all if None.
        """
        last = self.n_multipliers if upto is None else upto
        for i, j, rises in self._rules():
            if j <= last:
                left, right = prod(multipliers[i:j]), 4 ** (j - i)
                if left == right:
                    if not self.ties:
                        return False
                elif (left > right) != rises:
                    return False
        return True

    def needs(self, multipliers: Sequence[int], k: int, least: int) -> bool:
        """Whether making the k-th multiplier smaller by 1 can break a rule, whatever follows.

        Args:
            multipliers: The first of them, more than k.
            k: Which.
            least: What the others are at least; stands for those that follow.
        """
        if multipliers[k] <= least:
            return True
        known = len(multipliers)
        for i, j, rises in self._rules():
            if rises and i <= k < j:
                rest = prod(m for at, m in enumerate(multipliers[i:j], i) if at != k)
                rest *= least ** max(0, j - max(known, i))
                smaller = (multipliers[k] - 1) * rest
                if smaller < 4 ** (j - i) or (smaller == 4 ** (j - i) and not self.ties):
                    return True
        return False


def parse_order(text: str, n_stages: int | None = None, *, ties: bool = False) -> Order:
    """``S3,S2,S4,S1`` (or ``S3>S2>S4>S1``) → `Order`.

    Args:
        text: Most critical first.
        n_stages: How many there must be; as many as are named if None.
        ties: See `Order`.

    Raises:
        UsageError: If a name is not S1 … Sn, or one is missing or named twice.
    """
    names = [part.strip() for part in re.split("[,>]", text)]
    n = len(names) if n_stages is None else n_stages
    if not 2 <= n <= MOST_STAGES:
        raise UsageError(f"{n} stages asked; possible are 2 … {MOST_STAGES}.")
    known = {f"S{i}": i for i in range(1, n + 1)}
    unknown = [name for name in names if name.upper() not in known]
    if unknown:
        raise UsageError(
            f"The order {text!r} names {unknown[0] or 'nothing'!r}; the stages of {n} are "
            f"{', '.join(known)}."
        )
    stages = tuple(known[name.upper()] for name in names)
    if sorted(stages) != list(known.values()):
        raise UsageError(
            f"The order {text!r} must name each of {', '.join(known)} once, most critical first."
        )
    return Order(stages, ties)


@dataclass(frozen=True)
class Reshape:
    """All minimal multipliers of an order.

    Args:
        order: What was asked.
        least: No multiplier is smaller.
        largest: No multiplier is larger.
        complete: Whether ``largest`` cuts off no minimal solution.
        solutions: Sorted.
    """

    order: Order
    least: int
    largest: int
    complete: bool
    solutions: tuple[Multipliers, ...]

    def ratios(self, multipliers: Multipliers) -> tuple[Fraction, ...]:
        """ReLUs of each stage over those of the first."""
        return tuple(
            Fraction(prod(multipliers[:k]), 4**k) for k in range(self.order.n_multipliers + 1)
        )

    def to_dict(self, channels: int, size: int, layers: int) -> dict[str, Any]:
        """As in the command's JSON, with the counts of a network.

        Args:
            channels: Of the first stage.
            size: Height and width of the first stage; halves from stage to stage.
            layers: ReLU layers per stage.

        Raises:
            UsageError: If the size does not halve that often, see `stage_counts`.
        """
        details = []
        for solution in self.solutions:
            widths = [channels * prod(solution[:k]) for k in range(len(solution) + 1)]
            counts = stage_counts(widths, size, layers)
            details.append(
                {
                    "multipliers": list(solution),
                    "ratios": [str(ratio) for ratio in self.ratios(solution)],
                    "channels": widths,
                    "relus": counts,
                    "total": sum(counts),
                }
            )
        return {
            "order": [f"S{stage}" for stage in self.order.stages],
            "ties": self.order.ties,
            "least": self.least,
            "largest": self.largest,
            "complete": self.complete,
            "solutions": [list(solution) for solution in self.solutions],
            "network": {"channels": channels, "size": size, "layers_per_stage": layers},
            "details": details,
        }


def stage_counts(widths: Sequence[int], size: int, layers: int = 1) -> list[int]:
    """ReLUs per stage of a network of square images whose side halves.

    Only exact halves: rounding a side up gives its stage more ReLUs than the formula above says,
    and the counts of a solution would no longer follow its order.

    Raises:
        UsageError: If a number is not positive, or the side does not halve so often.
    """
    if min(*widths, size, layers) < 1:
        raise UsageError(f"Channels {list(widths)}, size {size} and {layers} layers per stage must "
                         "be positive.")  # fmt: skip
    unit = 2 ** (len(widths) - 1)
    if size % unit:
        below, above = size // unit * unit, -(-size // unit) * unit
        raise UsageError(
            f"A side of {size} does not halve {len(widths) - 1} times; {len(widths)} stages need "
            f"multiples of {unit}, such as {f'{below} or ' if below else ''}{above}."
        )
    return [layers * width * (size >> k) ** 2 for k, width in enumerate(widths)]


def reshape(order: Order, *, least: int = 1, largest: int | None = None) -> Reshape:
    """All minimal whole multipliers whose stages' ReLUs follow the order.

    A solution is minimal if no other one is at most as large in every multiplier. The rules of an
    order are m_{i+1} ⋯ m_j > 4^{j−i} where ReLUs must rise from stage i to j, and < where they must
    fall (≥ and ≤ with ties).

    Completeness. Let m be minimal and m_k > least. Making m_k smaller by 1 keeps every falling
    rule, so it must break a rising one that contains k: (m_k − 1)·R ≤ 4^{j−i} (< with ties), with
    R ≥ 1 the product of its other multipliers. Hence m_k ≤ 4^{n−1} + 1, and a prefix (m_1 … m_p) in
    which some m_k > least fails (m_k − 1)·R ≤ 4^{j−i} for every such rule, even with ``least`` for
    what follows, is the beginning of no minimal solution. The search walks all prefixes up to that
    bound, dropping only those, and those that break a rule by themselves. What it finds are
    solutions, among them every minimal one; and a solution that is not minimal lies above a minimal
    one, so that leaving out what lies above another leaves exactly the minimal ones. The same holds
    with ``largest``: what lies below an allowed solution is allowed.

    Args:
        order: Most critical first.
        least: Smallest multiplier; with 2 every stage is wider than the one before, as in the
            paper's networks.
        largest: Largest multiplier; the bound above if None, which loses nothing.

    Raises:
        UsageError: If ``least`` is below 1 or ``largest`` below ``least``.

    Example:
        >>> reshape(parse_order("S3,S2,S4,S1"), least=2).solutions
        ((5, 5, 3), (5, 7, 2), (6, 6, 2), (7, 5, 2))
    """
    bound = 4**order.n_multipliers + 1
    top = bound if largest is None else largest
    if least < 1 or top < least:
        raise UsageError(
            f"Multipliers from {least} to {top} asked; the first must be at least 1, and not above "
            "the second."
        )
    found = list(_search(order, (), least, min(top, max(bound, least))))
    minimal = tuple(sorted(s for s in found if not any(_below(o, s) for o in found)))
    return Reshape(order, least, top, top >= bound, minimal)


def _search(order: Order, prefix: Multipliers, least: int, largest: int) -> Iterator[Multipliers]:
    if len(prefix) == order.n_multipliers:
        yield prefix
        return
    for value in range(least, largest + 1):
        longer = (*prefix, value)
        # Both only get worse with the value: nothing further on in this loop would pass.
        if not order.needs(longer, len(prefix), least):
            return
        if order.holds(longer, len(longer)) and all(
            order.needs(longer, k, least) for k in range(len(prefix))
        ):
            yield from _search(order, longer, least, largest)


def _below(other: Multipliers, solution: Multipliers) -> bool:
    return other != solution and all(a <= b for a, b in zip(other, solution, strict=True))
