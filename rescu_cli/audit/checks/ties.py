"""Which side's gradient a callable takes exactly at a kink."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import sympy as sp

from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.report import Check, Status, shown
from rescu_cli.audit.subject import Subject
from rescu_cli.audit.truth import Truth
from rescu_cli.core.edges import float_format

_BESIDE = Fraction(1, 2**120)
"""So close to a joint that f' is its one-sided limit."""


def check_ties(subject: Subject, truth: Truth, kind: str) -> Iterator[Check]:
    """One check per joint at which f′ jumps and that the format holds.

    The stated rule is the activation's; the other side's gradient, or one between, is a note.
    """
    if not subject.framework.differentiable:
        return
    form = float_format(kind)
    for joint, point in zip(truth.joints, truth.activation.breakpoints, strict=True):
        at = float(form.round(joint))
        if sp.Rational(at) != point:
            continue
        left, rule, right = (
            float(truth.reference.enclose(Fraction(at) + side * _BESIDE, "gradient").mid())
            for side in (-1, 0, 1)
        )
        if abs(left - right) <= 1e-9 * max(abs(left), abs(right), 1.0):
            continue
        try:
            found = float(subject.gradient(np.array([at]), kind)[0])
        except CallableError as error:
            yield Check("tie", kind, "skipped", 1, worst_x=at, note=str(error))
            continue
        status, note = _judge(found, left, rule, right, 8 * float(form.quantum(np.array(1.0))))
        yield Check("tie", kind, status, 1, worst_x=at, found=found, expected=float(rule),
                    note=f"at x = {shown(at)} {note}" if note else "")  # fmt: skip


def _judge(
    found: float, left: float, rule: float, right: float, slack: float
) -> tuple[Status, str]:
    if abs(found - rule) <= slack:
        return "ok", ""
    stated = f"the stated rule is {shown(float(rule))}"
    for side, slope in (("left", left), ("right", right)):
        if abs(found - slope) <= slack:
            return "note", f"it takes the gradient of the {side} side, {shown(found)}; {stated}"
    if min(left, right) < found < max(left, right):
        return "note", f"it takes {shown(found)}, between both sides; {stated}"
    what = "is NaN" if math.isnan(found) else f"is {shown(found)}"
    return "failed", f"the gradient {what}, not that of either side; {stated}"
