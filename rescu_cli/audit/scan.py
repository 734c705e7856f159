"""Jumps and kinks of a black box, found on a grid and closed in on to neighbouring floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.report import shown
from rescu_cli.core.edges import FloatFormat

Array = npt.NDArray[np.float64]
Ask = Callable[[Array], Array]
_BLOCK = 64
_STANDS_OUT = 50.0
"""How far above its surroundings a difference must stand: curvature does not change that fast."""
_MOST = 24


@dataclass(frozen=True)
class Jump:
    """Two neighbouring floats between which a function leaps.

    Args:
        left: The lower float.
        right: The next one.
        below: f(left).
        above: f(right).
    """

    left: float
    right: float
    below: float
    above: float

    @property
    def size(self) -> float:
        return self.above - self.below

    @property
    def at(self) -> float:
        """The rounder of the two floats, which is the one that somebody wrote down."""
        return min((self.left, self.right), key=lambda v: len(repr(v)))

    def sentence(self) -> str:
        """``jumps by 0.125 at x = −1, from 0 to 0.125``."""
        low, high = (0.0 if abs(v) < 1e-9 * abs(self.size) else v for v in (self.below, self.above))
        return (
            f"jumps by {shown(abs(self.size), 3)} at x = {shown(self.at)}, from {shown(low)} to "
            f"{shown(high)}"
        )


@dataclass(frozen=True)
class Kink:
    """A bend: the slope changes while the value does not."""

    at: float
    slope_left: float
    slope_right: float


Breaks = tuple[tuple[Jump, ...], tuple[Kink, ...]]


def find_breaks(ask: Ask, form: FloatFormat, xs: Array) -> Breaks:
    """Every jump and kink that stands out on a grid, from left to right.

    Args:
        ask: The function.
        form: Format that it computes in.
        xs: Evenly spaced ascending points, at least four blocks of them.
    """
    ys = ask(xs)
    suspects = _suspects(form, xs, ys)
    if not len(suspects):
        return (), ()
    slope = np.diff(ys) / np.diff(xs)
    guess = (slope[suspects - 1] + slope[suspects + 1]) / 2
    a, b = _closed_in(ask, form, xs[suspects], xs[suspects + 1], guess)
    fa, fb = ask(a), ask(b)
    scale = np.maximum(np.maximum(np.abs(fa), np.abs(fb)), np.abs(a))
    noise = 64 * form.quantum(np.maximum(scale, xs[1] - xs[0]))
    local = _STANDS_OUT * _roughness(form, xs, ys)
    jumps: dict[float, Jump] = {}
    kinks: dict[float, Kink] = {}
    for k, i in enumerate(suspects.tolist()):
        if abs(fb[k] - fa[k]) > max(noise[k], local[i]):
            jumps[float(a[k])] = Jump(float(a[k]), float(b[k]), float(fa[k]), float(fb[k]))
        else:
            kink = _kink(ask, xs, ys, slope, i)
            if kink is not None:
                kinks[round(kink.at, 9)] = kink
    return tuple(jumps[at] for at in sorted(jumps)), tuple(kinks[at] for at in sorted(kinks))


def _roughness(form: FloatFormat, xs: Array, ys: Array) -> Array:
    """The usual second difference around each interval, by blocks."""
    residual = _residual(ys)
    n_blocks = len(residual) // _BLOCK
    medians = np.median(residual[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK), axis=1)
    padded = np.pad(medians, 1, mode="edge")
    around = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    spread = np.repeat(around, _BLOCK)
    rounding = form.quantum(np.maximum(np.abs(xs[:-1]), np.abs(ys[:-1])))
    return np.maximum(np.resize(spread, len(residual)), rounding)


def _residual(ys: Array) -> Array:
    """|Δᵢ − (Δᵢ₋₁ + Δᵢ₊₁)/2| per interval: 0 on lines, tiny on curves, large at breaks."""
    steps = np.diff(ys)
    inner = np.abs(steps[1:-1] - (steps[:-2] + steps[2:]) / 2)
    return np.concatenate([[0.0], inner, [0.0]])


def _suspects(form: FloatFormat, xs: Array, ys: Array) -> npt.NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        ys = np.where(np.isfinite(ys), ys, np.nan)
        residual = np.nan_to_num(_residual(ys))
        rough = np.nan_to_num(_roughness(form, xs, np.nan_to_num(ys)))
    out = np.flatnonzero(residual > _STANDS_OUT * rough)
    out = out[(out >= 2) & (out <= len(xs) - 4)]
    # A break shows in up to three intervals; the middle one is the largest.
    peak = out[(residual[out] >= residual[out - 1]) & (residual[out] >= residual[out + 1])]
    return peak[np.argsort(-residual[peak])][:_MOST]


def _closed_in(
    ask: Ask, form: FloatFormat, a: Array, b: Array, slope: Array
) -> tuple[Array, Array]:
    """Halve [a, b] on the floats, keeping the half that departs more from ``slope``."""
    a, b = a.copy(), b.copy()
    for _ in range(form.bits + 2):
        middle = np.clip(_between(form, a, b), a, b)
        if np.all((middle <= a) | (middle >= b)):
            break
        fa, fm, fb = ask(a), ask(middle), ask(b)
        left = np.abs(fm - fa - slope * (middle - a)) >= np.abs(fb - fm - slope * (b - middle))
        moving = (middle > a) & (middle < b)
        a = np.where(moving & ~left, middle, a)
        b = np.where(moving & left, middle, b)
    return a, b


def _between(form: FloatFormat, a: Array, b: Array) -> Array:
    """The float with as many floats below it in [a, b] as above: 64 halvings reach any pair."""
    if form.name not in ("float32", "float64"):
        return form.round(a + (b - a) / 2)
    real, whole = (np.float32, np.int32) if form.name == "float32" else (np.float64, np.int64)

    def rank(values: Array) -> npt.NDArray[np.int64]:
        codes = (values + 0.0).astype(real).view(whole).astype(np.int64)
        lowest = np.int64(np.iinfo(whole).min)
        return np.where(codes < 0, lowest - codes, codes)

    low, high = rank(a), rank(b)
    middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
    lowest = np.int64(np.iinfo(whole).min)
    codes = np.where(middle < 0, lowest - middle, middle).astype(whole)
    return codes.view(real).astype(np.float64)


def _kink(ask: Ask, xs: Array, ys: Array, slope: Array, i: int) -> Kink | None:
    """Where the lines on both sides meet, if the slope still changes on a much finer scale."""
    # The kink is in interval i or beside it, so that only the next but one are straight.
    left, right = float(slope[i - 2]), float(slope[i + 2])
    if not (np.isfinite(left) and np.isfinite(right)) or abs(left - right) < 1e-4:
        return None
    at = (ys[i + 2] - ys[i - 1] + left * xs[i - 1] - right * xs[i + 2]) / (left - right)
    if not xs[i - 1] <= at <= xs[i + 2]:
        return None
    step = (xs[i + 1] - xs[i]) / 16
    near = ask(np.array([at - 2 * step, at - step, at + step, at + 2 * step]))
    fine_left, fine_right = (near[1] - near[0]) / step, (near[3] - near[2]) / step
    if abs(fine_left - fine_right) < 0.7 * abs(left - right):
        return None
    rounded = round(float(at), 4) + 0.0
    at = rounded if abs(rounded - at) <= step else float(at)
    return Kink(at, left, right)
