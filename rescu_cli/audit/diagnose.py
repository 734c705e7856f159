"""From measurements to sentences: what a callable really computes, the gravest finding first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.checks.accuracy import Measured
from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.evidence import Evidence
from rescu_cli.audit.families import spoken
from rescu_cli.audit.lost import lost
from rescu_cli.audit.pieces import difference, formula, polynomial
from rescu_cli.audit.recognise import Match
from rescu_cli.audit.report import Check, shown
from rescu_cli.audit.subject import make_subject
from rescu_cli.core.edges import float_format

Array = npt.NDArray[np.float64]


def diagnose(evidence: Evidence) -> tuple[list[str], Match | None]:
    """Sentences about a callable that disagrees, and what it was recognised as."""
    sentences: list[str] = []
    wrong_values = evidence.of("value")
    native_wrong = [m for m in wrong_values if m.check.dtype == evidence.box.kind and m.bad.any()]
    match = None
    if native_wrong:
        match = evidence.box.match(evidence.values)
        if match is not None and _is_claimed(evidence, match):
            rounded = _cancellation(evidence) or _extent(evidence, native_wrong[0])
            return [rounded, *_use(evidence.checks, values_differ=True, known=True)], match
        if match is not None:
            sentences.append(_identity(evidence, match))
        sentences += [] if match else _constants(evidence)
        sentences += _jumps(evidence)
        sentences += [] if match else _stretches(evidence)
    sentences += _use(evidence.checks, values_differ=bool(native_wrong), known=match is not None)
    sentences += _formats(evidence, wrong_values)
    sentences += _gradient(evidence, bool(native_wrong))
    if not any("a pole at" in s for s in sentences):
        sentences += lost(evidence)
    if native_wrong and not sentences:
        sentences.append(_extent(evidence, native_wrong[0]))
    return list(dict.fromkeys(sentences)), match


def _is_claimed(evidence: Evidence, match: Match) -> bool:
    """Whether it is the claimed function after all, but for errors that samples do not show."""
    values = [v for n, v in evidence.values.items()
              if any(p.name == n for p in evidence.truth.activation.parameters)]  # fmt: skip
    same = match.family == evidence.truth.activation.name and bool(match.spec)
    return same and np.allclose(match.values, values, rtol=1e-5)


def _identity(evidence: Evidence, match: Match) -> str:
    activation = evidence.truth.activation
    spec = f" ({match.spec})" if match.spec else ""
    if match.family == activation.name and match.spec:
        return f"this is {match.sentence}{spec}: the right function with another parameter than " \
            f"{evidence.claimed}"  # fmt: skip
    return f"this is {match.sentence}{spec}, not {evidence.claimed}"


def _jumps(evidence: Evidence) -> Iterator[str]:
    for jump in evidence.box.jumps[:4]:
        low, high = evidence.truth.exact(np.array([jump.left, jump.right]), "value")
        if abs(high - low) > 0.5 * abs(jump.size):
            continue  # the truth jumps there too
        if abs(jump.size) < 1e-7 * max(1.0, abs(jump.below)):
            continue  # a seam of an approximation, such as softplus beyond 20
        yield f"{jump.sentence()}; {evidence.claimed} is continuous there"


def _ends(evidence: Evidence) -> list[float]:
    inner = {*evidence.truth.joints, *(j.at for j in evidence.box.jumps),
             *(k.at for k in evidence.box.kinks)}  # fmt: skip
    ends = sorted(inner)
    kept = [e for i, e in enumerate(ends) if i == 0 or e - ends[i - 1] > 1e-6 * evidence.box.unit]
    return [-np.inf, *kept, np.inf]


def _constants(evidence: Evidence) -> Iterator[str]:
    """Stretches on which it is a constant that the truth is not."""
    ends = _ends(evidence)
    for low, high in pairwise(ends):
        stretch = polynomial(evidence.box.ask, low, high, 8 * evidence.box.unit)
        if stretch is None or stretch.constant is None:
            continue
        truth = polynomial(lambda xs: evidence.truth.quick(xs, "value"), low, high,
                           8 * evidence.box.unit)  # fmt: skip
        if truth is not None and truth.coefficients == stretch.coefficients:
            continue
        inside = _inside(low, high)
        named = _named(evidence, stretch.constant, inside)
        right = f"; {evidence.claimed} is {formula(truth.coefficients)} there" if truth else ""
        yield f"returns {shown(stretch.constant)}{named} {stretch.where()}{right}"


def _inside(low: float, high: float) -> float:
    if np.isinf(low) and np.isinf(high):
        return 0.0
    if np.isinf(low):
        return 2 * high - 1
    return 2 * low + 1 if np.isinf(high) else (low + high) / 2


_RULES: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("{p}", lambda v: v),
    ("{p}/2", lambda v: v / 2),
    ("{p}/4", lambda v: v / 4),
    ("1/{p}", lambda v: 1 / v),
    ("-{p}", lambda v: -v),
)


def _named(evidence: Evidence, constant: float, at: float) -> str:
    """`` (beta/4)`` if the constant follows a parameter that the callable takes."""
    for name in evidence.subject.bound.taken:
        value = evidence.values.get(name)
        if not value:
            continue
        try:
            other = make_subject(evidence.subject.bound.again(**{name: 1.5 * value}))
            # Moved along, since the stretch may scale with the parameter.
            moved = float(other.value(np.array([1.5 * at]), evidence.box.kind)[0])
        except CallableError:
            continue
        for text, rule in _RULES:
            if np.allclose([rule(value), rule(1.5 * value)], [constant, moved], rtol=1e-4):
                return f" ({text.format(p=name)})"
    return ""


def _stretches(evidence: Evidence) -> Iterator[str]:
    """Wrong polynomials on a stretch, or a difference to the truth that has a simple form."""
    native = next(m for m in evidence.measured
                  if m.what == "value" and m.check.dtype == evidence.box.kind)  # fmt: skip
    xs = evidence.box.unit * (np.linspace(-6, 6, 241) + 0.013)
    gap = difference(xs, evidence.box.ask(xs), evidence.truth.quick(xs, "value"))
    if gap is not None and gap != "0":
        pole = " (a pole at x = 0)" if "/x" in gap else ""
        yield f"differs from {evidence.claimed} by {gap} everywhere{pole}"
        return
    ends, said = _ends(evidence), False
    for low, high in pairwise(ends):
        inside = (native.points > low) & (native.points < high) & native.bad
        stretch = polynomial(evidence.box.ask, low, high, 8 * evidence.box.unit)
        if inside.sum() < 2 or stretch is None or stretch.constant is not None:
            continue
        truth = polynomial(lambda xs: evidence.truth.quick(xs, "value"), low, high,
                           8 * evidence.box.unit)  # fmt: skip
        if truth is not None and truth.coefficients != stretch.coefficients:
            said = True
            yield (
                f"computes {formula(stretch.coefficients)} {stretch.where()}; {evidence.claimed} "
                f"is {formula(truth.coefficients)} there"
            )
    if not said and not evidence.box.jumps:
        yield _cancellation(evidence) or _extent(evidence, native)


def _cancellation(evidence: Evidence) -> str | None:
    """Errors that shrink with the format's unit are rounding, not another formula."""
    if evidence.subject.native == evidence.box.kind:
        return None
    coarse = [m for m in evidence.of("value") if m.check.dtype == evidence.subject.native]
    if not coarse or not coarse[0].bad.any():
        return None
    return _rounded(evidence, coarse[0])


