"""`Box`: what a callable is by itself, compared with nothing: its breaks, gaps and slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.grid import REACH, even, spread
from rescu_cli.audit.recognise import Match, recognise_samples
from rescu_cli.audit.report import shown
from rescu_cli.audit.scan import Jump, Kink, find_breaks
from rescu_cli.audit.subject import Subject
from rescu_cli.core.edges import float_format

Array = npt.NDArray[np.float64]
_STEPS, _STEPS_ALONE = 1 << 11, 1 << 7


@dataclass(frozen=True)
class WrongSlope:
    """Where automatic differentiation does not give the slope of the values.

    Args:
        x: The worst point.
        found: The gradient there.
        slope: The slope of the values there.
        alone: Whether it is the only such point of the grid.
    """

    x: float
    found: float
    slope: float
    alone: bool

    def sentence(self) -> str:
        """In words, for reports."""
        where = f"at x = {shown(self.x)}"
        if self.alone:
            where += " (there only, as where kinks of several terms meet)"
        return (
            f"the gradient is not the derivative of the value: {where} autograd gives "
            f"{shown(self.found)}, the values have slope {shown(self.slope)}"
        )


@dataclass(frozen=True)
class Box:
    """A scanned callable.

    Args:
        subject: The callable.
        kind: Format of the scan, the finest there is.
        unit: Length unit of the grid.
        xs: The grid.
        ys: The values on it.
        jumps: Of the value.
        kinks: Of the value.
        slopes: The gradient on the grid, None without automatic differentiation.
        slope_jumps: Jumps of that gradient.
    """

    subject: Subject
    kind: str
    unit: float
    xs: Array
    ys: Array
    jumps: tuple[Jump, ...]
    kinks: tuple[Kink, ...]
    slopes: Array | None
    slope_jumps: tuple[Jump, ...]

    def ask(self, xs: Array) -> Array:
        """The callable in the format of the scan."""
        return self.subject.value(float_format(self.kind).round(xs), self.kind)

    def match(self, hints: dict[str, float]) -> Match | None:
        """The catalogue activation that it equals on samples."""
        near = np.exp2(np.arange(-12.0, 0.0, 1.5))
        xs = self.unit * np.concatenate([-near[::-1], near, np.linspace(-6, 6, 121) + 0.013])
        xs = float_format("float32").round(np.sort(xs))
        coarse = self.kind in ("float16", "bfloat16")
        return recognise_samples(xs, self.ask(xs), hints, 2e-2 if coarse else 2e-6)

    @property
    def undefined(self) -> Array:
        """Grid points without a finite value."""
        return self.xs[~np.isfinite(self.ys)]

    def wrong_slope(self) -> WrongSlope | None:
        """The worst point where autograd does not give the slope of the values, if there is one.

        Points beside breaks are left out.
        """
        if self.slopes is None:
            return None
        h = self.xs[1] - self.xs[0]
        ys, xs = self.ys, self.xs[2:-2]
        with np.errstate(invalid="ignore"):
            # Five points: the error is h⁴f⁽⁵⁾/30.
            slope = (ys[:-4] - 8 * ys[1:-3] + 8 * ys[3:-1] - ys[4:]) / (12 * h)
            left, right = (ys[2:-2] - ys[:-4]) / (2 * h), (ys[4:] - ys[2:-2]) / (2 * h)
            smooth = np.abs(left - right) < 0.05
            gap = np.abs(self.slopes[2:-2] - slope)
            rounding = 64 * float_format(self.kind).quantum(np.maximum(np.abs(xs), 1.0)) / h
            wrong = smooth & (gap > 2e-3 * np.maximum(1.0, np.abs(slope)) + rounding)
        broken = [j.at for j in self.jumps] + [k.at for k in self.kinks]
        for at in broken:
            wrong &= np.abs(xs - at) > 3 * h
        if not wrong.any():
            return None
        i = int(np.argmax(np.where(wrong, gap, -1.0)))
        alone = int(wrong.sum()) == 1
        return WrongSlope(float(xs[i]), float(self.slopes[2:-2][i]), float(slope[i]), alone)


def scan_box(subject: Subject, joints: tuple[float, ...] = (), width: float = 1.0) -> Box:
    """Scan a callable over ±`REACH` units for jumps, kinks and missing values.

    Args:
        subject: The callable.
        joints: Where it is said to bend, if anything is said.
        width: Of its transition.
    """
    kind = subject.finest
    form = float_format(kind)
    unit = spread(joints, width)
    xs = form.round(even(unit, _STEPS_ALONE if subject.one_by_one else _STEPS))

    def value(points: Array) -> Array:
        return subject.value(form.round(points), kind)

    def gradient(points: Array) -> Array:
        return subject.gradient(form.round(points), kind)

    ys = value(xs)
    jumps, kinks = find_breaks(value, form, xs)
    slopes: Array | None = None
    slope_jumps: tuple[Jump, ...] = ()
    if subject.framework.differentiable:
        try:
            slopes = gradient(xs)
            slope_jumps, _ = find_breaks(gradient, form, xs)
        except CallableError:
            slopes = None
    return Box(subject, kind, unit, xs, ys, jumps, kinks, slopes, slope_jumps)


__all__ = ["REACH", "Box", "scan_box"]
