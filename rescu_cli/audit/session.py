"""One audit from beginning to end: load, compare, scan, say what was found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rescu_cli.audit.bind import bind
from rescu_cli.audit.box import Box, scan_box
from rescu_cli.audit.checks.accuracy import ALONE, measure
from rescu_cli.audit.checks.extremes import check_infinity, check_nan
from rescu_cli.audit.checks.layout import check_layout
from rescu_cli.audit.checks.parameters import check_parameters
from rescu_cli.audit.checks.repeat import require_repeatable
from rescu_cli.audit.checks.ties import check_ties
from rescu_cli.audit.claims import decide
from rescu_cli.audit.diagnose import diagnose
from rescu_cli.audit.evidence import Evidence
from rescu_cli.audit.families import spoken
from rescu_cli.audit.load import load
from rescu_cli.audit.report import AuditReport, Check, shown
from rescu_cli.audit.subject import Subject, make_subject
from rescu_cli.audit.truth import Truth
from rescu_cli.core.activation import Activation
from rescu_cli.core.reference import What
from rescu_cli.errors import ParameterError


def run(
    text: str, against: Activation | None, *, require: Sequence[str], values: Mapping[str, float]
) -> AuditReport:
    """See `rescu_cli.audit.audit`."""
    loaded = load(text)
    target = None if against is None else against.with_defaults()
    numbers = {**_numbers(target), **values}
    subject = make_subject(bind(loaded, numbers))
    unused = [n for n in values if n not in subject.bound.taken]
    if unused:
        raise ParameterError(
            f"{text} takes no parameter {unused[0]!r}; it takes: "
            f"{', '.join(subject.bound.taken) or 'none by that name'}."
        )
    before = require_repeatable(subject)
    if target is None:
        checks, diagnosis, recognised, box = _alone(subject)
    else:
        checks, diagnosis, recognised, box = _compared(subject, target, against, numbers)
    require_repeatable(subject, before)
    return AuditReport(
        callable=text,
        against=None if target is None else target.spec,
        digest=None if target is None else target.digest,
        source_sha256=loaded.sha256,
        framework=subject.framework.name,
        taken={n: numbers[n] for n in subject.bound.taken},
        checks=tuple(checks),
        diagnosis=tuple(diagnosis),
        recognised=tuple(recognised),
        claims=decide(box, require) if require else (),
    )


def _numbers(target: Activation | None) -> dict[str, float]:
    if target is None:
        return {}
    return {p.name: float(p.value) for p in target.parameters if p.value is not None}


_Outcome = tuple[list[Check], list[str], list[str], Box]


def _compared(
    subject: Subject, target: Activation, asked: Activation | None, numbers: dict[str, float]
) -> _Outcome:
    truth = Truth(target)
    whats: tuple[What, ...] = ("value", "gradient")
    whats = whats[: 1 + subject.framework.differentiable]
    measured = [measure(subject, truth, k, what) for what in whats for k in subject.formats]
    checks = [m.check for m in measured]
    checks += _formats_left_out(subject)
    for kind in subject.formats:
        checks += check_ties(subject, truth, kind)
    checks += [check_infinity(subject, truth, kind) for kind in subject.formats]
    checks += [check_nan(subject, kind) for kind in subject.formats]
    checks += check_layout(subject, truth.joints, truth.width)
    checks.append(Check("repeat", subject.native, "ok", 4 * 4097))
    checks += check_parameters(subject, _family(target), numbers)
    box = scan_box(subject, truth.joints, truth.width)
    diagnosis: list[str] = []
    recognised = [target.spec]
    if any(c.status == "failed" for c in checks):
        evidence = Evidence(subject, truth, measured, checks, box, numbers)
        diagnosis, match = diagnose(evidence)
        wrong = any(m.check.dtype == box.kind and m.what == "value" and m.check.status == "failed"
                    for m in measured)  # fmt: skip
        recognised = [match.spec] if match and match.spec else [] if wrong else recognised
    diagnosis += dict.fromkeys(f"note: {c.note}" for c in checks if ALONE in c.note)
    diagnosis += _remarks(subject, target, asked)
    if not truth.screens:
        few = min(c.n_inputs for c in checks if c.check == "value")
        diagnosis.append(
            f"note: {target.spec} cannot be exported; compared at {few} points per format only"
        )
    return checks, diagnosis, recognised, box


def _family(target: Activation) -> Activation:
    """The catalogue entry with its parameters open; the activation itself if it is no such."""
    from rescu_cli import catalogue
    from rescu_cli.catalogue.table import TABLE

    if target.name not in TABLE:
        return target
    fixed = {p.name: p.value for p in target.parameters if p.value is not None}
    family = catalogue.get(target.name)
    return family if family.bind(fixed).digest == target.digest else target


def _formats_left_out(subject: Subject) -> list[Check]:
    return [Check("value", kind, "skipped", note=f"not taken: {reason}")
            for kind, reason in subject.refused.items()]  # fmt: skip


def _remarks(subject: Subject, target: Activation, asked: Activation | None) -> Iterator[str]:
    """What to know of the comparison itself."""
    untaken = [p.name for p in target.parameters if p.name not in subject.bound.taken]
    if untaken:
        yield (
            f"note: it takes no parameter called {', '.join(untaken)}; it was compared as it is "
            f"with {target.spec}"
        )
    if asked is not None and asked.free_parameters:
        names = " and ".join(p.name for p in asked.free_parameters)
        yield f"note: {names} left open; compared at the default, {target.spec}"
    if not subject.framework.differentiable:
        yield f"note: {subject.framework.name} code has no automatic gradient; values only"


def _alone(subject: Subject) -> _Outcome:
    """No claim to compare with: what it computes, and what is odd about it."""
    box = scan_box(subject)
    match = box.match({**subject.bound.values, "beta": 1.0})
    checks = [check_nan(subject, kind) for kind in subject.formats]
    checks += check_layout(subject, (), 1.0)
    checks.append(Check("repeat", subject.native, "ok", 4 * 4097))
    checks += _formats_left_out(subject)
    sentences = []
    if match is not None:
        spec = f" ({match.spec})" if match.spec else ""
        sentences.append(
            f"this is {match.sentence}{spec}, as far as floats tell"
            + ("" if not match.spec else f"; compare it with: --against {match.spec}")
        )
    else:
        sentences.append("it is none of the catalogue, nor one of it moved and scaled")
    sentences += [jump.sentence() for jump in box.jumps[:6]]
    sentences += _bends(box)
    if len(box.undefined):
        low, high = float(box.undefined.min()), float(box.undefined.max())
        where = (
            f"at x = {shown(low)}" if low == high else f"within {shown(low)} <= x <= {shown(high)}"
        )
        sentences.append(f"the value is not finite {where} ({len(box.undefined)} grid points)")
    if box.slopes is not None:
        lost = box.xs[np.isfinite(box.ys) & ~np.isfinite(box.slopes)]
        if len(lost):
            sentences.append(
                f"the gradient is not finite within {shown(float(lost.min()))} <= x <= "
                f"{shown(float(lost.max()))}, where the value is"
            )
    wrong = box.wrong_slope()
    if wrong is not None:
        sentences.append(wrong.sentence())
    sentences += dict.fromkeys(c.note for c in checks if c.status == "failed")
    recognised = [match.spec] if match and match.spec else []
    return checks, sentences, recognised, box


def _bends(box: Box) -> Iterator[str]:
    seen: list[float] = []
    for kink in box.kinks[:6]:
        seen.append(kink.at)
        yield (
            f"bends at x = {shown(kink.at)}: slope {shown(kink.slope_left)} on the left, "
            f"{shown(kink.slope_right)} on the right"
        )
    for jump in box.slope_jumps[:6]:
        if not any(math.isclose(jump.at, s, abs_tol=1e-3) for s in seen):
            yield f"the gradient jumps from {shown(jump.below)} to {shown(jump.above)} at " \
                f"x = {shown(jump.at)}"  # fmt: skip


__all__ = ["run", "spoken"]
