"""What a black box really computes: a catalogue activation, moved and scaled if need be.

Equality with a tolerance on samples, so evidence and not proof; `rescu_cli.catalogue.recognise`
compares formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from rescu_cli.audit.families import Family, families, tidy

Array = npt.NDArray[np.float64]
_FEW = 2
_CLOSE = 2e-7
"""Relative to max(1, |x|): a float32 callable is no closer to itself."""


@dataclass(frozen=True)
class Match:
    """A function that agrees with the samples.

    Args:
        spec: As typed on the command line; '' if it is not in the catalogue as it stands.
        sentence: In words.
        family: Catalogue name.
        values: Its parameters, if it is that function as it stands.
    """

    spec: str
    sentence: str
    family: str
    values: tuple[float, ...] = ()


def recognise_samples(
    xs: Array, ys: Array, hints: Mapping[str, float], close: float = _CLOSE
) -> Match | None:
    """The simplest catalogue activation through the samples, None if there is none.

    Parameters are tried at their defaults and at the numbers of ``hints``, then fitted; at last
    a·f(bx) + c is.

    Args:
        xs: Points, finite.
        ys: The black box there; points where it is not finite are left out.
        hints: Numbers that its parameters may have.
        close: Largest error relative to max(1, |x|).
    """
    kept = np.isfinite(ys)
    xs, ys = xs[kept], ys[kept]
    if len(xs) < 16:
        return None
    if np.ptp(ys) <= close:
        return Match("", f"the constant {float(ys[0]):.6g}", "constant")
    allowed = close * np.maximum(1.0, np.abs(xs))
    for family in families():
        for values in _guesses(family, hints):
            if np.all(np.abs(family.evaluate(xs, values) - ys) <= allowed):
                return Match(family.spec(values), family.sentence(values), family.name, values)
    for few in (True, False):  # three parameters and more fit nearly anything: they come last
        for family in families():
            if not family.parameters or (len(family.parameters) <= _FEW) != few:
                continue
            fitted = _fitted(family, xs, ys, allowed)
            if fitted is not None:
                return Match(family.spec(fitted), family.sentence(fitted), family.name, fitted)
        match = _best_moved(xs, ys, allowed) if few else None
        if match is not None:
            return match
    return None


def _best_moved(xs: Array, ys: Array, allowed: Array) -> Match | None:
    moved = [m for m in (_moved(family, xs, ys, allowed) for family in families()) if m]
    return min(moved, key=lambda m: len(m.sentence), default=None)  # the fewest constants


def _guesses(family: Family, hints: Mapping[str, float]) -> list[tuple[float, ...]]:
    rows = [family.defaults]
    if family.parameters:
        named = tuple(
            hints.get(n, d) for n, d in zip(family.parameters, family.defaults, strict=True)
        )
        rows.append(named)
    if len(family.parameters) == 1:
        numbers = {v for h in hints.values() if h > 0 for v in (h, 1 / h, h / 2, 2 * h, 2 / h)}
        rows += [(v,) for v in (1.0, 0.5, 2.0, *sorted(numbers))]
    return list(dict.fromkeys(rows))


def _fitted(family: Family, xs: Array, ys: Array, allowed: Array) -> tuple[float, ...] | None:
    """Least squares from several widths, positive parameters on a logarithmic scale."""
    positive = np.array(family.positive)

    def values_of(p: Array) -> Array:
        return np.where(positive, np.exp(np.clip(p, -20, 20)), p)

    def off(p: Array) -> Array:
        residual = family.evaluate(xs, values_of(p).tolist()) - ys
        return np.nan_to_num(residual, nan=1e3, posinf=1e3, neginf=-1e3)

    defaults = np.array(family.defaults)
    for factor in (1.0, 0.25, 4.0):
        start = np.where(positive, np.log(np.where(positive, defaults * factor, 1.0)), defaults)
        found = least_squares(off, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=40)
        # A coarse look first: most families are nowhere near.
        if np.max(np.abs(found.fun)) > 1e-2 * max(1.0, float(np.max(np.abs(ys)))):
            continue
        values = values_of(found.x)
        if np.any(positive & (values < 1e-4)):  # a width below the samples' spacing fits any kink
            continue
        if np.all(np.abs(family.evaluate(xs, values.tolist()) - ys) <= allowed):
            return _tidied(family, values.tolist(), xs, ys, allowed)
    return None


def _tidied(
    family: Family, values: Sequence[float], xs: Array, ys: Array, allowed: Array
) -> tuple[float, ...]:
    """The fitted numbers with as few digits as still fit."""
    kept = tuple(values)
    for i in range(len(kept)):
        for number in tidy(kept[i]):
            trial = (*kept[:i], number, *kept[i + 1 :])
            if np.all(np.abs(family.evaluate(xs, trial) - ys) <= allowed):
                kept = trial
    return kept


def _moved(family: Family, xs: Array, ys: Array, allowed: Array) -> Match | None:
    """a·f(bx) + c with f at its defaults: b on a grid, a and c by linear least squares."""
    scales = np.concatenate([s * np.exp2(np.arange(-4, 4.01, 0.5)) for s in (1.0, -1.0)])
    for b in (1.0, -1.0):  # where f scales by itself, no other b says more
        a, c, _, _ = _linear(family, xs, ys, b)
        row = (_snap(a), b, _snap(c))
        if abs(a) > 1e-6 and _all_fit(family, row, xs, ys, allowed):
            return _moved_match(family, *row)
    best = min(scales, key=lambda b: _linear(family, xs, ys, float(b))[2])
    found = least_squares(
        lambda p: _linear(family, xs, ys, float(p[0]))[3], [best], xtol=1e-14, ftol=1e-14,
        gtol=1e-14, max_nfev=30,
    )  # fmt: skip
    b = float(found.x[0])
    a, c, _, _ = _linear(family, xs, ys, b)
    if abs(a) < 1e-6 or not 1 / 64 <= abs(b) <= 64:  # a wide scale fits any jump or line
        return None
    for numbers in ((_snap(a), _snap(b), _snap(c)), (a, b, c)):
        if _all_fit(family, numbers, xs, ys, 4 * allowed):
            return _moved_match(family, *numbers)
    return None


def _all_fit(family: Family, row: Sequence[float], xs: Array, ys: Array, allowed: Array) -> bool:
    a, b, c = row
    return bool(np.all(np.abs(a * family.evaluate(b * xs, family.defaults) + c - ys) <= allowed))


def _snap(value: float) -> float:
    return float(f"{value:.7g}") if abs(value) > 1e-7 else 0.0


def _linear(family: Family, xs: Array, ys: Array, b: float) -> tuple[float, float, float, Array]:
    basis = np.column_stack([family.evaluate(b * xs, family.defaults), np.ones_like(xs)])
    if not np.all(np.isfinite(basis)):
        return 0.0, 0.0, float("inf"), np.full_like(xs, 1e3)
    solution, *_ = np.linalg.lstsq(basis, ys, rcond=None)
    residual = basis @ solution - ys
    return float(solution[0]), float(solution[1]), float(np.max(np.abs(residual))), residual


def _moved_match(family: Family, a: float, b: float, c: float) -> Match:
    inner = "x" if b == 1 else "-x" if b == -1 else f"{b:.7g}*x"
    name = family.spec(family.defaults)
    text = f"{name}({inner})" if inner != "x" else f"{name}(x)"
    if a != 1:
        text = f"{a:.7g}*{text}" if a != -1 else f"-{text}"
    if c:
        text += f" {'+' if c > 0 else '-'} {abs(c):.7g}"
    return Match("", text, family.name)