def _rounded(evidence: Evidence, measured: Measured) -> str | None:
    order = np.argsort(np.abs(measured.points))
    bad = [i for i in order if measured.bad[i] and np.isfinite(measured.found[i])
           and abs(measured.points[i]) <= 1e4 * evidence.box.unit]  # fmt: skip
    if not bad:
        return None
    far = np.array(bad[-64:])
    fines = evidence.box.ask(measured.points[far])
    exact = evidence.truth.exact(measured.points[far], "value")
    here = np.abs(measured.found[far] - exact)
    there = float(np.nanmax(np.abs(fines - exact)))
    # Rounding errors shrink as the unit of the format does; a branch on the dtype does not.
    shrinks = 2.0 ** (float_format(measured.check.dtype).precision
                      - float_format(evidence.box.kind).precision)  # fmt: skip
    worst = int(np.nanargmax(here))
    nearest = float(np.abs(measured.points[bad[0]]))
    if nearest < 1e-2 * evidence.box.unit or not (
        1e-3 * shrinks <= there / here[worst] <= 1e3 * shrinks
    ):
        return None
    i, fine = int(far[worst]), float(fines[worst])
    x = float(measured.points[i])
    return (
        f"loses digits for large |x|: {shown(float(measured.found[i]), 6)} instead of "
        f"{shown(float(measured.expected[i]), 6)} at x = {shown(x, 6)} in "
        f"{measured.check.dtype}, {shown(fine, 8)} in {evidence.box.kind}; the formula is right, "
        "but terms of it cancel (such as a difference of two squares)"
    )


