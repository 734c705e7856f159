"""A parameter on its way to the edge of its domain, such as beta → 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rescu_cli.audit.checks.accuracy import measure
from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.report import Check, shown
from rescu_cli.audit.subject import Subject, make_subject
from rescu_cli.audit.truth import Truth
from rescu_cli.core.activation import Activation
from rescu_cli.core.edges import edge_grid, float_format
from rescu_cli.errors import ParameterError

_SMALL = (1e-2, 1e-5)
"""Widths met where beta is learned and driven towards 0."""


def check_parameters(
    subject: Subject, family: Activation, values: dict[str, float]
) -> Iterator[Check]:
    """At 0: refused, or the limit function. Close to 0: still the function.

    Args:
        subject: The callable.
        family: The activation with its parameters free; its ``limits`` say what 0 means.
        values: The numbers of the audit.
    """
    for limit in family.limits:
        names = [name for name, _ in limit.at]
        if not all(n in subject.bound.taken for n in names):
            continue
        shown_names = ", ".join(names)
        title = f"{shown_names} = 0"
        try:
            target = family.bind({**values, **dict.fromkeys(names, 0)})
        except ParameterError:
            continue
        yield _at_zero(subject, target, title, dict.fromkeys(names, 0.0))
        for small in _SMALL:
            yield _close_to_zero(subject, family, values, names, small)


def _at_zero(subject: Subject, target: Activation, title: str, zero: dict[str, float]) -> Check:
    kind = subject.native
    try:
        at_zero = make_subject(subject.bound.again(**zero))
    except CallableError:
        return Check(title, kind, "ok", 1, note="refused")
    truth = Truth(target)
    edges = edge_grid(kind, truth.joints)
    form = float_format(kind)
    xs = np.concatenate([edges[np.isfinite(edges)], np.linspace(-3, 3, 61)])
    xs = form.round(xs[np.abs(xs) < 1e4])
    try:
        found = at_zero.value(xs, kind)
    except CallableError:
        return Check(title, kind, "ok", len(xs), note="refused")
    expected = truth.exact(xs, "value")
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(found - expected) <= truth.allowed(form, xs, expected, "value"))
    if not wrong.any():
        return Check(title, kind, "ok", len(xs), note=f"is {target.name} in the limit")
    i = int(np.flatnonzero(wrong)[np.argmin(np.abs(xs[wrong]))])
    raised = getattr(at_zero.framework, "raised", {}).get(float(xs[i]), "")
    note = f"{title} is accepted and gives {raised or shown(float(found[i]))} at "
    note += f"x = {shown(float(xs[i]))}"
    if np.isnan(found[i]) or raised:
        note += " (0/0); refuse it, or return the limit"
    return Check(title, kind, "failed", len(xs), worst_x=float(xs[i]), found=float(found[i]),
                 expected=float(expected[i]), note=note, witness=dict(zero))  # fmt: skip


def _close_to_zero(
    subject: Subject, family: Activation, values: dict[str, float], names: list[str], small: float
) -> Check:
    kind = subject.native
    title = f"{', '.join(names)} = {small:g}"
    try:
        near = make_subject(subject.bound.again(**dict.fromkeys(names, small)))
    except CallableError as error:
        return Check(title, kind, "note", 0, note=str(error))
    target = family.bind({**values, **dict.fromkeys(names, small)})
    found = measure(near, Truth(target), kind, "value", most=4000).check
    return Check(
        title,
        kind,
        found.status,
        found.n_inputs,
        found.max_ulp,
        found.worst_x,
        found.found,
        found.expected,
        found.share,
        found.note,
        witness={**dict.fromkeys(names, small), "beyond": "the audited parameters"},
    )
