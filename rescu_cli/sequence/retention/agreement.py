"""Whether the three forms agree: a table of differences, and how they grow with ε."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from rescu_cli.errors import UnknownNameError, UsageError
from rescu_cli.sequence.retention.forms import FORMS, Heads, parallel
from rescu_cli.sequence.retention.layer import DTYPES, Layer, LayerRequest

GROWTH_EPS = (0.0, 1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
SAFETY = 8.0  # random layers in float64 and float32 stay below a third of it
MOST_RELATIVE = 0.1
"""Share of the largest output from which on roundings explain too much for a verdict."""
Gate = Callable[[Tensor], Tensor]
Form = Callable[[Heads], Tensor]


@dataclass(frozen=True)
class Agreement:
    """Differences between forms of one layer.

    Args:
        eps: Of the group norm.
        dtype: In which all was computed.
        max_abs: Largest difference of two forms' outputs, by their names; None where an output is
            not finite.
        error: Largest difference of each form from the parallel one in double precision at the
            same ε.
        scale: Largest output.
        tolerance: What roundings explain, at the row where that is most.
        agree: Whether all rows of all forms are finite and within their tolerance; None if the
            tolerance is so large that a wrong form would be within it too.
    """

    eps: float
    dtype: str
    max_abs: dict[str, dict[str, float | None]]
    error: dict[str, float | None]
    scale: float | None
    tolerance: float | None
    agree: bool | None

    @property
    def largest(self) -> float | None:
        """The largest of the table; None if one is not finite."""
        found = [v for row in self.max_abs.values() for v in row.values()]
        return None if None in found else max(v for v in found if v is not None)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "eps": self.eps, "dtype": self.dtype, "max_abs": self.max_abs,
            "largest": self.largest, "relative": _ratio(self.largest, self.scale),
            "error": self.error, "scale": self.scale, "tolerance": self.tolerance,
            "agree": self.agree,
        }  # fmt: skip


def agreements(
    request: LayerRequest, gate: Gate | None, dtypes: Sequence[str], eps: Sequence[float],
    forms: Mapping[str, Form] = FORMS,
) -> list[Agreement]:  # fmt: skip
    """The table for each dtype and ε; the retention itself is computed once per form and dtype.

    A row is within tolerance if its difference is at most 8·u·κ·s: u is the unit roundoff, s the
    largest output, and κ the size that the retention would have if all terms of its sums had
    one sign, over the deviation that the norm divides by; the largest of the heads. Where that is
    more than a tenth of the largest output there is no verdict.

    Args:
        request: Sizes and seed.
        gate: Function of X W_G; None for no gate.
        dtypes: Of `DTYPES`.
        eps: Of the group norm, each finite, 0 or more.
        forms: By name, at least two.

    Raises:
        UsageError: For another dtype or a wrong ε.
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UnknownNameError("dtype", dtype, DTYPES)
    for one in eps:
        if not (isfinite(one) and one >= 0):
            raise UsageError(f"ε = {one} asked; it must be a finite number, 0 or more.")
        for dtype in dtypes:
            if one > torch.finfo(getattr(torch, dtype)).max:
                raise UsageError(f"ε = {one:g} asked, which no {dtype} holds; take a smaller one.")
    with torch.no_grad():
        exact = Layer(request, gate)
        truth, spread = parallel(exact.heads()), _spread(exact.heads())
        right = [exact.finish(truth, one) for one in eps]
        found = []
        for dtype in dtypes:
            layer = Layer(request, gate, getattr(torch, dtype))
            heads = layer.heads()
            kept = {name: form(heads) for name, form in forms.items()}
            found += [
                _compared(layer, kept, one, dtype, true, spread)
                for one, true in zip(eps, right, strict=True)
            ]
        return found


def _compared(
    layer: Layer, kept: Mapping[str, Tensor], eps: float, dtype: str, right: Tensor,
    spread: Tensor,
) -> Agreement:  # fmt: skip
    out = {name: layer.finish(rows, eps).to(torch.float64) for name, rows in kept.items()}
    table: dict[str, dict[str, float | None]] = {a: dict.fromkeys(out, 0.0) for a in out}
    for name, found in out.items():
        table[name][name] = _largest(found - found)
    for a, b in combinations(out, 2):
        table[a][b] = table[b][a] = _largest(out[a] - out[b])
    scale = _largest(right)
    allowed = _allowed(layer.dtype, spread, right)
    pairs = [(out[a] - out[b]).abs().amax(-1) for a, b in combinations(out, 2)]
    # false for NaN, as it must be
    agree: bool | None = all(bool((rows <= allowed).all()) for rows in pairs)
    if agree and float(allowed.max()) > MOST_RELATIVE * (scale or 0.0):
        agree = None
    error = {name: _largest(found - right) for name, found in out.items()}
    return Agreement(eps, dtype, table, error, scale, _largest(allowed), agree)


def _spread(heads: Heads) -> Tensor:
    """κ of each position, (T,)."""
    plain = replace(heads, normalised=False)
    rows = parallel(plain)
    absolute = parallel(replace(plain, q=heads.q.abs(), k=heads.k.abs(), v=heads.v.abs()))
    deviation = rows.std(-1, correction=0)
    return (absolute.square().mean(-1).sqrt() / deviation).amax((0, 1))


def _allowed(dtype: torch.dtype, spread: Tensor, right: Tensor) -> Tensor:
    """What a row may differ by, (T,)."""
    unit = torch.finfo(dtype).eps / 2
    scale = float(right.abs().max())
    return SAFETY * unit * spread * scale


def _largest(values: Tensor) -> float | None:
    found = float(values.abs().max())
    return found if isfinite(found) else None


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b
