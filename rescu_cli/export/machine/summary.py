"""Puts the tallies of blocks together, and confirms their worst spots by the reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from rescu_cli.core.edges import FloatFormat
from rescu_cli.core.reference import What
from rescu_cli.errors import InternalError
from rescu_cli.export.machine.judge import Judged, Ordered
from rescu_cli.export.machine.order import value_at
from rescu_cli.export.machine.report import Finding, Order, Quantity
from rescu_cli.export.machine.tally import Count, Spot, Tally
from rescu_cli.export.machine.truth import QUANTITIES, RESOLUTION, Truth
from rescu_cli.export.machine.walk import Layout
from rescu_cli.export.ulp import distance

_WATCHED = 8
"""Inputs per block at which the truth itself is compared with the rigorous reference."""


def joined(
    layout: Layout, blocks: list[Judged], ordered: Sequence[Ordered], kind: FloatFormat
) -> list[Judged]:
    """The blocks, with the pairs of neighbours across their borders."""
    result = blocks[:1]
    for number, (left, right) in enumerate(pairwise(blocks)):
        start, stop = layout.ends(number)
        last = range(start, stop, layout.step)[-1]
        tallies = dict(right.tallies)
        for name, a in left.last.items():
            what, _, way = name.partition("/")
            b = right.first[name]
            for o in ordered:
                inside = o.start <= last and layout.ends(number + 1)[0] < o.stop
                if o.what == what and inside and (b - a) * o.direction < 0:
                    unit = float(kind.quantum(np.asarray(a)))
                    spot = Spot(last, f"{a!r} then {b!r}", way, abs(b - a) / unit)
                    tallies[o.what] = tallies[o.what].seen("drops", Count(1, spot))
        result.append(replace(right, tallies=tallies))
    return result


def watch(truth: Truth, layouts: Sequence[Layout]) -> None:
    """Compare the truth with the rigorous reference at seeded inputs of every block."""
    if truth.kind.name == "float64":
        return
    draw = random.Random(1)  # noqa: S311  # reason: a sample, not a secret
    for layout in layouts:
        for number in range(layout.n_blocks):
            for _ in range(_WATCHED):
                at = draw.randrange(*layout.ends(number))
                x = value_at(truth.kind, at)
                if np.isfinite(x):
                    for what in QUANTITIES:
                        truth.watch(x, what)


def quantity_of(
    what: What, tally: Tally, truth: Truth, bound: float, step_back: float,
    ordered: Sequence[Ordered],
) -> Quantity:  # fmt: skip
    """What the tally of one quantity says."""

    def finding(name: str, *, measured: bool = False) -> Finding:
        return _finding(getattr(tally, name), truth, what, measured)

    kind = truth.kind
    between = tuple(
        (value_at(kind, o.start), value_at(kind, o.stop - 1), o.direction)
        for o in ordered
        if o.what == what
    )
    return Quantity(
        bound=bound,
        worst=finding("distance", measured=True),
        beyond=finding("beyond", measured=True),
        excused=finding("excused", measured=True),
        underflow=finding("underflow", measured=True),
        spurious_nan=finding("spurious_nan"),
        lost_nan=finding("lost_nan"),
        spurious_inf=finding("spurious_inf"),
        sign=finding("sign"),
        zero=finding("zero"),
        unknown=finding("unknown"),
        order=Order(between, finding("drops"), step_back),
    )


def _finding(count: Count, truth: Truth, what: What, measured: bool) -> Finding:
    """A count with its worst spot, confirmed by the rigorous reference."""
    spot = count.spot
    if spot is None:
        return Finding(count.n)
    x = value_at(truth.kind, spot.key)
    exact, ulps = truth.exactly(x, what), spot.size
    if measured:
        high, low = truth.reference.pairs([x], what)
        found = float(spot.found)
        ulps = float(distance(truth.kind, np.array([found]), high, low)[0])
        if abs(ulps - spot.size) > 2 * RESOLUTION * max(1.0, 2.0**-20 * ulps):
            raise InternalError(
                f"{truth.activation.spec}: {spot.size:.3f} ulp at x={x!r} by the fast evaluation, "
                f"{ulps:.3f} by the reference."
            )
    return Finding(count.n, x, spot.found, exact, spot.way, ulps)
