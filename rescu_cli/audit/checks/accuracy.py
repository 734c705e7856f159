"""Values and gradients against the truth, format by format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.grid import ordinary, points, spread
from rescu_cli.audit.report import Check, Status, shown
from rescu_cli.audit.subject import Subject
from rescu_cli.audit.truth import Truth
from rescu_cli.core.edges import FloatFormat, float_format, neighbours
from rescu_cli.core.reference import What
from rescu_cli.export.ulp import distance

Array = npt.NDArray[np.float64]
_MOST_ALONE = 2500
"""Points for a callable that takes one tensor element at a time, some 20 µs each."""
_MOST_REFERENCED = 150
"""Points for a function that only the reference can evaluate."""
ALONE = "alone"
"""A word of the note on single floats, by which the diagnosis finds it."""
_MAX_LONE = 4
"""More single floats with a wrong gradient are a fault."""
_CONFIRMED = 300
"""Suspects that the reference is asked about at a time."""


@dataclass(frozen=True)
class Measured:
    """Everything that was measured for one quantity in one format.

    Args:
        check: The verdict on it.
        what: Value or gradient.
        points: Where.
        found: The callable's answers.
        expected: The truth, to screening accuracy.
        bad: Points at which it is wrong.
        lost: Points of ordinary size at which it is not finite though the truth is.
    """

    check: Check
    what: What
    points: Array
    found: Array
    expected: Array
    bad: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]


def measure(
    subject: Subject, truth: Truth, name: str, what: What, *, most: int | None = None
) -> Measured:
    """Compare one quantity in one format at every point of its grid.

    Args:
        subject: The callable.
        truth: What it claims to be.
        name: Format.
        what: Value or gradient.
        most: At how many points, if not at all.
    """
    kind = float_format(name)
    if subject.one_by_one:
        most = min(most or _MOST_ALONE, _MOST_ALONE)
    if not truth.screens:
        most = min(most or _MOST_REFERENCED, _MOST_REFERENCED)
    xs = points(name, truth.joints, truth.width, most=most)
    try:
        found = subject.value(xs, name) if what == "value" else subject.gradient(xs, name)
    except CallableError as error:
        return _unanswered(what, name, xs, str(error))
    return _judged(subject, truth, kind, what, xs, found)


def _unanswered(what: What, name: str, xs: Array, text: str) -> Measured:
    nothing = np.zeros(xs.shape, dtype=bool)
    check = Check(what, name, "failed", len(xs), note=text)
    return Measured(check, what, xs, np.full(xs.shape, np.nan), xs * np.nan, nothing, nothing)


def _judged(
    subject: Subject, truth: Truth, kind: FloatFormat, what: What, xs: Array, found: Array
) -> Measured:
    expected = truth.quick(xs, what)
    # Where the truth is beyond the format, infinity and any huge number are right.
    inside = np.isfinite(kind.round(expected)) & np.isfinite(expected)
    broken = inside & ~np.isfinite(found)
    usual = ordinary(xs, spread(truth.joints, truth.width))
    allowed = truth.allowed(kind, xs, expected, what)
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.where(inside & ~broken, np.abs(found - expected) / allowed, 0.0)
    suspects = np.flatnonzero(ratio > 1)
    bad, expected = _confirmed(truth, kind, what, xs, found, expected, suspects, ratio)
    cleared = np.zeros(xs.shape, dtype=bool)
    cleared[suspects] = ~bad[suspects]
    ratio = np.where(cleared, 1.0, ratio)
    lost = broken & usual
    beside = np.zeros(xs.shape, dtype=bool)
    if what == "gradient":  # where squares overflow, a finite gradient is as lost as a NaN
        broken = broken | (bad & ~usual)
        bad = bad & usual
        beside = bad & np.isfinite(found) & truth.beside_joint(kind, xs)
        bad = bad & ~beside
    lone = (
        _lone(subject, truth, kind, xs, found, bad)
        if what == "gradient"
        else np.zeros(xs.shape, dtype=bool)
    )
    bad = bad & ~lone
    fine = inside & ~broken
    with np.errstate(invalid="ignore"):
        ulps = np.where(
            fine,
            distance(
                kind, np.where(fine, found, 0.0), np.where(fine, expected, 0.0), np.zeros(xs.shape)
            ),
            0.0,
        )
        ulps = np.where(cleared, 0.0, ulps)  # the gradient of a tie's other side is no error
    worst = _worst(xs, bad, lost, ratio, ulps)
    status, note = _verdict(subject, truth, kind, what, xs, found, expected, bad, lost, broken,
                            beside)  # fmt: skip
    if lone.any() and status in ("ok", "note"):
        status, note = "note", _lone_note(xs[lone], found[lone], expected[lone])
    check = Check(
        what, kind.name, status, len(xs),
        max_ulp=float(np.max(ulps[fine], initial=0.0)),
        worst_x=float(xs[worst]), found=float(found[worst]), expected=float(expected[worst]),
        share=float(ratio[worst]), note=note,
    )  # fmt: skip
    return Measured(check, what, xs, found, expected, bad, lost)


def _lone(
    subject: Subject, truth: Truth, kind: FloatFormat, xs: Array, found: Array,
    bad: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Wrong but finite gradients at a few single floats whose neighbours in the format are right.

    Where kinks of several terms of a formula meet they may cancel on paper, and automatic
    differentiation takes its own convention at each: the values are right, and so is the gradient
    at every other float.
    """
    none = np.zeros(xs.shape, dtype=bool)
    places = np.unique(xs[bad])
    if not 0 < len(places) <= _MAX_LONE or not np.all(np.isfinite(found[bad])):
        return none
    around = np.array([p for x in places for p in neighbours(kind, float(x)) if p != x])
    exact = truth.exact(around, "gradient")
    low, high = truth.hull(kind, around, exact, "gradient")
    got = subject.gradient(around, kind.name)
    off = np.maximum(low - got, got - high)
    right = off <= truth.allowed(kind, around, exact, "gradient")  # False for NaN
    right |= np.isfinite(got) & truth.beside_joint(kind, around)  # worth a note of its own
    return bad.copy() if bool(np.all(right)) else none


