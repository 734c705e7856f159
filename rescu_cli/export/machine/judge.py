"""Holds results against the truth: distance in ulps, NaN and inf, order, sign, zero.

A run of neighbouring floats is first tried as a whole: if its results are finite, on the side of 0
where the truth is, and no further off than the worst known, nothing more is to be learnt from it.
Whatever is not settled so is judged point by point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rescu_cli.core.edges import FloatFormat, float_format
from rescu_cli.core.reference import What
from rescu_cli.export.machine.bounded import Evaluator
from rescu_cli.export.machine.order import floats, patterns
from rescu_cli.export.machine.subject import Subject
from rescu_cli.export.machine.tally import Count, Spot, Tally
from rescu_cli.export.machine.truth import QUANTITIES, RESOLUTION, Truth, unit_of
from rescu_cli.export.ulp import distance

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ordered:
    """Keys between which a quantity is monotone.

    Args:
        what: Value or gradient.
        start: First key.
        stop: Key after the last one.
        direction: 1 if it does not fall there, −1 if it does not rise.
    """

    what: What
    start: int
    stop: int
    direction: int


@dataclass(frozen=True)
class Judged:
    """A range of keys, judged.

    Args:
        tallies: By quantity.
        first: For each quantity and way, the result at the first key.
        last: At the last one.
    """

    tallies: dict[What, Tally]
    first: dict[str, float]
    last: dict[str, float]


class Judge:
    """Judges runs of keys.

    Args:
        truth: Where the truth is known from.
        run: The code.
        bounds: Ulps within which a quantity agrees.
        ordered: Where order is asked for.
        step: Distance between the keys that are tried.
    """

    def __init__(
        self, truth: Truth, run: Subject, bounds: dict[What, float], ordered: Sequence[Ordered],
        step: int = 1,
    ) -> None:  # fmt: skip
        self._truth, self._run, self._bounds, self._ordered = truth, run, bounds, ordered
        self._kind, self._step = truth.kind, step
        self._computing = _computing(truth.kind)
        self._tallies: dict[What, Tally] = {what: Tally() for what in QUANTITIES}
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._last_key = -1

    @property
    def judged(self) -> Judged:
        """What came out so far."""
        return Judged(self._tallies, self._first, self._last)

    def take(self, start: int, stop: int) -> None:
        """Judge the keys from ``start`` to ``stop``; calls go from left to right."""
        bits = patterns(self._kind, start, stop, self._step)
        xs = floats(self._kind, bits)
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            results = self._run(bits)
            wide = xs.astype(np.float64)
            pieces = list(self._truth.stretches(start, stop))
            finite = bool(np.isfinite(wide[0]) and np.isfinite(wide[-1]))
            evaluator = Evaluator(wide, flat=True) if finite and len(pieces) == 1 else None
            for what in QUANTITIES:
                self._quantity(what, start, wide, evaluator, pieces, results[what])
        self._last_key = start + (len(wide) - 1) * self._step

    def _quantity(
        self, what: What, start: int, xs: Array, evaluator: Evaluator | None, pieces: Any,
        results: dict[str, npt.NDArray[Any]],
    ) -> None:  # fmt: skip
        self._tallies[what] = self._tallies[what].seen("distance", Count(len(xs)))
        flat = evaluator and self._truth.flat(evaluator, pieces[0].piece, what)
        slow: tuple[Array, Array] | None = None
        judged: npt.NDArray[Any] | None = None
        for way, found in results.items():
            name = f"{what}/{way}"
            if self._last_key < 0:
                self._first[name] = float(found[0])
            else:
                self._border(what, way, start, found)
            self._last[name] = float(found[-1])
            if judged is not None and np.array_equal(judged, found):
                continue  # bit for bit the same but for the signs of zeros
            judged = found
            self._order(what, way, start, found)
            if flat and self._settled(what, way, start, found, *flat):
                continue
            if slow is None:
                slow = self._point_by_point(what, xs, start, pieces)
            self._points(what, way, start, xs, found, slow, pieces)

    # -- order ------------------------------------------------------------------------------

    def _border(self, what: What, way: str, start: int, found: npt.NDArray[Any]) -> None:
        before = self._last[f"{what}/{way}"]
        for o in self._ordered:
            inside = o.what == what and o.start <= self._last_key and start < o.stop
            if inside and (float(found[0]) - before) * o.direction < 0:
                pair = np.array([before, float(found[0])])
                self._drops(what, way, self._last_key, pair, o.direction)

    def _order(self, what: What, way: str, start: int, found: npt.NDArray[Any]) -> None:
        for o in self._ordered:
            if o.what != what:
                continue
            low = max(0, -(-(o.start - start) // self._step))
            high = min(len(found), -(-(o.stop - start) // self._step))
            if high - low > 1:
                part = found[low:high]
                self._drops(what, way, start + low * self._step, part, o.direction)

    def _drops(
        self, what: What, way: str, start: int, found: npt.NDArray[Any], direction: int
    ) -> None:
        left, right = found[:-1], found[1:]
        wrong = right < left if direction > 0 else right > left
        n = int(np.count_nonzero(wrong))
        if n:
            at = np.flatnonzero(wrong)
            a, b = left[at].astype(np.float64), right[at].astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                unit = self._kind.quantum(np.where(np.isfinite(a), a, self._kind.largest))
                sizes = np.abs(b - a) / unit
            worst = int(np.argmax(sizes))
            seen = f"{float(a[worst])!r} then {float(b[worst])!r}"
            spot = Spot(start + int(at[worst]) * self._step, seen, way, float(sizes[worst]))
            self._tallies[what] = self._tallies[what].seen("drops", Count(n, spot))

    # -- a whole run ------------------------------------------------------------------------

    def _settled(
        self, what: What, way: str, start: int, found: npt.NDArray[Any], truth: Any, low: float,
        high: float,
    ) -> bool:  # fmt: skip
        """Whether the run holds nothing wrong; a new worst distance is noted."""
        least, most = float(found.min()), float(found.max())
        if low == high == least == most:
            return True  # exactly, and the truth itself or within the resolution of it
        same_side = (least > 0 and low > 0) or (most < 0 and high < 0)
        size = max(abs(low), abs(high))
        if not same_side or not size < self._kind.largest or math.isinf(least) or math.isinf(most):
            return False
        off = np.subtract(found, truth, dtype=np.float64)
        worst = max(-float(off.min()), float(off.max()))
        low_unit = unit_of(self._kind, min(abs(low), abs(high)))
        known = self._tallies[what].distance.spot
        top = 0.0 if known is None else known.size
        if worst / low_unit <= top:
            return True
        if low_unit != unit_of(self._kind, size) or worst / low_unit > self._bounds[what]:
            return False
        at = int(np.argmax(np.abs(off)))
        spot = Spot(start + at * self._step, repr(float(found[at])), way, worst / low_unit)
        self._tallies[what] = self._tallies[what].seen("distance", Count(0, spot))
        return True

    # -- point by point ---------------------------------------------------------------------

    def _point_by_point(
        self, what: What, xs: Array, start: int, pieces: Any
    ) -> tuple[Array, Array]:
        high, low = np.empty_like(xs), np.empty_like(xs)
        for s in pieces:
            part = self._slice(s, start, len(xs))
            high[part], low[part] = self._truth.at(xs[part], s.piece, what)
        return high, low

    def _slice(self, stretch: Any, start: int, n: int) -> slice:
        low = max(0, -(-(stretch.start - start) // self._step))
        return slice(low, min(n, -(-(stretch.stop - start) // self._step)))

    def _points(
        self, what: What, way: str, start: int, xs: Array, found: npt.NDArray[Any],
        known: tuple[Array, Array], pieces: Any,
    ) -> None:  # fmt: skip
        found, (truth, rest) = found.astype(np.float64), known

        def note(kind: str, mask: npt.NDArray[np.bool_], sizes: Array | None = None) -> None:
            n = int(np.count_nonzero(mask))
            if n:
                at = np.flatnonzero(mask)
                i = int(at[0] if sizes is None else at[np.argmax(sizes[at])])
                size = 0.0 if sizes is None else float(sizes[i])
                spot = Spot(start + i * self._step, repr(float(found[i])), way, size)
                tally = Count(0 if kind == "distance" else n, spot)
                self._tallies[what] = self._tallies[what].seen(kind, tally)

        no_number, not_found = np.isnan(xs), np.isnan(found)
        note("spurious_nan", not_found & ~no_number)
        note("lost_nan", no_number & ~not_found)
        note("unknown", np.isnan(truth) & ~no_number)
        usable = ~no_number & ~not_found & ~np.isnan(truth)
        if not usable.any():
            return
        truth = np.where(usable, truth, 0.0)
        found = np.where(usable, found, 0.0)
        ulps = distance(self._kind, found, truth, rest)
        tiny = self._lost_to_underflow(xs, found, truth)
        far = ulps > self._bounds[what] + RESOLUTION
        note("underflow", far & tiny, ulps)
        note("sign", (found * np.sign(truth) < 0) & usable)
        lost = (found == 0) & (np.abs(truth) >= self._kind.smallest) & ~tiny
        note("zero", usable & (lost | ((found != 0) & (truth == 0))))
        note("spurious_inf", np.isinf(found) & np.isfinite(truth) & far)
        wrong = far & ~tiny
        excused = np.zeros_like(wrong)
        if wrong.any():
            at = np.flatnonzero(wrong)
            excused[at] = ulps[at] <= self._allowed(what, start, xs[at], truth[at], at, pieces)
        note("excused", wrong & excused, ulps)
        note("beyond", wrong & ~excused, ulps)
        note("distance", usable & ~(far & tiny) & ~excused, ulps)

    def _lost_to_underflow(self, xs: Array, found: Array, truth: Array) -> npt.NDArray[np.bool_]:
        """Results made of numbers too small for full precision, which may also be flushed to 0."""
        size = np.minimum(np.abs(xs), 1e30)
        growth = (1 + size) * (1 + np.minimum(size, 1e3))
        small = np.abs(truth) <= self._computing.smallest_normal * growth
        flushed = (np.abs(found) <= np.abs(truth)) & (found * truth >= 0)
        return small & (flushed | (np.abs(found - truth) <= self._computing.smallest * growth))

    def _allowed(
        self, what: What, start: int, xs: Array, truth: Array, at: npt.NDArray[np.int64],
        pieces: Any,
    ) -> Array:  # fmt: skip
        """Ulps that the bound allows: of the truth, or of the truth at an x as many ulps away."""
        allowed = np.full(xs.shape, self._bounds[what])
        ordinary = np.isfinite(xs) & np.isfinite(truth)
        if self._kind.bits == 16 or not ordinary.any():
            return allowed
        owner = np.zeros(xs.shape, dtype=np.int64)
        for s in pieces:
            part = self._slice(s, start, int(at[-1]) + 1)
            owner[(at >= part.start) & (at < part.stop)] = s.piece
        steep = self._truth.steepness(xs[ordinary], owner[ordinary], what)
        moved = steep * self._kind.quantum(xs[ordinary])
        moved = moved / self._kind.quantum(truth[ordinary])
        if self._truth.polynomial:  # only next to a zero: elsewhere arithmetic does better
            moved = np.where(moved > self._bounds[what], moved, 0.0)
        allowed[ordinary] += self._bounds[what] * moved
        return allowed


def _computing(kind: FloatFormat) -> FloatFormat:
    return float_format("float64" if kind.name == "float64" else "float32")
