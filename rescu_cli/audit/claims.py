"""Claims about a black box: floats can refute, and never prove."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.box import Box
from rescu_cli.audit.report import BlackBoxClaim, shown
from rescu_cli.core.edges import float_format

Array = npt.NDArray[np.float64]
UNPROVABLE = (
    "nothing found against it at {n} floats; a black box cannot be proved. To prove it, state the "
    "formula (rescu derive) and verify that"
)


def decide(box: Box, names: Sequence[str]) -> tuple[BlackBoxClaim, ...]:
    """Each claim refuted by a witness, or undecided."""
    return tuple(_one(box, name) for name in names)


def _one(box: Box, name: str) -> BlackBoxClaim:
    finders = {
        "continuous": (_jump, _gap),
        "smooth": (_jump, _gap),
        "monotone": (_decrease,),
        "convex": (_jump, _concave),
        "rescu": (_jump, _slope_break, _slope_turns),
        "gradient_lipschitz": (_jump, _slope_break),
        "gradient_matches": (_mismatch,),
    }
    for find in finders.get(name, ()):
        found = find(box)
        if found is not None:
            witness, reason = found
            return BlackBoxClaim(name, "refuted", witness, reason)
    return BlackBoxClaim(name, "undecided", None, UNPROVABLE.format(n=len(box.xs)))


_Found = tuple[dict[str, float], str] | None


def _jump(box: Box) -> _Found:
    if not box.jumps:
        return None
    jump = max(box.jumps, key=lambda j: abs(j.size))
    return {"x": jump.left, "next": jump.right, "f(x)": jump.below, "f(next)": jump.above}, (
        f"jumps by {shown(abs(jump.size), 3)} between the neighbouring floats at "
        f"x = {shown(jump.at)}"
    )


def _gap(box: Box) -> _Found:
    if not len(box.undefined):
        return None
    x = float(box.undefined[np.argmin(np.abs(box.undefined))])
    return {"x": x}, f"has no finite value at x = {shown(x)}"


def _slack(box: Box) -> Array:
    """What rounding may do to a difference of two values."""
    form = float_format(box.kind)
    return 64 * form.quantum(np.maximum(np.abs(box.xs), np.abs(np.nan_to_num(box.ys))))


def _decrease(box: Box) -> _Found:
    """The deepest fall below a value further left, beyond rounding."""
    ys = np.where(np.isfinite(box.ys), box.ys, -np.inf)
    record = np.maximum.accumulate(ys)
    drop = np.where(np.isfinite(box.ys), record - ys, 0.0) - _slack(box)
    i = int(np.argmax(drop))
    if drop[i] <= 0:
        return None
    j = int(np.argmax(ys[: i + 1]))
    a, b = float(box.xs[j]), float(box.xs[i])
    return {"x": a, "y": b, "f(x)": float(ys[j]), "f(y)": float(ys[i])}, (
        f"decreases: f({shown(a)}) = {shown(float(ys[j]))} but f({shown(b)}) = "
        f"{shown(float(ys[i]))}"
    )


def _concave(box: Box) -> _Found:
    """A chord that lies below the function in its middle."""
    for step in (1, 64, 1024):
        a, m, b = box.ys[: -2 * step], box.ys[step:-step], box.ys[2 * step :]
        with np.errstate(invalid="ignore"):
            above = np.nan_to_num(m - (a + b) / 2) - _slack(box)[2 * step :]
        i = int(np.argmax(above))
        if above[i] > 0:
            x = float(box.xs[i + step])
            return {"x": x, "h": float(box.xs[i + step] - box.xs[i])}, (
                f"bends down: at x = {shown(x)} the value lies above the middle of a chord by "
                f"{shown(float(m[i] - (a[i] + b[i]) / 2), 2)}"
            )
    return None


def _slope_break(box: Box) -> _Found:
    for jump in box.slope_jumps:
        return {"x": jump.left, "next": jump.right, "f'(x)": jump.below, "f'(next)": jump.above}, (
            f"the gradient jumps by {shown(abs(jump.size), 3)} at x = {shown(jump.at)}"
        )
    for kink in box.kinks:
        return {"x": kink.at, "left": kink.slope_left, "right": kink.slope_right}, (
            f"the slope changes from {shown(kink.slope_left)} to {shown(kink.slope_right)} at "
            f"x = {shown(kink.at)}"
        )
    return None


def _slope_turns(box: Box) -> _Found:
    """A gradient that goes up and comes down again, or the other way round."""
    coarse, values = box.xs[::64], box.ys[::64]
    with np.errstate(invalid="ignore"):
        slopes = np.diff(values) / np.diff(coarse)
    rounding = float(np.max(_slack(box))) / float(coarse[1] - coarse[0])
    if not np.all(np.isfinite(slopes)):
        return None
    rises = [i for i, (a, b) in enumerate(pairwise(slopes)) if b - a > 1e-6 + 2 * rounding]
    falls = [i for i, (a, b) in enumerate(pairwise(slopes)) if a - b > 1e-6 + 2 * rounding]
    if not (rises and falls):
        return None
    return {"rises at": float(coarse[rises[0]]), "falls at": float(coarse[falls[0]])}, (
        f"the gradient rises near x = {shown(float(coarse[rises[0]]))} and falls near "
        f"x = {shown(float(coarse[falls[0]]))}"
    )


def _mismatch(box: Box) -> _Found:
    wrong = box.wrong_slope()
    if wrong is None:
        return None
    witness = {"x": wrong.x, "autograd": wrong.found, "slope of the values": wrong.slope}
    return witness, wrong.sentence()
