"""±inf and NaN: what goes in must come out as the limit, and as NaN."""

from __future__ import annotations

import math

import numpy as np

from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.report import Check, Status, shown
from rescu_cli.audit.subject import Subject
from rescu_cli.audit.truth import Truth
from rescu_cli.core.edges import float_format
from rescu_cli.core.reference import What


def check_infinity(subject: Subject, truth: Truth | None, kind: str) -> Check:
    """f(±inf) and f′(±inf): another number than the limit fails; NaN is worth a note.

    x·gate(x) is inf·0 at −inf in the frameworks' own functions, so NaN there is common practice.
    """
    if truth is None:
        return Check("infinity", kind, "skipped", note="nothing to compare with")
    status: Status = "ok"
    notes: list[str] = []
    worst: tuple[float, float, float] | None = None
    whats: tuple[What, ...] = ("value", "gradient")
    for what in whats[: 1 + subject.framework.differentiable]:
        for x in (-math.inf, math.inf):
            limit = truth.reference(x, what)
            limit = float(float_format(kind).round(limit))
            name = "f" if what == "value" else "f'"
            try:
                ask = subject.value if what == "value" else subject.gradient
                found = float(ask(np.array([x]), kind)[0])
            except CallableError as error:
                notes.append(f"{name}({x:+}) raises: {error}")
                continue
            allowed = 4 * float(float_format(kind).quantum(np.array(1 + abs(limit)))) if (
                math.isfinite(limit)) else 0.0  # fmt: skip
            if found == limit or abs(found - limit) <= allowed:
                continue
            worst = worst or (x, found, limit)
            notes.append(f"{name}({x:+}) = {shown(found)}, the limit is {shown(limit)}")
            if not math.isnan(found) and what == "value":
                status, worst = "failed", (x, found, limit)
    if notes and status == "ok":
        status = "note"
    x_, found_, limit_ = worst or (None, None, None)
    return Check("infinity", kind, status, 2, worst_x=x_, found=found_, expected=limit_,
                 note="; ".join(notes))  # fmt: skip


def check_nan(subject: Subject, kind: str) -> Check:
    """f(NaN) must be NaN: a number would hide that a run has diverged."""
    points = np.array([1.0, math.nan, -1.0])
    try:
        found = subject.value(points, kind)
    except CallableError as error:
        return Check("NaN", kind, "note", 1, note=f"raises: {error}")
    if not math.isnan(found[1]):
        return Check(
            "NaN",
            kind,
            "failed",
            1,
            worst_x=math.nan,
            found=float(found[1]),
            expected=math.nan,
            note=f"hides NaN: f(NaN) = {shown(float(found[1]))}",
        )
    if math.isnan(found[0]) or math.isnan(found[2]):
        return Check("NaN", kind, "failed", 3, worst_x=1.0, found=math.nan,
                     note="one NaN spoils its neighbours in the batch")  # fmt: skip
    return Check("NaN", kind, "ok", 1)
