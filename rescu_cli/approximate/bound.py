"""sup |P − f| over a range: a proved upper bound by branch and bound, and what refutes one.

On a box m ± w inside a stretch, e = f − P is e₀ + e₁u + q(u)·u² for |u| ≤ w, where by Taylor and
Lagrange

    q(u) ∈ E₂ = e₂ + Σ_{2<j<n} |e_j|·[−w, w]^(j−2) + e_n(box)·[−w, w]^(n−2),

e_j = e⁽ʲ⁾(m)/j! and e_n(box) a ball around e⁽ⁿ⁾/n! on the box. So e ≤ e₀ + |e₁|w + max(E₂, 0)w²,
and e ≤ e₀ − e₁²/(4·sup E₂) where sup E₂ < 0; likewise for −e. The e_j are small where P is close
to f, although the derivatives of f and P are not: taking the difference at the point first is what
keeps the number of boxes small. Where f has no such series, the ball of e on the box is taken. Best
first, halved until the largest bound is as close to the largest |e| seen as asked for
(docs/approx.md).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

import flint
import sympy as sp

from rescu_cli.approximate.series import taylor
from rescu_cli.approximate.target import BITS, Stretch, Target
from rescu_cli.certify.verdict import Verdict
from rescu_cli.core import balls
from rescu_cli.errors import UnsupportedError

MAX_BOXES = 60_000
TOLERANCE = 1e-4
"""How close to the true supremum the proved bound comes."""
_NOTHING = 2.0**-160
_LENGTHS = (12, 2)
"""Orders of the remainder that are tried: on a box that is wide against a sharp transition, only
the low one is finite."""


class Approximant(Protocol):
    """What can be compared with a target."""

    def at(self, x: balls.Ball) -> tuple[balls.Ball, balls.Ball]:
        """P and P′ at a point."""

    def taylor(
        self, middle: balls.Ball, width: balls.Ball, length: int
    ) -> tuple[list[balls.Ball], balls.Ball]:
        """Σ_{j<n} p_j·u^j + r·u^n = P(middle + u) for |u| ≤ width: the p_j, and a ball with r."""


@dataclass(frozen=True)
class SupError:
    """sup |P − f| over a range.

    Args:
        value: Upper bound, rounded up; where nothing is proved, the largest |P − f| seen.
        proved: Whether ``value`` is a proved upper bound.
        lower: |P − f| reaches this at ``at``.
        at: Where the largest difference was seen.
        boxes: How many boxes the proof took.
        reason: Why nothing was proved.
    """

    value: float
    proved: bool
    lower: float
    at: float
    boxes: int = 0
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "proved": self.proved,
            "reached": self.lower,
            "at": self.at,
            "method": "ball" if self.proved else "sampling",
            "boxes": self.boxes,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Judgement:
    """What became of the statement |P − f| ≤ bound.

    Args:
        verdict: Proved, refuted or undecided.
        witness: A point at which it fails.
        reason: Why it is undecided.
    """

    verdict: Verdict
    witness: float | None = None
    reason: str | None = None


class Box:
    """|e| on middle ± width of one stretch: an upper bound and a value that is reached."""

    def __init__(
        self, stretch: Stretch, approximant: Approximant, middle: balls.Ball, width: balls.Ball
    ) -> None:
        self.stretch, self.middle, self.width = stretch, middle, width
        e0 = stretch.enclose(middle) - approximant.at(middle)[0]
        self.reached = abs(e0).lower() if e0.is_finite() else flint.arb(0)
        for length in _LENGTHS:
            found = _quadratic(stretch, approximant, middle, width, length)
            if found is not None:
                e1, bend = found
                upper, lower = _crest(e0, e1, bend, width), _crest(-e0, -e1, -bend, width)
                self.upper = upper if upper > lower else lower
                return
        self.upper = _plain(stretch, approximant, middle, width)

    @property
    def halves(self) -> tuple[balls.Ball, balls.Ball, balls.Ball]:
        """Middles and width of the two halves; exact, since middle and width are dyadic."""
        half = self.width / 2
        return self.middle - half, self.middle + half, half


def _quadratic(
    stretch: Stretch, approximant: Approximant, middle: balls.Ball, width: balls.Ball, length: int
) -> tuple[balls.Ball, balls.Ball] | None:
    """e₁ and E₂ of the box; None if f has no such series there."""
    at_middle = taylor(stretch.value, middle, length)
    on_box = taylor(stretch.value, middle + width * flint.arb(0, 1), length + 1)
    if at_middle is None or on_box is None:
        return None
    terms, rest = approximant.taylor(middle, width, length)
    e = [f - p for f, p in zip(at_middle, terms, strict=True)]
    remainder = on_box[length] - rest
    if length == 2:
        bend = remainder
    else:
        spread = sum((abs(c) * width ** (j - 2) for j, c in enumerate(e[3:], 3)), flint.arb(0))
        spread += abs(remainder) * width ** (length - 2)
        bend = e[2] + spread * flint.arb(0, 1)
    return (e[1], bend) if e[1].is_finite() and bend.is_finite() else None


def _crest(e0: balls.Ball, e1: balls.Ball, bend: balls.Ball, width: balls.Ball) -> balls.Ball:
    """Above e₀ + e₁u + q·u² for |u| ≤ width and q in the ball ``bend``."""
    steepest = bend.upper()
    bulge = steepest * width * width if steepest > 0 else flint.arb(0)
    edge = (e0 + abs(e1) * width + bulge).upper()
    if not steepest < 0:
        return edge
    vertex = (e0 - e1 * e1 / (4 * steepest)).upper()
    return vertex if vertex < edge else edge


def _plain(
    stretch: Stretch, approximant: Approximant, middle: balls.Ball, width: balls.Ball
) -> balls.Ball:
    """Above |e| on the box, from the ball of f there and P(middle + u) = p₀ + r·u."""
    terms, rest = approximant.taylor(middle, width, 1)
    whole = stretch.enclose(middle + width * flint.arb(0, 1))
    return (abs(whole - terms[0]).upper() + (abs(rest) * width).upper()).upper()


def start_box(stretch: Stretch, approximant: Approximant) -> Box:
    """A box over the whole stretch; its dyadic ends lie outward by less than 2^−150."""
    low, high = stretch.ends()
    scale = 2**160
    down = math.floor(Fraction(*_ratio(low.lower())) * scale)
    up = math.ceil(Fraction(*_ratio(high.upper())) * scale)
    with balls.precision(4 * BITS):
        middle = flint.arb(flint.fmpq(down + up, 2 * scale))
        width = flint.arb(flint.fmpq(up - down, 2 * scale))
    return Box(stretch, approximant, middle, width)


def _ratio(end: balls.Ball) -> tuple[int, int]:
    exact = balls.rational(end)
    return int(exact.p), int(exact.q)


def sup_error(
    target: Target,
    approximant: Approximant,
    low: sp.Expr,
    high: sp.Expr,
    *,
    bits: int = BITS,
    tolerance: float = TOLERANCE,
    splits: Sequence[sp.Expr] = (),
) -> SupError:
    """Bound sup |P − f| on [low, high] from above, with proof where balls enclose f.

    Args:
        target: f.
        approximant: P.
        low: Exact left end.
        high: Exact right end.
        bits: Working precision; doubled where the error drowns in it.
        tolerance: Relative distance between bound and truth that is aimed at.
        splits: Further points at which P has a corner.
    """
    stretches = cut(target.stretches(low, high), splits)
    reason = target.why_unproved
    if target.closed_form:
        try:
            for precision in (bits, 4 * bits):
                with balls.precision(precision):
                    found = _search(stretches, approximant, tolerance)
                if found is not None:
                    return found
            reason = f"no bound with {MAX_BOXES} boxes"
        except UnsupportedError as error:
            reason = str(error)
    with balls.precision(bits):
        size, at = _sampled(target, stretches, approximant)
    return SupError(size, proved=False, lower=size, at=at, reason=reason)


def cut(stretches: Sequence[Stretch], splits: Sequence[sp.Expr]) -> tuple[Stretch, ...]:
    """The stretches, cut at rational points inside them."""
    parts = list(stretches)
    for split in splits:
        with balls.precision(BITS):
            at = balls.evaluate(split, {})
            for i, part in enumerate(parts):
                low, high = part.ends()
                if low < at < high:
                    parts[i : i + 1] = [replace(part, upper=split), replace(part, lower=split)]
                    break
    return tuple(parts)


def _search(
    stretches: Sequence[Stretch], approximant: Approximant, tolerance: float
) -> SupError | None:
    best, at = flint.arb(0), 0.0
    heap: list[tuple[float, int, Box]] = []
    count = 0

    def push(box: Box) -> None:
        nonlocal best, at, count
        if box.reached > best:
            best, at = box.reached, float(box.middle.mid())
        key = _up(box.upper) if box.upper.is_finite() else math.inf
        heapq.heappush(heap, (-key, count, box))
        count += 1

    for stretch in stretches:
        push(start_box(stretch, approximant))
        for end in stretch.ends():
            e = abs(stretch.enclose(end) - approximant.at(end)[0])
            if e.is_finite() and e.lower() > best:
                best, at = e.lower(), float(end.mid())
    while count < MAX_BOXES:
        top = -heap[0][0]  # the largest bound of all boxes, rounded up
        floor = _down(best)
        if top <= floor * (1 + tolerance) or top <= _NOTHING:
            return SupError(top, proved=True, lower=floor, at=at, boxes=len(heap))
        box = heapq.heappop(heap)[2]
        left, right, width = box.halves
        push(Box(box.stretch, approximant, left, width))
        push(Box(box.stretch, approximant, right, width))
    return None


def judge_bound(
    target: Target, approximant: Approximant, low: sp.Expr, high: sp.Expr, bound: float,
    *, bits: int = 2 * BITS, splits: Sequence[sp.Expr] = (),
) -> Judgement:  # fmt: skip
    """Is |P − f| ≤ bound on [low, high]? Decided afresh, at twice the precision of the search."""
    if not target.closed_form:
        return Judgement(Verdict.UNDECIDED, reason="f is not enclosed on intervals")
    limit = flint.arb(bound)
    with balls.precision(bits):
        work = [start_box(s, approximant) for s in cut(target.stretches(low, high), splits)]
        done = 0
        while work:
            box = work.pop()
            if box.upper <= limit:
                continue
            if box.reached > limit:
                return Judgement(Verdict.REFUTED, witness=float(box.middle.mid()))
            done += 1
            if done > MAX_BOXES:
                return Judgement(Verdict.UNDECIDED, reason=f"open after {MAX_BOXES} boxes")
            left, right, width = box.halves
            work += [Box(box.stretch, approximant, m, width) for m in (right, left)]
    return Judgement(Verdict.PROVED)


def _sampled(
    target: Target, stretches: Sequence[Stretch], approximant: Approximant
) -> tuple[float, float]:
    """The largest |P − f| on a grid: no proof."""
    best, at = 0.0, 0.0
    for stretch in stretches:
        low, high = stretch.ends()
        for i in range(401):
            x = (low + (high - low) * i / 400).mid()
            e = abs(float((target.at(stretch, x) - approximant.at(x)[0]).mid()))
            if e > best:
                best, at = e, float(x)
    return best, at


def _up(ball: balls.Ball) -> float:
    """A double above the ball."""
    value = float(ball.upper().mid())
    while flint.arb(value) < ball.upper():
        value = math.nextafter(value, math.inf)
    return value


def _down(ball: balls.Ball) -> float:
    """A double below the ball."""
    value = float(ball.lower().mid())
    while flint.arb(value) > ball.lower():
        value = math.nextafter(value, -math.inf)
    return value