def _extent(evidence: Evidence, measured: Measured) -> str:
    wrong = measured.points[measured.bad]
    i = int(np.argmax(np.where(measured.bad, np.abs(measured.found - measured.expected), -1.0)))
    share = f"{len(wrong)} of {len(measured.points)} inputs"
    low, high = float(wrong.min()), float(wrong.max())
    only = "only " if (high - low) < 0.1 * evidence.box.unit else ""
    where = f"at x = {shown(low)}" if low == high else (
        f"for {shown(low)} <= x <= {shown(high)}")  # fmt: skip
    return (
        f"differs {only}{where} ({share}); most at x = {shown(float(measured.points[i]))}: "
        f"{shown(float(measured.found[i]))} instead of {shown(float(measured.expected[i]))}"
    )


def _use(checks: Sequence[Check], *, values_differ: bool, known: bool) -> Iterator[str]:
    """Findings that are about how it is called; their notes are sentences already."""
    for check in checks:
        if check.status != "failed":
            continue
        # Another function has other limits, and other values near beta = 0 too.
        if values_differ and (check.check in ("infinity", "tie") or "beyond" in check.witness):
            continue
        if known and check.check.endswith("= 0"):
            continue
        if check.check == "batch" and "more than one element" in check.note:
            yield (
                "uses a Python if (or another scalar operation) on a tensor: it works on single "
                "numbers and raises for more than one element"
            )
        elif check.check not in ("value", "gradient"):
            yield f"{check.check}: {check.note}" if "beyond" in check.witness else check.note


def _formats(evidence: Evidence, wrong: Sequence[Measured]) -> Iterator[str]:
    """A format that is wrong while the finest one is right."""
    finest = next((m for m in wrong if m.check.dtype == evidence.box.kind), None)
    for measured in wrong:
        if finest is not None and finest.bad.any():
            return
        if measured.lost.any() or not measured.bad.any():
            if not measured.bad.any() and not measured.lost.any():
                yield f"in {measured.check.dtype}: {measured.check.note}"
            continue
        rounded = _rounded(evidence, measured) if measured is not finest else None
        yield rounded or f"in {measured.check.dtype} it {_extent(evidence, measured)}"


def _gradient(evidence: Evidence, values_differ: bool) -> Iterator[str]:
    """Gradients that are wrong by themselves, not only because the value is another function."""
    wrong = [m for m in evidence.of("gradient") if m.bad.any()]
    cut = [m for m in evidence.of("gradient") if not m.bad.any() and not m.lost.any()]
    if cut:
        yield f"the gradient: {cut[0].check.note}"
    own = evidence.box.wrong_slope()
    if own is not None:
        name = spoken(evidence.truth.activation.name)
        yield own.sentence() + ("" if values_differ else f", as {name} has")
        return
    if not wrong or values_differ:
        return
    first = next((m for m in wrong if m.check.dtype == evidence.subject.native), wrong[0])
    others = ", ".join(m.check.dtype for m in wrong)
    yield f"the gradient is wrong in {others}: it {_extent(evidence, first)}"
