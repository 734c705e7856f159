"""Values and gradients that are not finite for ordinary inputs: from where on, and why."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rescu_cli.audit.checks.accuracy import Measured
from rescu_cli.audit.evidence import Evidence
from rescu_cli.audit.report import shown
from rescu_cli.core.edges import float_format


def lost(evidence: Evidence) -> Iterator[str]:
    """Values and gradients that are not finite for inputs of ordinary size."""
    for what in ("value", "gradient"):
        groups = [m for m in evidence.of(what) if m.lost.any()]
        if not groups:
            continue
        native = evidence.subject.native
        first = next((m for m in groups if m.check.dtype == native), groups[0])
        yield _lost_sentence(evidence, first, [m.check.dtype for m in groups])


def _lost_sentence(evidence: Evidence, measured: Measured, dtypes: list[str]) -> str:
    kind, lost = measured.check.dtype, measured.lost
    name = "the value" if measured.what == "value" else "the gradient"
    states = {"nan" if np.isnan(v) else "infinite" for v in measured.found[lost]}
    state = "NaN" if states == {"nan"} else "infinite" if states == {"infinite"} else "not finite"
    where = _threshold(evidence, measured)
    others = f" (also in {', '.join(d for d in dtypes if d != kind)})" if len(dtypes) > 1 else ""
    text = f"{name} is {state} {where} in {kind}{others}"
    raised = getattr(evidence.subject.framework, "raised", {})
    if raised and measured.what == "value":
        return f"{text}: it raises {next(iter(raised.values()))}"
    values = next((m for m in evidence.measured
                   if m.what == "value" and m.check.dtype == kind), None)  # fmt: skip
    if measured.what == "value" or values is None:
        return text + (": a division by zero" if where == "at x = 0" else ": something overflows")
    if values.lost.any():
        return text
    # A branch that is not taken goes wrong where its own argument is large, as NaN.
    far = state == "NaN" and float(np.abs(measured.points[lost]).min()) > 1
    cause = _cause(evidence, kind) if far else "something overflows on the way back"
    return f"{text}, although the value is right there: {cause}"


def _cause(evidence: Evidence, kind: str) -> str:
    framework = evidence.subject.framework
    names: frozenset[str] = frozenset()
    if hasattr(framework, "graph"):
        try:
            names = framework.graph(framework.array(np.array([1.0]), kind), kind)
        except (RuntimeError, AttributeError):
            names = frozenset()
    branches = {"WhereBackward0", "SWhereBackward0"} & names
    grows = {"ExpBackward0", "Expm1Backward0", "PowBackward0", "SinhBackward0", "CoshBackward0"}
    if branches and names & grows:
        step = sorted(names & grows)[0].removesuffix("Backward0").lower()
        return f"{step} overflows in the branch that where does not take, and 0*inf is NaN"
    own = [n for n in names if n.endswith("Backward") and not n.startswith("Accumulate")]
    if own:
        return f"its own backward ({own[0].removesuffix('Backward')}) overflows, such as inf/inf"
    return "something overflows on the way back, as in a branch that is not taken"


def _threshold(evidence: Evidence, measured: Measured) -> str:
    """``for x >= 88.73``: the edge closed in on to neighbouring floats."""
    xs = measured.points[measured.lost]
    if len(np.unique(np.abs(xs))) == 1:
        return f"at x = {shown(float(np.abs(xs[0])))}" if abs(xs[0]) == 0 or len(xs) == 1 else (
            f"at |x| = {shown(float(abs(xs[0])))}")  # fmt: skip
    if xs.min() > 0 or xs.max() < 0:
        sign = 1.0 if xs.min() > 0 else -1.0
        edge = sign * _edge(evidence, measured, float(np.abs(xs).min()), sign)
        far = float(np.abs(xs).max())
        beyond = np.abs(measured.points) >= np.abs(xs).min()
        same = measured.points[beyond & (np.sign(measured.points) == sign)
                               & (np.abs(measured.points) <= far)]  # fmt: skip
        if len(same) == len(xs):
            return f"for x {'>=' if sign > 0 else '<='} {shown(edge, 6)}"
        return f"for {shown(float(xs.min()))} <= x <= {shown(float(xs.max()))}"
    inner = float(np.abs(xs).min())
    hole = np.abs(measured.points) < inner
    return f"for |x| >= {shown(inner)}" if hole.any() and inner > 1e-3 else (
        f"for {shown(float(xs.min()))} <= x <= {shown(float(xs.max()))}")  # fmt: skip


def _edge(evidence: Evidence, measured: Measured, at: float, sign: float) -> float:
    form = float_format(measured.check.dtype)
    inner = np.abs(measured.points[(np.sign(measured.points) == sign) & ~measured.lost])
    inner = inner[inner < at]
    low, high = (float(inner.max()) if len(inner) else 0.0), at
    ask = evidence.subject.value if measured.what == "value" else evidence.subject.gradient
    while True:
        middle = float(form.round(low + (high - low) / 2))
        if not low < middle < high:
            return high
        if np.isfinite(ask(np.array([sign * middle]), form.name)[0]):
            low = middle
        else:
            high = middle