def _lone_note(xs: Array, found: Array, expected: Array) -> str:
    x, got, true = (shown(float(a[0])) for a in (xs, found, expected))
    count = len(np.unique(xs))
    others = f" (and at {count - 1} other single floats)" if count > 1 else ""
    return (
        f"at x = {x} {ALONE}{others} the gradient is {got}, not {true}: kinks of several terms "
        "meet there, and automatic differentiation has a convention at each"
    )


def _confirmed(
    truth: Truth, kind: FloatFormat, what: What, xs: Array, found: Array, expected: Array,
    suspects: npt.NDArray[np.int64], ratio: Array,
) -> tuple[npt.NDArray[np.bool_], Array]:  # fmt: skip
    """Which suspects the reference finds wrong; beyond `_CONFIRMED` wrong ones, they all count."""
    bad = np.zeros(xs.shape, dtype=bool)
    expected = expected.copy()
    ranked = suspects[np.argsort(-ratio[suspects], kind="stable")]
    for start in range(0, min(len(ranked), 10 * _CONFIRMED), _CONFIRMED):
        some = ranked[start : start + _CONFIRMED]
        exact = truth.exact(xs[some], what)
        low, high = truth.hull(kind, xs[some], exact, what)
        allowed = truth.allowed(kind, xs[some], exact, what)
        known = np.isfinite(exact)
        with np.errstate(invalid="ignore"):
            off = np.maximum(low - found[some], found[some] - high)
        bad[some] = known & (off > allowed)
        expected[some] = np.where(known, exact, expected[some])
        if bad[some].all():
            bad[ranked] = True
            break
    return bad, expected


def _worst(
    xs: Array, bad: npt.NDArray[np.bool_], lost: npt.NDArray[np.bool_], ratio: Array, ulps: Array
) -> int:
    """The point to show: the largest confirmed error, else a lost value, else the most ulps."""
    if lost.any() and not bad.any():
        return int(np.flatnonzero(lost)[np.argmin(np.abs(xs[lost]))])
    if bad.any():
        return int(np.argmax(np.where(bad, ratio, -1.0)))
    return int(np.argmax(ulps))


def _verdict(
    subject: Subject, truth: Truth, kind: FloatFormat, what: What, xs: Array, found: Array,
    expected: Array, bad: npt.NDArray[np.bool_], lost: npt.NDArray[np.bool_],
    broken: npt.NDArray[np.bool_], beside: npt.NDArray[np.bool_],
) -> tuple[Status, str]:  # fmt: skip
    if lost.any():
        where = _range(xs[lost])
        return "failed", f"not finite {where}, where the truth is ({int(lost.sum())} inputs)"
    if bad.any():
        if kind.name == "float64" and _single_precision(truth, what, xs, found, expected, bad):
            worst = int(np.argmax(np.where(bad, np.abs(found - expected), -1.0)))
            error = abs(found[worst] - expected[worst])
            return "note", (
                f"accurate only to float32 precision: off by {shown(error, 2)} at "
                f"x = {shown(float(xs[worst]))} (an approximation, or computed in float32)"
            )
        return "failed", f"wrong {_range(xs[bad])} ({int(bad.sum())} of {len(xs)} inputs)"
    if kind.name in subject.widened:
        return "note", f"answers {kind.name} in {subject.widened[kind.name]}"
    if beside.any():
        i = int(np.flatnonzero(beside)[0])
        return "note", (
            f"beside x = {shown(float(xs[i]))}, {int(beside.sum())} float(s) get "
            f"{shown(float(found[i]))}: rounding sends its terms to different sides of the joint"
        )
    if broken.any():
        wrong = "not finite" if what == "value" else "not finite or wrong"
        return "note", f"{wrong} for some |x| >= {shown(float(np.abs(xs[broken]).min()))}"
    return "ok", ""


def _single_precision(
    truth: Truth, what: What, xs: Array, found: Array, expected: Array, bad: npt.NDArray[np.bool_]
) -> bool:
    """Whether every error of a float64 result would be rounding in float32."""
    kind = float_format("float32")
    off = np.abs(found[bad] - expected[bad])
    return bool(np.all(off <= truth.allowed(kind, xs[bad], expected[bad], what)))


def _range(xs: Array) -> str:
    low, high = float(xs.min()), float(xs.max())
    if low == high:
        return f"at x = {shown(low)}"
    inner = float(np.abs(xs).min())
    if low < 0 < high and inner > 1e-3 and len(xs) > 2:
        return f"for some |x| >= {shown(inner)}"
    return f"within {shown(low)} <= x <= {shown(high)}"
