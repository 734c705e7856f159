"""The same numbers alone, in batches of every size, in other shapes and other memory layouts.

An activation acts on each element for itself. So there is nothing to compare with but the callable
itself: one number at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from rescu_cli.audit.adaptor import Layout
from rescu_cli.audit.errors import CallableError
from rescu_cli.audit.report import Check, Status, shown
from rescu_cli.audit.subject import Subject
from rescu_cli.core.edges import edge_grid, float_format

Array = npt.NDArray[np.float64]
_SIZES = (*range(1, 71), 100, 127, 128, 129, 255, 256, 257, 1000, 1024, 4097)
"""Vector code works in lanes and blocks, and its remainders run elsewhere."""
_FEW_SIZES = (1, 2, 3, 8, 16, 17, 33, 70, 257)
_SHAPES = ((5, 14), (2, 5, 7), (1, 70), (70, 1), (2, 1, 7, 5))
Ask = Callable[[Array, str, Layout], Array]


def check_layout(subject: Subject, joints: tuple[float, ...], width: float) -> Iterator[Check]:
    """Batches, shapes, 0-d and empty input, memory layouts, and the input left alone.

    Args:
        subject: The callable.
        joints: Where the function bends; the points of these checks lie around them.
        width: Of its transition.
    """
    kind = subject.native
    if subject.framework.name == "python":
        return
    xs = _points(kind, joints, width)
    if subject.one_by_one:
        note = f"raises for more than one element: {subject.batch_error}"
        yield Check("batch", kind, "failed", 2, note=note, witness={"size": 2})
        return
    yield from _batches(subject, kind, xs)
    yield _shapes(subject, kind, xs)
    yield _memory(subject, kind, xs, "layout", subject.value)
    if subject.framework.differentiable and len(subject.framework.layouts) > 1:
        yield _memory(subject, kind, xs, "layout gradient", subject.gradient)
    yield _unchanged(subject, kind, xs)


def _points(kind: str, joints: tuple[float, ...], width: float) -> Array:
    edges = edge_grid(kind, joints)
    edges = edges[np.isfinite(edges) & (np.abs(edges) < 1e4 * max(1.0, width))]
    inside = np.random.default_rng(7).uniform(-3, 3, 70) * max(1.0, width)
    # Shuffled: otherwise the first points of every batch would all be small.
    mixed = np.random.default_rng(8).permutation(np.concatenate([edges, inside]))
    return float_format(kind).round(mixed)


def _batches(subject: Subject, kind: str, xs: Array) -> Iterator[Check]:
    alone = np.array([subject.value(xs[i : i + 1], kind)[0] for i in range(len(xs))])
    sizes = _FEW_SIZES if subject.framework.compiles else _SIZES
    tiled = np.resize(xs, sizes[-1])
    truth = np.resize(alone, sizes[-1])
    for size in sizes:
        try:
            found = subject.value(tiled[:size], kind)
        except CallableError as error:
            yield Check("batch", kind, "failed", size, note=f"a batch of {size}: {error}",
                        witness={"size": size})  # fmt: skip
            return
        i = _first_difference(kind, tiled[:size], found, truth[:size])
        if i is not None:
            yield Check(
                "batch", kind, "failed", size,
                worst_x=float(tiled[i]), found=float(found[i]), expected=float(truth[i]),
                note=(
                    f"the result depends on the batch: x = {shown(float(tiled[i]))} gives "
                    f"{_two(truth[i], found[i])[0]} alone, {_two(truth[i], found[i])[1]} in a "
                    f"batch of {size}"
                ),
                witness={"size": size},
            )  # fmt: skip
            return
    yield Check("batch", kind, "ok", sum(sizes))


def _shapes(subject: Subject, kind: str, xs: Array) -> Check:
    flat = xs[:70]
    truth = subject.value(flat, kind)
    for shape in _SHAPES:
        try:
            found = subject.value(flat.reshape(shape), kind).ravel()
        except CallableError as error:
            return Check("shape", kind, "failed", 70, note=f"an input of shape {shape}: {error}",
                         witness={"shape": list(shape)})  # fmt: skip
        i = _first_difference(kind, flat, found, truth)
        if i is not None:
            note = (
                f"the result depends on the shape: x = {shown(float(flat[i]))} gives "
                f"{_two(found[i], truth[i])[0]} in shape {shape}, "
                f"{_two(found[i], truth[i])[1]} in (70,)"
            )
            return Check("shape", kind, "failed", 70, worst_x=float(flat[i]),
                         found=float(found[i]), expected=float(truth[i]), note=note,
                         witness={"shape": list(shape)})  # fmt: skip
    odd = []
    for name, points in (("0-d", flat[:1].reshape(())), ("empty", flat[:0])):
        try:
            found = subject.value(points, kind)
        except CallableError as error:
            odd.append(f"{name} input: {error}")
            continue
        if found.size and _first_difference(kind, flat[:1], found.ravel(), truth[:1]) is not None:
            return Check(
                "shape",
                kind,
                "failed",
                1,
                worst_x=float(flat[0]),
                found=float(found),
                expected=float(truth[0]),
                note=f"{name} input gives another value",
            )
    note = "; ".join(odd)
    return Check("shape", kind, "note" if odd else "ok", 70 * len(_SHAPES), note=note)


def _memory(subject: Subject, kind: str, xs: Array, title: str, ask: Ask) -> Check:
    xs = xs[: len(xs) // 2 * 2]
    try:
        truth = ask(xs, kind, "contiguous")
    except CallableError as error:
        return Check(title, kind, "skipped", note=str(error))
    for layout in subject.framework.layouts[1:]:
        try:
            found = ask(xs, kind, layout)
        except CallableError as error:
            # What overwrites its input cannot take one whose elements share their memory.
            status: Status = "note" if layout == "expanded" else "failed"
            return Check(title, kind, status, len(xs), note=f"{layout} input: {error}",
                         witness={"layout": layout})  # fmt: skip
        found = found[0] if layout == "expanded" else found.ravel()
        i = _first_difference(kind, xs, found, truth)
        if i is not None:
            note = (
                f"the result depends on the memory layout: x = {shown(float(xs[i]))} gives "
                f"{_two(found[i], truth[i])[0]} in a {layout} input, "
                f"{_two(found[i], truth[i])[1]} in a contiguous one"
            )
            return Check(title, kind, "failed", len(xs), worst_x=float(xs[i]),
                         found=float(found[i]), expected=float(truth[i]), note=note,
                         witness={"layout": layout})  # fmt: skip
    return Check(title, kind, "ok", len(xs) * (len(subject.framework.layouts) - 1))


def _unchanged(subject: Subject, kind: str, xs: Array) -> Check:
    x = subject.framework.array(xs, kind)
    before = subject.framework.read(x)
    try:
        subject.raw(x, kind)
    except CallableError as error:
        return Check("input kept", kind, "skipped", len(xs), note=str(error))
    after = subject.framework.read(x)
    if before is None or after is None:  # what the framework makes, it can read
        return Check("input kept", kind, "skipped", len(xs))
    changed = np.flatnonzero(~((before == after) | (np.isnan(before) & np.isnan(after))))
    if not len(changed):
        return Check("input kept", kind, "ok", len(xs))
    i = int(changed[0])
    note = (
        f"it overwrites its input: x = {shown(float(before[i]))} has become "
        f"{shown(float(after[i]))}"
    )
    asked = bool(getattr(subject.bound.owner, "inplace", False))
    return Check("input kept", kind, "note" if asked else "failed", len(xs),
                 worst_x=float(before[i]), found=float(after[i]), expected=float(before[i]),
                 note=note + (" (inplace=True)" if asked else ""))  # fmt: skip


def _two(a: float, b: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart."""
    for digits in (4, 6, 9, 17):
        pair = shown(float(a), digits), shown(float(b), digits)
        if pair[0] != pair[1]:
            break
    return pair


def _first_difference(kind: str, xs: Array, found: Array, truth: Array) -> int | None:
    """The first point where two ways of asking differ by more than vector code may round apart."""
    form = float_format(kind)
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.where(np.isfinite(truth), np.abs(truth), 0.0)
        scale = np.maximum(np.maximum(np.abs(xs), size), 1.0)
        allowed = np.maximum(16 * form.quantum(size), 4 * form.quantum(scale))
        same = (found == truth) | (np.isnan(found) & np.isnan(truth))
        same |= np.abs(found - truth) <= np.maximum(allowed, form.smallest_normal)
    different = np.flatnonzero(~same)
    return int(different[0]) if len(different) else None
